"""Media streams: RFC 3550 sequence rules against a plain twin, and the rules that keep noise out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.flow.rows import STREAM
from flowclass.flow.streams import CONFIRMED, STRAYS, start_stream, update_stream
from tests import frames

STEP_NS = 20_000_000


def as_bytes(payload: bytes) -> np.ndarray:
    """Return a payload as kernels see it."""
    return np.frombuffer(payload, np.uint8).copy()


def feed(sequences: list[int]) -> np.void:
    """Return the STREAM row after packets with these sequence numbers, 20 ms and 960 ticks apart."""
    stream = np.zeros(1, STREAM)
    for i, seq in enumerate(sequences):
        data = as_bytes(frames.rtp(seq, i * 960, 0x1234, b"x" * 20))
        if i == 0:
            start_stream(data, 0, data.size, data.size, i * STEP_NS, 0, stream[0])
        else:
            update_stream(data, 0, data.size, i * STEP_NS, stream[0])
    return stream[0]


def lost(stream: np.void) -> int:
    """Return expected minus received (RFC 3550 §A.3)."""
    return int(stream["max_seq"]) - int(stream["base_seq"]) + 1 - int(stream["packets"])


def test_stream__counts_a_whole_run_across_the_wrap() -> None:
    stream = feed([s & 0xFFFF for s in range(65500, 65500 + 100)])
    assert (int(stream["packets"]), lost(stream), int(stream["reordered"])) == (100, 0, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 65535), st.lists(st.integers(1, 40), min_size=1, max_size=60))
def test_stream__loss_is_what_was_left_out(first: int, steps: list[int]) -> None:
    sequences = [first]
    for step in steps:
        sequences.append((sequences[-1] + step) & 0xFFFF)
    assert lost(feed(sequences)) == sum(steps) - len(steps)


def test_stream__late_packet_is_reordered_not_lost() -> None:
    stream = feed([10, 11, 13, 12, 14])
    assert (lost(stream), int(stream["reordered"]), int(stream["duplicates"])) == (0, 1, 0)


def test_stream__jitter_goes_by_arrival() -> None:
    # RFC 3550 §6.4.1, by hand: every fourth packet comes 50 ms late, behind two others.
    stream = np.zeros(1, STREAM)
    sent = [(seq * STEP_NS, seq) for seq in range(400)]
    arrived = sorted((at + (50_000_000 if seq % 4 == 3 else 0), seq) for at, seq in sent)
    jitter, total, before = 0.0, 0.0, None
    for at, seq in arrived:
        data = as_bytes(frames.rtp(seq, seq * 160, 0x1234, b"x" * 20, payload_type=0))
        if before is None:
            start_stream(data, 0, data.size, data.size, at, 0, stream[0])
        else:
            update_stream(data, 0, data.size, at, stream[0])
            jitter += (abs((at - before[0]) - (seq - before[1]) * STEP_NS) - jitter) / 16
            total += jitter
        before = at, seq
    assert int(stream["reordered"][0]) > 90
    assert float(stream["jitter_sum_ns"][0]) == pytest.approx(total, rel=1e-4)
    assert int(stream["step_least"][0]) == 160


def test_stream__comfort_noise_is_no_other_codec() -> None:
    stream = np.zeros(1, STREAM)
    for seq in range(40):
        data = as_bytes(frames.rtp(seq, seq * 160, 0x1234, b"x" * 20, payload_type=13 if seq > 30 else 0))
        if seq == 0:
            start_stream(data, 0, data.size, data.size, 0, 0, stream[0])
        else:
            update_stream(data, 0, data.size, seq * STEP_NS, stream[0])
    assert (stream["payload_type"][0], stream["payload_types"][0], stream["packets"][0]) == (0, 0, 40)


def test_stream__same_number_again_is_a_duplicate() -> None:
    stream = feed([10, 11, 11, 12])
    assert (int(stream["packets"]), int(stream["duplicates"]), lost(stream)) == (3, 1, 0)


def test_stream__timestamps_unwrap() -> None:
    stream = np.zeros(1, STREAM)
    for i in range(10):
        data = as_bytes(frames.rtp(i, 0xFFFFFFFF - 2000 + i * 960, 1, b""))
        if i == 0:
            start_stream(data, 0, data.size, data.size, 0, 0, stream[0])
        else:
            update_stream(data, 0, data.size, i * STEP_NS, stream[0])
    assert int(stream["rtp_elapsed"][0]) == 9 * 960


def test_stream__far_jump_is_a_restart_not_loss() -> None:
    stream = feed([10, 11, 12, 30000, 30001])
    assert int(stream["restarts"]) == 1


def test_stream__three_in_sequence_confirm() -> None:
    assert int(feed([1, 2])["state"]) != CONFIRMED
    assert int(feed([1, 2, 3])["state"]) == CONFIRMED


def test_stream__scattered_numbers_do_not_confirm() -> None:
    assert int(feed([1, 900, 1800, 2700])["state"]) != CONFIRMED


def test_stream__restart_adds_no_loss() -> None:
    assert lost(feed([10, 11, 12, 30000, 30001])) == 0


def feed_typed(packets: list[tuple[int, int]]) -> np.void:
    """Return the STREAM row after packets given as (payload type, sequence number), 20 ms and 960 ticks apart."""
    stream = np.zeros(1, STREAM)
    for i, (payload_type, seq) in enumerate(packets):
        data = as_bytes(frames.rtp(seq, i * 960, 0x1234, b"x" * 20, payload_type=payload_type))
        if i == 0:
            start_stream(data, 0, data.size, data.size, i * STEP_NS, 0, stream[0])
        else:
            update_stream(data, 0, data.size, i * STEP_NS, stream[0])
    return stream[0]


def test_stream__error_correction_that_is_numbered_apart_is_no_loss() -> None:
    media = [(98, seq) for seq in range(20_000, 20_100)]
    mixed = [one for place, packet in enumerate(media) for one in (packet, (110, 21_200 + place))]
    stream = feed_typed(mixed)
    assert (int(stream["packets"]), lost(stream), int(stream["restarts"])) == (100, 0, 0)


def test_stream__another_payload_type_in_the_same_numbers_is_the_same_media() -> None:
    stream = feed_typed([(98 if seq % 3 else 107, seq) for seq in range(100)])
    assert (int(stream["packets"]), lost(stream)) == (100, 0)


def test_stream__a_source_that_changes_type_and_numbers_goes_on() -> None:
    stream = feed_typed([(98, seq) for seq in range(50)] + [(107, seq) for seq in range(40_000, 40_100)])
    assert (int(stream["packets"]), lost(stream)) == (50 + 100 - STRAYS + 1, 0)
