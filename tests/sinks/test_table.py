"""The summary of applications."""

from __future__ import annotations

import io

import numpy as np
import pytest

from flowclass.flow.record import NO_VOICE
from flowclass.record.verdict import App, Kind
from flowclass.sinks.table import HEADINGS, AppRow, Summary, human_bytes, print_table
from tests.sinks.records import one_flow, random_flows


def test_summary__totals_are_the_flows() -> None:
    flows, verdicts = random_flows(3000)
    summary = Summary()
    for part in (slice(0, 1000), slice(1000, 3000)):
        summary.write(flows[part], verdicts[part], "a")
    rows = summary.rows()
    assert sum(row.flows for row in rows) == 3000
    assert sum(row.packets for row in rows) == int(flows["packets"].sum(dtype=np.int64))
    zoom = next(row for row in rows if row.app == "zoom")
    mine = verdicts["app"] == App.ZOOM
    assert zoom.bytes == int(flows["bytes"][mine].sum())
    assert zoom.kinds[Kind.CALL_MEDIA] == int((mine & (verdicts["kind"] == Kind.CALL_MEDIA)).sum())
    assert zoom.confidence == pytest.approx(verdicts["confidence"][mine].mean(), rel=1e-6)


def test_summary__most_bytes_first_unnamed_last() -> None:
    summary = Summary()
    for app, size in ((App.UNKNOWN, 900), (App.VIBER, 10), (App.ZOOM, 20), (App.OTHER, 800)):
        summary.write(*one_flow(app=app, bytes=size), "a")
    assert [row.app for row in summary.rows()] == ["zoom", "viber", "unknown", "other"]


def test_plain_table__lines_up_and_has_no_escapes() -> None:
    out = io.StringIO()
    print_table([AppRow("zoom", 3, 12345, 9_876_543, (0, 1, 2, 0, 0, 0), 0.987)], out, colour=False)
    head, row = out.getvalue().splitlines()
    assert head.split("  ")[0] == HEADINGS[0]
    assert row.split("  ")[-1] == "1 call-media, 2 call-signalling"
    assert row.split()[:6] == ["zoom", "3", "12,345", "9.88", "MB", "0.99"]
    assert head.index("kinds") == row.index("1 call-media")
    assert "\033" not in out.getvalue()


def test_plain_table__says_how_much_of_the_tunnels_is_like_speech() -> None:
    summary, out = Summary(), io.StringIO()
    for seconds in (12, 30):
        summary.write(*one_flow(app=App.WIREGUARD, kind=Kind.TUNNEL, voice_like_s=seconds), "a")
    summary.write(*one_flow(app=App.VIBER, kind=Kind.MESSAGING, voice_like_s=NO_VOICE), "a")
    print_table(summary.rows(), out, colour=False)
    assert "2 tunnel, 42 s of it like speech" in out.getvalue()
    assert out.getvalue().count("speech") == 1


def test_rich_table__has_colours() -> None:
    out = io.StringIO()
    print_table([AppRow("zoom", 3, 12345, 9_876_543, (0, 1, 2, 0, 0, 0), 0.987)], out, colour=True)
    assert "\033[" in out.getvalue()
    assert "9.88 MB" in out.getvalue()


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (999_600, "1 MB"), (1234, "1.23 kB"), (10**15, "1 PB")]
)
def test_human_bytes(count: int, text: str) -> None:
    assert human_bytes(count) == text
