"""The screen says what the metrics say, in 80 columns."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flowclass.top.scrape import Scrape
from flowclass.top.screen import scaled, screen
from tests.top.test_scrape import EARLY, LATE


def shown(late: str, early: str | None = None, width: int = 80) -> str:
    before = None if early is None else Scrape.parse(early, 100.0)
    out = io.StringIO()
    Console(file=out, width=width, no_color=True).print(screen(Scrape.parse(late, 125.0), before, "somewhere"))
    return out.getvalue()


def line_of(text: str, word: str) -> list[str]:
    return next(line for line in text.splitlines() if line.strip(" │").startswith(word)).split()


def test_calls__have_their_numbers() -> None:
    line = line_of(shown(LATE, EARLY), "viber")
    assert line[:5] == ["viber", "0", "2", "2", "0"]
    assert line_of(shown(EARLY), "whatsapp")[1] == "2"


def test_link__has_rates_between_two_looks() -> None:
    text = shown(EARLY.replace('capture_dropped_packets_total{interface="eth1",where="kernel"} 0.0', "x 0.0"))
    assert "- packets/s" not in text
    grown = LATE.replace("flowclass_read_packets_total 2971.0", "flowclass_read_packets_total 25002971.0")
    early = EARLY.replace("flowclass_read_packets_total", "ignored_name")
    assert "1.00 Mpackets/s" in shown(grown, early)


def test_drops__are_shown() -> None:
    old = 'flowclass_capture_dropped_packets_total{interface="eth1",where="kernel"} 0.0'
    assert old in LATE
    assert "dropped 50 (2 /s)" in shown(LATE.replace(old, old.replace(" 0.0", " 50.0")), EARLY)


def test_what_is_wrong__is_said() -> None:
    bad = LATE.replace('flowclass_sink_up{sink="flows"} 1.0', 'flowclass_sink_up{sink="flows"} 0.0')
    bad = bad.replace('flowclass_capture_up{interface="eth1"} 1.0', 'flowclass_capture_up{interface="eth1"} 0.0')
    bad = bad.replace("flowclass_config_last_reload_successful 1.0", "flowclass_config_last_reload_successful 0.0")
    text = shown(bad)
    assert "eth1 DOWN" in text
    assert "flows FAILING" in text
    assert "settings NOT taken over" in text


def test_screen__of_a_stranger_is_empty_and_no_error() -> None:
    assert "no record sinks" in shown("up 1.0\n")


@pytest.mark.parametrize("width", [80, 120])
def test_screen__cuts_nothing(width: int) -> None:
    text = shown(LATE, EARLY, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (7, "7"), (999, "999"), (999.7, "1.00 k"), (1234, "1.23 k"), (12_345, "12.3 k"),
     (123_456, "123 k"), (1e9, "1.00 G"), (2.5, "2.50"), (5e17, "500000 T")],
)  # fmt: skip
def test_numbers__have_three_digits(value: float | None, text: str) -> None:
    assert scaled(value) == text
