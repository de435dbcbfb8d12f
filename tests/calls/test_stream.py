"""Streams of a call: one source over several flows and pieces, and what its figures come to."""

from __future__ import annotations

from typing import Any

import pytest

from flowclass.calls.emodel import QualitySettings
from flowclass.calls.quality import quality_of
from flowclass.calls.stream import _COLUMNS, Stream, merged

S = 1_000_000_000


def row(**values: Any) -> tuple[Any, ...]:
    """Return MEDIA values: 100 packets of audio at 16 kHz without loss, unless said otherwise."""
    usual = {
        "flow": 0, "ssrc": 7, "direction": 0, "payload_type": 120, "packets": 100, "expected": 100, "base_seq": 1,
        "max_seq": 100, "gaps": 0, "duplicates": 0, "reordered": 0, "first_ns": S, "last_ns": 3 * S,
        "rtp_elapsed": 32_000, "step_least": 320, "clock_hz": 16_000.0, "jitter_packets": 99, "jitter_max_ns": 9e6,
        "jitter_sum_ns": 99 * 4e6, "reports": 0, "far_expected": 0, "far_lost": 0, "far_fraction": 0, "far_jitter": 0,
        "trips": 0, "trip_min_ns": 0, "trip_sum_ns": 0, "offset": 0,
    }  # fmt: skip
    return tuple((usual | values)[name] for name in _COLUMNS)


def test_source_that_moves_from_relay_to_peer_is_one_stream() -> None:
    relay, peer = row(), row(base_seq=104, max_seq=203, first_ns=4 * S, last_ns=6 * S)
    (stream,) = merged([peer, relay], [0, 0])
    assert (stream.packets, stream.expected, stream.lost) == (200, 203, 3)
    assert (stream.first_ns, stream.last_ns) == (S, 6 * S)


def test_packets_that_both_paths_carried_are_expected_once() -> None:
    (stream,) = merged([row(), row(base_seq=91, max_seq=190, first_ns=2 * S)], [0, 0])
    assert stream.expected == 200  # never fewer than came
    assert stream.lost == 0


def test_source_that_starts_anew_loses_nothing() -> None:
    (stream,) = merged([row(), row(base_seq=30_000, max_seq=30_099, first_ns=4 * S)], [0, 0])
    assert (stream.expected, stream.lost) == (200, 0)


def test_sequence_numbers_wrap_between_flows() -> None:
    first = row(base_seq=65_436, max_seq=65_535)
    (stream,) = merged([first, row(base_seq=1, max_seq=100, first_ns=4 * S)], [0, 0])
    assert (stream.expected, stream.lost) == (201, 1)


@pytest.mark.parametrize(("direction", "up", "wanted"), [(0, 0, "up"), (1, 0, "down"), (0, 1, "down"), (1, 1, "up")])
def test_direction_is_the_clients(direction: int, up: int, wanted: str) -> None:
    (stream,) = merged([row(direction=direction)], [up])
    assert stream.direction == wanted


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, "audio"),
        ({"clock_hz": 90_000.0}, "video"),
        ({"clock_hz": 0.0, "jitter_packets": 0}, "other"),
        ({"packets": 5}, "other"),
        ({"rtp_elapsed": 0}, "other"),
    ],
)
def test_kind_is_told_by_the_clock(values: dict[str, Any], kind: str) -> None:
    (stream,) = merged([row(**values)], [0])
    assert stream.kind == kind


def test_jitter_is_the_mean_and_frame_the_smallest_step() -> None:
    (stream,) = merged([row()], [0])
    assert stream.jitter_s == pytest.approx(0.004)
    assert stream.jitter_max_s == pytest.approx(0.009)
    assert stream.frame_ms == pytest.approx(20.0)


def report(**values: Any) -> tuple[Any, ...]:
    """Return MEDIA values of a source that only RTCP tells of."""
    return row(packets=0, expected=0, jitter_packets=0, clock_hz=0.0, first_ns=0, last_ns=0, **values)


def test_reports__of_another_flow_are_those_of_the_source() -> None:
    other = report(reports=3, far_expected=200, far_lost=5, far_jitter=32, trips=2, trip_min_ns=10, trip_sum_ns=40)
    (stream,) = merged([other, row()], [0, 0])
    assert (stream.packets, stream.lost) == (100, 0)
    assert (stream.far_loss, stream.far_jitter_s) == (0.025, 0.002)
    assert (stream.trips.count, stream.trips.least_ns, stream.trips.sum_ns) == (2, 10, 40)


@pytest.mark.parametrize(
    ("values", "far_loss"),
    [
        ({"reports": 1, "far_fraction": 64}, 0.25),
        ({"reports": 2, "far_expected": 100, "far_lost": -3}, 0.0),
        ({"reports": 0}, None),
        ({"reports": 2, "far_expected": 100, "far_lost": 10, "direction": 1}, None),
        ({"reports": 2, "far_expected": 100, "far_lost": 10, "ssrc": 8}, None),
    ],
)
def test_reports__far_loss(values: dict[str, Any], far_loss: float | None) -> None:
    (stream,) = merged([row(), report(**values)], [0, 0])
    assert stream.far_loss == far_loss


def test_reports__alone_make_no_stream() -> None:
    assert merged([report(reports=3, far_expected=100)], [0]) == []


def streams(**values: Any) -> list[Stream]:
    """Return the two audio streams of a call."""
    return merged([row(**values), row(ssrc=9, direction=1, **values)], [0, 0])


def test_quality__of_a_clean_call_is_good() -> None:
    quality = quality_of(streams(), dropped_by_probe=False)
    assert quality.mos_low is not None
    assert quality.mos_high is not None
    assert 4.0 < quality.mos_low < quality.mos_high <= 4.5
    assert (quality.loss_up, quality.jitter_down, quality.note) == (0.0, 0.004, "")


def test_quality__rests_on_the_settings_and_says_so() -> None:
    gloomier = QualitySettings.of({"gloomy_delay_ms": 400.0})
    usual, changed = quality_of(streams()), quality_of(streams(), settings=gloomier)
    assert usual.mos_low is not None
    assert changed.mos_low is not None
    assert changed.mos_low < usual.mos_low - 0.5
    assert changed.mos_high == usual.mos_high
    assert "delay 40-400 ms" in changed.mos_basis
    assert changed.mos_basis.startswith("wideband")


def test_quality__follows_the_worse_direction() -> None:
    lossy = merged([row(), row(ssrc=9, direction=1, expected=120, max_seq=120, gaps=20)], [0, 0])
    assert quality_of(lossy, dropped_by_probe=False).mos_high < quality_of(streams(), dropped_by_probe=False).mos_low  # type: ignore[operator]


@pytest.mark.parametrize(
    ("found", "dropped", "note"),
    [
        ([], False, "no RTP header"),
        (streams(), True, "the probe dropped"),
        (streams(duplicates=50), False, "seen twice"),
        (streams(last_ns=2 * S), False, "two seconds"),
    ],
)
def test_quality__is_void_where_nobody_can_know(found: list[Stream], dropped: bool, note: str) -> None:
    quality = quality_of(found, dropped_by_probe=dropped)
    assert note in quality.note
    assert quality.mos_low is None


def test_quality__is_void_where_copies_came_after_later_packets() -> None:
    # A mirror port that delivers in pairs out of step: sequence numbers 1 2 1 3 2 4 3: no number follows itself.
    mirrored = merged([row(packets=190, expected=100, reordered=90), row(ssrc=9, direction=1)], [0, 0])
    assert quality_of(mirrored).note == "packets were seen twice (port mirror)"


def test_quality__of_frames_cut_in_the_header_is_void_for_that_reason() -> None:
    assert quality_of([], snapped=True).note == "frames were cut before the end of an RTP header"
    assert quality_of(streams(), snapped=True).note == ""


def test_quality__says_what_the_far_end_reports() -> None:
    heard = merged([row(), report(reports=2, far_expected=100, far_lost=4)], [0, 0])
    quality = quality_of(heard)
    assert (quality.far_loss_up, quality.far_loss_down, quality.loss_up) == (0.04, None, 0.0)


@pytest.mark.parametrize("values", [{"clock_hz": 90_000.0}, {"packets": 9}, {"clock_hz": 0.0}])
def test_quality__rests_on_audio_alone(values: dict[str, Any]) -> None:
    # Video, retransmissions on a source of their own, bandwidth probes: their loss is not the audio's.
    bad = row(ssrc=5, expected=900, max_seq=900, gaps=100, **values)
    assert quality_of(merged([row(), bad], [0, 0])).loss_up == 0.0
