"""Counters and histograms of ended calls, as a scrape shows them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowclass.metrics.calls import CallTotals, Histogram
from tests.calls.records import call_with

CALL = call_with()


def test_calls_are_counted_by_application_and_outcome() -> None:
    totals = CallTotals()
    totals.add([CALL, CALL, replace(CALL, outcome="one-way"), replace(CALL, app="viber")])
    assert totals.ended == {
        ("whatsapp", "other", "answered"): 2, ("whatsapp", "other", "one-way"): 1, ("viber", "other", "answered"): 1
    }  # fmt: skip
    assert totals.talk["whatsapp",].total == 180.0


def test_calls_are_counted_by_network() -> None:
    totals = CallTotals()
    totals.add([replace(CALL, network="blue"), replace(CALL, network="blue", talk_s=1.5), replace(CALL, bytes_up=7)])
    assert totals.ended["whatsapp", "blue", "answered"] == 2
    assert totals.talk_s["whatsapp", "blue", "answered"] == 61.5
    assert totals.media_bytes["whatsapp", "other", "up"] == 7
    assert totals.confidence["whatsapp",].counts[-1] == 3


def test_quality_goes_into_histograms_by_direction_and_bound() -> None:
    totals = CallTotals()
    totals.add([CALL])
    assert totals.loss["whatsapp", "down"].total == 0.02
    assert totals.jitter["whatsapp", "up"].total == 0.004
    assert (totals.mos["whatsapp", "low"].total, totals.mos["whatsapp", "high"].total) == (2.9, 4.1)


def test_void_quality_is_not_counted() -> None:
    totals = CallTotals()
    totals.add([replace(CALL, quality_valid=False, mos_low=None, mos_high=None)])
    assert (totals.loss, totals.jitter, totals.mos) == ({}, {}, {})


@given(st.lists(st.floats(0, 100)))
def test_histogram__buckets_are_cumulative_and_hold_every_value(values: list[float]) -> None:
    histogram = Histogram((1.0, 10.0, 50.0))
    for value in values:
        histogram.observe(value)
    wanted = [sum(value <= edge for value in values) for edge in (1.0, 10.0, 50.0, float("inf"))]
    assert [count for _, count in histogram.buckets()] == wanted
    assert histogram.total == pytest.approx(sum(values))
