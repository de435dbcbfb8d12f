"""Clock and jitter of media streams: against RFC 3550's own formula, and against what was sent."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.flow.rows import STREAM
from flowclass.flow.streams import start_stream, update_stream
from tests import frames

MS = 1_000_000


def stream_of(arrivals_ms: list[float], step: int, payload_type: int, first_seq: int = 100) -> np.void:
    """Return the STREAM row of packets that arrive at these times, each ``step`` ticks after the other."""
    stream = np.zeros(1, STREAM)
    for i, at in enumerate(arrivals_ms):
        packet = frames.rtp(first_seq + i, 5000 + i * step, 0x1234, bytes(40), payload_type=payload_type)
        data = np.frombuffer(packet, np.uint8).copy()
        if i == 0:
            start_stream(data, 0, data.size, data.size, round(at * MS), 0, stream[0])
        else:
            update_stream(data, 0, data.size, round(at * MS), stream[0])
    return stream[0]


def rfc_jitter_ms(arrivals_ms: list[float], frame_ms: float) -> list[float]:
    """Return the running jitter after each packet but the first (RFC 3550 §6.4.1)."""
    jitter, out = 0.0, []
    for before, now in pairwise(arrivals_ms):
        jitter += (abs((now - before) - frame_ms) - jitter) / 16
        out.append(jitter)
    return out


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 60), min_size=3, max_size=60))
def test_jitter__of_a_static_type_is_that_of_the_rfc(delays: list[float]) -> None:
    arrivals = np.maximum.accumulate([20.0 * i + delay for i, delay in enumerate(delays)]).tolist()
    stream = stream_of(arrivals, 160, 0)
    wanted = rfc_jitter_ms(arrivals, 20.0)
    assert stream["jitter_ns"] / MS == pytest.approx(wanted[-1], rel=1e-3, abs=1e-4)
    assert stream["jitter_sum_ns"] / MS == pytest.approx(sum(wanted), rel=1e-3, abs=1e-3)
    assert stream["jitter_max_ns"] / MS == pytest.approx(max(wanted), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("clock_hz", "frame_ms"), [(8000, 20), (16000, 20), (16000, 60), (32000, 20), (48000, 20), (48000, 60), (90000, 33)]
)
def test_clock__of_a_dynamic_type_is_recovered(clock_hz: int, frame_ms: int) -> None:
    draw = np.random.default_rng(clock_hz + frame_ms)
    arrivals = np.sort(np.arange(200) * float(frame_ms) + draw.gamma(2.0, 4.0, 200)).tolist()
    stream = stream_of(arrivals, clock_hz * frame_ms // 1000, 96)
    assert 1e9 / float(stream["ns_per_tick"]) == pytest.approx(clock_hz, rel=1e-6)


def test_clock__is_not_guessed_from_a_few_packets() -> None:
    assert stream_of([20.0 * i for i in range(8)], 960, 96)["ns_per_tick"] == 0.0


def test_clock__of_a_stream_whose_time_stands_still_is_none() -> None:
    stream = stream_of([20.0 * i for i in range(64)], 0, 96)
    assert (stream["ns_per_tick"], stream["jitter_packets"]) == (0.0, 0)


def test_bursts__are_places_not_packets() -> None:
    stream = np.zeros(1, STREAM)
    for i, seq in enumerate([1, 2, 3, 7, 8, 10, 11]):
        data = np.frombuffer(frames.rtp(seq, seq * 160, 7, bytes(40), payload_type=0), np.uint8).copy()
        if i == 0:
            start_stream(data, 0, data.size, data.size, 0, 0, stream[0])
        else:
            update_stream(data, 0, data.size, seq * 20 * MS, stream[0])
    assert stream[0]["gaps"] == 2


def timed(stamps: list[int], arrivals_ms: list[float], payload_type: int) -> np.void:
    """Return the STREAM row of packets in sequence with these RTP times and arrivals."""
    stream = np.zeros(1, STREAM)
    for i, (stamp, at) in enumerate(zip(stamps, arrivals_ms, strict=True)):
        packet = frames.rtp(i, stamp, 7, bytes(40), payload_type=payload_type)
        data = np.frombuffer(packet, np.uint8).copy()
        if i == 0:
            start_stream(data, 0, data.size, data.size, round(at * MS), 0, stream[0])
        else:
            update_stream(data, 0, data.size, round(at * MS), stream[0])
    return stream[0]


@pytest.mark.parametrize("payload_type", [0, 96])
def test_silence__is_neither_loss_nor_jitter_nor_another_frame(payload_type: int) -> None:
    # DTX: every second of talk is followed by one of silence in which neither clock stands still.
    ticks = [160 * (i + 50 * (i // 50)) for i in range(400)]
    stream = timed(ticks, [tick / 8 for tick in ticks], payload_type)
    assert (stream["gaps"], stream["restarts"], stream["step_least"]) == (0, 0, 160)
    assert stream["jitter_max_ns"] < 0.01 * MS
    assert 1e9 / float(stream["ns_per_tick"]) == pytest.approx(8000, rel=1e-6)


@pytest.mark.parametrize("jump", [1_000_000, -1_000_000, 1 << 31])
def test_clock_jump__is_no_jitter_and_leaves_the_clock_alone(jump: int) -> None:
    ticks = [320 * i + (jump if i >= 150 else 0) for i in range(300)]
    stream = timed([tick & 0xFFFFFFFF for tick in ticks], [20.0 * i for i in range(300)], 96)
    assert stream["jitter_max_ns"] < 0.01 * MS
    assert 1e9 / float(stream["ns_per_tick"]) == pytest.approx(16_000, rel=1e-6)
    assert stream["rtp_elapsed"] == 298 * 320
