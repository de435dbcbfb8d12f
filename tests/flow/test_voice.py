"""Speech inside a tunnel: counted by cadence and sizes, both ways; nothing else is."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.flow.record import NO_VOICE
from flowclass.flow.state import MeterSettings
from tests import frames
from tests.flow.test_meter import SECOND, START, run
from tests.frames import Frame
from tests.reference.voice import Sent
from tests.reference.voice import voice_seconds as twin

MS = 1_000_000
HEADERS = 28  # IPv4 and UDP
SETTINGS = MeterSettings(max_flows=64, max_streams=64, idle_timeout_s=60, active_timeout_s=1000, seed=1)
INITIATION = b"\x01\0\0\0" + b"\x55" * 144
RESPONSE = b"\x02\0\0\0" + b"\x66" * 88


def payload(size: int, counter: int) -> bytes:
    """Return a WireGuard data packet, as long as an IP packet of ``size`` bytes has room for."""
    head = b"\x04\0\0\0" + b"\x77\x01\x02\x03" + struct.pack("<Q", counter)
    return (head + bytes(size))[: max(size - HEADERS, 1)]


def frame(at: int, direction: int, content: bytes) -> Frame:
    """Return a datagram between the tunnel's two ends."""
    ends = (("10.0.0.1", 4000), ("10.0.0.2", 51820))
    (src, sport), (dst, dport) = ends if direction == 0 else ends[::-1]
    return frames.udp(START + at, src, sport, dst, dport, content)


def tunnel(sent: list[Sent]) -> list[Frame]:
    """Return the packets of a tunnel, its handshake first."""
    out = [frame(0, 0, INITIATION), frame(1 * MS, 1, RESPONSE)]
    return out + [frame(at, way, payload(size, n)) for n, (at, way, size) in enumerate(sorted(sent)) if at > 2 * MS]


def talk(start_s: float, seconds: float, step_ms: int, size: int, direction: int) -> list[Sent]:
    """Return packets of one size on a clock."""
    begin = int(start_s * SECOND) + 5 * MS
    return [(begin + i * step_ms * MS, direction, size) for i in range(int(seconds * 1000 / step_ms))]


def seconds_of(sent: list[Sent], choice: MeterSettings = SETTINGS, block: int = 1000) -> list[int]:
    """Return ``voice_like_s`` of each record of the tunnel."""
    return [int(flow["voice_like_s"]) for flow in run(tunnel(sent), choice, block)]


@pytest.mark.parametrize("step_ms", [10, 20, 60, 120, 160])
def test_frames_on_a_clock_both_ways_are_like_speech(step_ms: int) -> None:
    step_back = min(step_ms, 120)
    (found,) = seconds_of(talk(0, 30, step_ms, 160, 0) + talk(0, 30, step_back, 176, 1))
    assert 29 <= found <= 31


def test_speech_one_way_is_not_counted() -> None:
    assert seconds_of(talk(0, 30, 20, 160, 0)) == [0]


def test_a_download_is_not_counted() -> None:
    data = [packet for i in range(30) for packet in talk(i, 0.4, 1, 1480, 1)]
    acknowledgements = [packet for i in range(30) for packet in talk(i, 0.4, 2, 124, 0)]
    assert seconds_of(data + acknowledgements) == [0]


def test_acknowledgements_both_ways_are_not_counted() -> None:
    assert seconds_of(talk(0, 30, 20, 124, 0) + talk(0, 30, 20, 124, 1)) == [0]


def test_speech_amid_a_download_is_counted() -> None:
    data = [packet for i in range(30) for packet in talk(i, 0.9, 3, 1480, 1)]
    (found,) = seconds_of(data + talk(0, 30, 20, 160, 0) + talk(0, 30, 20, 160, 1))
    assert found >= 29


def test_six_seconds_are_too_few() -> None:
    assert seconds_of(talk(0, 6, 20, 160, 0) + talk(0, 6, 20, 160, 1)) == [0]


def test_two_calls_with_a_pause_are_counted_each() -> None:
    calls = [p for start in (0, 40) for way in (0, 1) for p in talk(start, 12, 20, 160, way)]
    (found,) = seconds_of(calls)
    assert 23 <= found <= 26


def test_what_is_no_tunnel_has_no_such_number() -> None:
    sent = talk(0, 12, 20, 160, 0) + talk(0, 12, 20, 160, 1)
    plain = [frame(at, way, bytes(size - HEADERS)) for at, way, size in sorted(sent)]
    assert [int(flow["voice_like_s"]) for flow in run(plain, SETTINGS)] == [NO_VOICE]


def test_records_of_a_long_tunnel_add_up() -> None:
    sent = talk(0, 100, 20, 160, 0) + talk(0, 100, 20, 160, 1)
    pieces = seconds_of(sent, MeterSettings(max_flows=64, max_streams=64, active_timeout_s=30, seed=1))
    assert len(pieces) == 4
    assert 99 <= sum(pieces) <= 101


def test_blocks_do_not_matter() -> None:
    sent = talk(0, 15, 20, 160, 0) + talk(0, 15, 30, 200, 1)
    assert seconds_of(sent, block=7) == seconds_of(sent)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 25), st.sampled_from([12, 20, 60, 120, 240]), st.integers(100, 360), st.integers(0, 1)
        ),
        min_size=1,
        max_size=12,
    )
)
def test_seconds_are_those_of_the_plain_twin(parts: list[tuple[int, int, int, int]]) -> None:
    sent = sorted(p for start, step, size, way in parts for p in talk(start, 9, step, size, way))
    numbered = [(at, way, max(size, 100)) for at, way, size in sent]
    assert seconds_of(numbered) == [twin(numbered)]
