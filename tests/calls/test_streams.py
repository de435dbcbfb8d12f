"""Streams of calls: one source over several flows and pieces, and what its figures come to."""

from __future__ import annotations

from itertools import pairwise
from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowclass.calls.source import KINDS
from flowclass.calls.streams import DOWN, UP, Streams
from tests.calls.media import S, merged, report, row
from tests.reference.streams import Figures, plain_streams


def test_source_that_moves_from_relay_to_peer_is_one_stream() -> None:
    relay, peer = row(), row(base_seq=104, max_seq=203, first_ns=4 * S, last_ns=6 * S)
    streams = merged([peer, relay], [0, 0])
    assert (streams.packets, streams.expected, streams.lost) == (200, 203, 3)
    assert (streams.first_ns, streams.last_ns) == (S, 6 * S)


def test_packets_that_both_paths_carried_are_expected_once() -> None:
    streams = merged([row(), row(base_seq=91, max_seq=190, first_ns=2 * S)], [0, 0])
    assert streams.expected == 200  # never fewer than came
    assert streams.lost == 0


def test_source_that_starts_anew_loses_nothing() -> None:
    streams = merged([row(), row(base_seq=30_000, max_seq=30_099, first_ns=4 * S)], [0, 0])
    assert (streams.expected, streams.lost) == (200, 0)


def test_sequence_numbers_wrap_between_flows() -> None:
    first = row(base_seq=65_436, max_seq=65_535)
    streams = merged([first, row(base_seq=1, max_seq=100, first_ns=4 * S)], [0, 0])
    assert (streams.expected, streams.lost) == (201, 1)


@pytest.mark.parametrize(("direction", "up", "wanted"), [(0, 0, UP), (1, 0, DOWN), (0, 1, DOWN), (1, 1, UP)])
def test_way_is_the_clients(direction: int, up: int, wanted: int) -> None:
    assert merged([row(direction=direction)], [up]).way == [wanted]


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
    (found,) = merged([row(**values)], [0]).kind
    assert KINDS[found] == kind


def test_jitter_is_the_mean_and_frame_the_smallest_step() -> None:
    streams = merged([row()], [0])
    assert streams.jitter_s == pytest.approx([0.004])
    assert streams.jitter_max_s == pytest.approx([0.009])
    assert streams.frame_ms == pytest.approx([20.0])


def test_longer_than_a_second_is_no_frame() -> None:
    streams = merged([row(ssrc=1, step_least=8_000), row(ssrc=2, step_least=1 << 31)], [0, 0])
    assert streams.frame_ms.tolist() == [500.0, 0.0]


def test_reports__of_another_flow_are_those_of_the_source() -> None:
    other = report(reports=3, far_expected=200, far_lost=5, far_jitter=32, trips=2, trip_min_ns=10, trip_sum_ns=40)
    streams = merged([other, row()], [0, 0])
    assert (streams.packets, streams.lost) == (100, 0)
    assert (streams.far_loss, streams.far_jitter_s) == (0.025, 0.002)
    assert (streams.trips, streams.trip_min_ns, streams.trip_sum_ns) == (2, 10, 40)


@pytest.mark.parametrize(
    ("values", "far_loss"),
    [
        ({"reports": 1, "far_fraction": 64}, 0.25),
        ({"reports": 2, "far_expected": 100, "far_lost": -3}, 0.0),
        ({"reports": 0}, np.nan),
        ({"reports": 2, "far_expected": 100, "far_lost": 10, "direction": 1}, np.nan),
        ({"reports": 2, "far_expected": 100, "far_lost": 10, "ssrc": 8}, np.nan),
    ],
)
def test_reports__far_loss(values: dict[str, Any], far_loss: float) -> None:
    assert np.array_equal(merged([row(), report(**values)], [0, 0]).far_loss, [far_loss], equal_nan=True)


def test_reports__alone_make_no_stream() -> None:
    assert len(merged([report(reports=3, far_expected=100)], [0])) == 0


def test_no_sources_make_no_streams() -> None:
    assert len(merged([], [])) == 0


#: Values that meet: sources in common, sequence numbers that go on, wrap, repeat and jump, equal times.
ROWS = st.fixed_dictionaries(
    {
        "ssrc": st.integers(1, 2),
        "direction": st.integers(0, 1),
        "packets": st.sampled_from([0, 5, 30, 60]),
        "expected": st.integers(0, 70),
        "base_seq": st.sampled_from([0, 1, 60, 90, 30_000, 65_500]),
        "max_seq": st.sampled_from([0, 59, 63, 30_060, 65_535]),
        "gaps": st.integers(0, 3),
        "duplicates": st.integers(0, 3),
        "reordered": st.integers(0, 3),
        "first_ns": st.integers(0, 3).map(lambda s: s * S),
        "last_ns": st.integers(3, 7).map(lambda s: s * S),
        "clock_hz": st.sampled_from([0.0, 8000.0, 48_000.0, 90_000.0]),
        "jitter_packets": st.integers(0, 2),
        "jitter_sum_ns": st.floats(0, 1e9),
        "reports": st.integers(0, 2),
        "far_expected": st.integers(0, 40),
        "far_lost": st.integers(-3, 50),
        "far_fraction": st.integers(0, 255),
        "far_jitter": st.integers(0, 99),
        "trips": st.integers(0, 2),
        "trip_min_ns": st.integers(1, S),
        "trip_sum_ns": st.integers(1, S),
    }
)


def figures(streams: Streams, place: int) -> Figures:
    """Return a stream as the plain twin has it."""
    values = {name: getattr(streams, name)[place].item() for name in Figures._fields}
    return Figures(
        **{name: None if isinstance(value, float) and isnan(value) else value for name, value in values.items()}
    )


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), ROWS), max_size=12))
def test_streams_of_many_calls_are_those_of_the_plain_twin(drawn: list[tuple[int, int, dict[str, Any]]]) -> None:
    rows = [row(**values) for _, _, values in drawn]
    streams = merged(rows, [up for _, up, _ in drawn], [call for call, _, _ in drawn])
    ends = np.cumsum([0, *streams.counts(3)])
    for call, (begin, end) in enumerate(pairwise(ends)):
        mine = [(media[0], up) for media, (owner, up, _) in zip(rows, drawn, strict=True) if owner == call]
        assert [figures(streams, place) for place in range(begin, end)] == plain_streams(mine)
