"""Metrics read back: sums, rates, and answers that are no metrics; the texts are of a service that saw our showcase."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.errors import UsageError
from flowclass.top.scrape import Scrape, ScrapeError, fetch, rate, rates_by

EARLY, LATE = ((Path(__file__).parent / f"{name}.txt").read_text() for name in ("early", "late"))


@pytest.fixture
def early() -> Scrape:
    return Scrape.parse(EARLY, 100.0)


@pytest.fixture
def late() -> Scrape:
    return Scrape.parse(LATE, 125.0)


def test_total__sums_over_labels(late: Scrape) -> None:
    assert late.total("flowclass_calls_ended_total") == 6
    assert late.total("flowclass_calls_ended_total", app="viber") == 2
    assert late.total("flowclass_calls_ended_total", app="viber", outcome="one-way") == 0
    assert late.total("flowclass_nonsense") is None


def test_by__sums_by_one_label(late: Scrape) -> None:
    assert late.by("flowclass_calls_ended_total", "outcome") == {"answered": 6, "one-way": 0, "unknown": 0}


def test_mean__is_of_a_histogram(late: Scrape) -> None:
    assert late.mean("flowclass_call_mos", app="viber", bound="high") == pytest.approx(4.5, abs=0.1)
    assert late.mean("flowclass_call_mos", app="skype", bound="high") is None


def test_rate__is_growth_over_time(early: Scrape, late: Scrape) -> None:
    flows = late.total("flowclass_flows_created_total"), early.total("flowclass_flows_created_total")
    assert flows[0] is not None
    assert flows[1] is not None
    assert rate(early, late, "flowclass_flows_created_total") == (flows[0] - flows[1]) / 25
    assert rates_by(early, late, "flowclass_calls_ended_total", "app")["viber"] == 2 / 25


def test_rate__without_an_earlier_look_is_unknown(late: Scrape) -> None:
    assert rate(None, late, "flowclass_read_packets_total") is None


def test_rate__of_a_service_that_began_anew_counts_from_0(early: Scrape, late: Scrape) -> None:
    again = Scrape(150.0, early.samples)
    assert rate(late, again, "flowclass_flows_ended_total") == (early.total("flowclass_flows_ended_total") or 0) / 25


@pytest.mark.parametrize("text", ["<html>no</html>", "flowclass_x{", "flowclass_x one\n"])
def test_other_answers__are_no_metrics(text: str) -> None:
    with pytest.raises(ScrapeError, match="no metrics"):
        Scrape.parse(text, 0.0)


def test_address_of_another_kind__is_refused() -> None:
    with pytest.raises(UsageError, match="file:///etc/passwd is no address of a service"):
        fetch("file:///etc/passwd")


def test_nobody_there__is_said() -> None:
    with pytest.raises(ScrapeError, match=r"no metrics from http://127.0.0.1:1/metrics: .*refused"):
        fetch("http://127.0.0.1:1/metrics")
