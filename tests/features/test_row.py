"""The feature row: equal to its plain twin, blind to which end was first, finite whatever the meter hands over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.features.row import FEATURE_COUNT, FEATURE_NAMES, LARGEST, fill_rows
from flowclass.flow.rows import BODY, HOT, STREAM
from tests.features.records import records_of, swapped
from tests.reference.features import Flow, Packet, Stream, features_of

packets = st.builds(
    Packet,
    direction=st.integers(0, 1),
    ts_ns=st.integers(0, 400_000_000),
    size=st.integers(1, 1500),
    head=st.one_of(st.binary(min_size=16, max_size=16), st.just(b"short")),
    sign=st.sampled_from(["", "rtp", "rtcp", "stun", "wrapped"]),
)
streams = st.builds(
    Stream,
    state=st.integers(1, 2),
    direction=st.integers(0, 1),
    ssrc=st.integers(0, 2**32 - 1),
    packets=st.integers(3, 10_000),
    bytes=st.integers(60, 10_000_000),
    payload_type=st.integers(0, 127),
    payload_types=st.integers(0, 255),
    max_seq=st.integers(65_536, 100_000),
    reordered=st.integers(0, 100),
    markers=st.integers(0, 1000),
    rtp_elapsed=st.integers(-1000, 10_000_000),
    step=st.integers(0, 2**31),
    step_repeats=st.integers(0, 1000),
    last_ns=st.integers(0, 10**11),
    extension=st.sampled_from([0, 0x1003, 0xBEDE, 0xDEBE]),
)


#: Share of the mean below which a spread cannot be read from float32 sums of 40 terms: sqrt(40 * 2 ** -24).
SUM_NOISE = 1.6e-3


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Return a flow of up to 40 packets whose clock runs forward."""
    chosen = draw(st.lists(packets, max_size=40))
    ts_ns = 10**18
    for packet in chosen:
        ts_ns += packet.ts_ns
        packet.ts_ns = ts_ns
    some = draw(st.lists(streams, max_size=5, unique_by=lambda stream: stream.ssrc))
    return Flow(chosen, some, draw(st.sampled_from([6, 17])), draw(st.integers(0, 50)), draw(st.integers(0, 255)))


def row_of(flow: Flow) -> np.ndarray:
    """Return the kernel's feature row."""
    matrix = np.full((1, FEATURE_COUNT), np.nan, np.float32)
    fill_rows(*records_of(flow), matrix)
    return matrix[0]


@settings(deadline=None, max_examples=150)
@given(flows())
def test_row__equals_the_plain_twin(flow: Flow) -> None:
    twin = features_of(flow)
    assert set(twin) == set(FEATURE_NAMES)
    expected = np.array([twin[name] for name in FEATURE_NAMES])
    # Sums of gaps are kept as float32: a spread far below the mean is lost in them.
    lost = {"gap_busy_sd": SUM_NOISE * twin["gap_busy_mean"], "gap_quiet_sd": SUM_NOISE * twin["gap_quiet_mean"]}
    tolerance = 2e-3 + 2e-4 * np.abs(expected) + np.array([lost.get(name, 0.0) for name in FEATURE_NAMES])
    wrong = np.abs(row_of(flow) - expected) > tolerance
    assert not wrong.any(), [(FEATURE_NAMES[k], row_of(flow)[k], expected[k]) for k in np.flatnonzero(wrong)]


@settings(deadline=None, max_examples=150)
@given(flows())
def test_row__is_blind_to_which_end_was_first(flow: Flow) -> None:
    np.testing.assert_array_equal(row_of(flow), row_of(swapped(flow)))


@settings(deadline=None, max_examples=50)
@given(flows(), st.integers(0, 10**17))
def test_row__is_blind_to_the_time_of_day(flow: Flow, shift_ns: int) -> None:
    later = replace(flow, packets=[replace(packet, ts_ns=packet.ts_ns + shift_ns) for packet in flow.packets])
    np.testing.assert_array_equal(row_of(flow), row_of(later))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1))
def test_row__is_finite_for_any_bytes_in_the_records(seed: int) -> None:
    draw = np.random.default_rng(seed)
    hot, body, streams = (
        np.frombuffer(draw.bytes(kind.itemsize * n), kind).copy() for kind, n in ((HOT, 1), (BODY, 1), (STREAM, 4))
    )
    matrix = np.full((1, FEATURE_COUNT), np.nan, np.float32)
    fill_rows(hot, body, streams, matrix)
    assert np.all(np.abs(matrix) <= LARGEST)


def test_row__walks_a_chain_that_is_a_ring_and_leaves_the_array() -> None:
    hot, body, streams = np.zeros(1, HOT), np.zeros(1, BODY), np.zeros(2, STREAM)
    matrix = np.zeros((1, FEATURE_COUNT), np.float32)
    streams["next"] = [1, 0]
    fill_rows(hot, body, streams, matrix)
    body["stream_head"] = 2
    fill_rows(hot, body, streams, matrix)
    assert matrix[0, FEATURE_NAMES.index("media_streams")] == 0
