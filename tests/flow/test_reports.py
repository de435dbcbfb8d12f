"""RTCP in the clear and STUN round trips: what the meter keeps of them, and what it must not take for them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.reports import MAX_REPORTS
from flowclass.record.verdict import EndMark
from tests import frames
from tests.flow.test_meter import SMALL, START
from tests.frames import Frame
from tests.messages import stun

MS = 1_000_000
HERE, THERE = "10.0.0.1", "192.0.2.9"
SOURCE, OTHER = 0x1111, 0x2222
TXID = bytes(range(1, 13))


def meter(packets: list[Frame]) -> tuple[np.ndarray, np.ndarray]:
    """Return FLOW[n] and MEDIA[k] of frames."""
    metered = FlowMeter(SMALL)
    flows, media = [], []
    for batch in (*metered.add(*frames.block_of(packets), 1), *metered.drain()):
        flows.append(batch.flows.copy())
        media.append(batch.media.copy())
    return np.concatenate(flows), np.concatenate(media)


def sent(at_ms: float, payload: bytes, port: int = 3478) -> Frame:
    """Return a datagram to the far end."""
    return frames.udp(START + round(at_ms * MS), HERE, 40_000, THERE, port, payload)


def got(at_ms: float, payload: bytes, port: int = 3478) -> Frame:
    """Return a datagram from it."""
    return frames.udp(START + round(at_ms * MS), THERE, port, HERE, 40_000, payload)


def block(
    ssrc: int, lost: int = 0, highest: int = 0, *, fraction: int = 0, jitter: int = 0, lsr: int = 0, dlsr: float = 0
) -> bytes:
    """Return a report block; ``dlsr`` in s."""
    word = fraction << 24 | lost & 0xFFFFFF
    return struct.pack("!IIIIII", ssrc, word, highest, jitter, lsr, round(dlsr * 65_536))


def sender_report(ssrc: int, ntp: int, *blocks: bytes) -> bytes:
    """Return a sender report with its NTP time, 64 bits."""
    head = struct.pack("!BBHIQIII", 0x80 | len(blocks), 200, 6 + 6 * len(blocks), ssrc, ntp, 0, 0, 0)
    return head + b"".join(blocks)


def receiver_report(ssrc: int, *blocks: bytes) -> bytes:
    """Return a receiver report."""
    return struct.pack("!BBHI", 0x80 | len(blocks), 201, 1 + 6 * len(blocks), ssrc) + b"".join(blocks)


def description(ssrc: int) -> bytes:
    """Return a source description with an empty CNAME."""
    return struct.pack("!BBHIBBH", 0x81, 202, 2, ssrc, 1, 0, 0)


def test_trip__is_from_request_to_answer_by_the_way_of_the_request() -> None:
    flows, _ = meter([
        sent(0, stun(1, txid=TXID)), got(30, stun(0x101, txid=TXID)),
        sent(100, stun(1, txid=TXID[::-1])), got(120, stun(0x111, txid=TXID[::-1])),
        got(200, stun(1, txid=b"x" * 12)), sent(207, stun(0x101, txid=b"x" * 12)),
    ])  # fmt: skip
    assert flows["trips"][0].tolist() == [2, 1]
    assert flows["trip_min_ns"][0].tolist() == [20 * MS, 7 * MS]
    assert flows["trip_sum_ns"][0].tolist() == [50 * MS, 7 * MS]


def test_trip__counts_from_the_first_copy_and_to_the_first_answer() -> None:
    flows, _ = meter([
        sent(0, stun(3, txid=TXID)), sent(1, stun(3, txid=TXID)), got(30, stun(0x103, txid=TXID)),
        got(31, stun(0x103, txid=TXID)),
    ])  # fmt: skip
    assert (flows["trips"][0, 0], flows["trip_sum_ns"][0, 0]) == (1, 30 * MS)


@pytest.mark.parametrize(
    "packets",
    [
        [sent(0, stun(1, txid=TXID)), got(30, stun(0x101, txid=TXID[::-1]))],  # another transaction
        [sent(0, stun(1, txid=TXID)), sent(30, stun(0x101, txid=TXID))],  # the same way
        [sent(0, stun(0x11, txid=TXID)), got(30, stun(0x101, txid=TXID))],  # an indication asks nothing
        [sent(0, stun(1, txid=TXID)), got(5001, stun(0x101, txid=TXID))],  # far too late
    ],
)
def test_trip__is_not_made_up(packets: list[Frame]) -> None:
    flows, _ = meter(packets)
    assert flows["trips"].sum() == 0


def reports_of(packets: list[Frame]) -> dict[tuple[int, int], np.void]:
    """Return the MEDIA rows about sources of which RTCP tells, by SSRC and direction."""
    _, media = meter(packets)
    return {(int(one["ssrc"]), int(one["direction"])): one for one in media if not one["packets"]}


def test_report__loss_is_that_between_first_and_latest() -> None:
    found = reports_of([
        sent(0, sender_report(SOURCE, 1 << 32) + description(SOURCE)),
        got(10, receiver_report(OTHER, block(SOURCE, 7, 1000)) + description(OTHER)),
        got(5010, receiver_report(OTHER, block(SOURCE, 32, 1250, fraction=25, jitter=99)) + description(OTHER)),
    ])  # fmt: skip
    one = found[SOURCE, 0]
    assert (one["reports"], one["far_expected"], one["far_lost"], one["far_fraction"], one["far_jitter"]) == (
        2, 250, 25, 25, 99,
    )  # fmt: skip


def test_report__round_trip_leaves_out_the_time_it_was_kept() -> None:
    ntp = 0x0123_4567_89AB_CDEF
    found = reports_of([
        sent(0, sender_report(SOURCE, ntp)),
        got(540, receiver_report(OTHER, block(SOURCE, lsr=0x4567_89AB, dlsr=0.5))),
        got(900, receiver_report(OTHER, block(SOURCE, lsr=0x1111_1111, dlsr=0.5))),
    ])  # fmt: skip
    one = found[SOURCE, 0]
    assert (one["trips"], one["reports"]) == (1, 2)
    assert one["trip_min_ns"] == pytest.approx(40 * MS, abs=1 << 15)


def test_report__of_a_sender_tells_of_what_it_hears() -> None:
    found = reports_of([got(0, sender_report(OTHER, 5 << 32, block(SOURCE, 3, 10), block(SOURCE + 1, -2, 20)))])
    assert {key for key, one in found.items() if one["reports"]} == {(SOURCE, 1), (SOURCE + 1, 1)}
    assert found[OTHER, 0]["reports"] == 0


def test_report__lost_may_be_below_zero() -> None:
    found = reports_of([
        got(0, receiver_report(OTHER, block(SOURCE, 5, 10))), got(9, receiver_report(OTHER, block(SOURCE, -2, 20))),
    ])  # fmt: skip
    assert found[SOURCE, 1]["far_lost"] == -7


@pytest.mark.parametrize(
    "payload",
    [
        receiver_report(OTHER, block(SOURCE)) + bytes(14),  # an SRTCP index and tag behind it
        receiver_report(OTHER, block(SOURCE))[:-4],  # its length lies
        receiver_report(OTHER, block(SOURCE)) + bytes.fromhex("81ca0009") + bytes(8),  # the second packet's length lies
        receiver_report(OTHER, block(SOURCE)) + b"\x12\x34\x00\x01" + bytes(4),  # the second has no version
    ],
)
def test_report__that_is_not_in_the_clear_is_not_read(payload: bytes) -> None:
    assert reports_of([got(0, payload)]) == {}


def test_report__that_was_cut_by_the_capture_is_not_read() -> None:
    whole = got(0, receiver_report(OTHER, block(SOURCE)) + description(OTHER))
    assert reports_of([Frame(whole.ts_ns, whole.data[:-1], wirelen=len(whole.data))]) == {}


def test_report__claims_more_blocks_than_it_has() -> None:
    short = bytearray(receiver_report(OTHER, block(SOURCE)))
    short[0] |= 0x1F
    assert set(reports_of([got(0, bytes(short))])) == {(SOURCE, 1)}


def test_reports__of_a_flow_are_bounded() -> None:
    packets = []
    for flow in range(3):
        for i in range(0, 31, 3):
            blocks = [block(100 * flow + i + k) for k in range(3)]
            packets.append(got(10_000 * flow + i, receiver_report(OTHER, *blocks), port=5000 + flow))
    assert len(reports_of(packets)) == 3 * MAX_REPORTS


def test_reports__rows_come_back_when_their_flow_ends() -> None:
    metered, found = FlowMeter(SMALL), 0
    for n in range(1, 60):
        packet = got(6_000 * n, receiver_report(OTHER, block(n)), port=5000 + n)
        batches = (*metered.add(*frames.block_of([packet]), n), *metered.sweep(packet.ts_ns))
        found += sum(len(batch.media) for batch in batches)
    assert found == 58  # the last flow goes on


def test_pause__is_the_longest_each_way_where_no_rtp_shows() -> None:
    body = bytes.fromhex("10c7e0998811aa77") * 8
    packets = [sent(20 * i, body) for i in range(100)] + [got(20 * i + 5, body) for i in range(100) if not 70 <= i < 85]
    flows, _ = meter(sorted(packets, key=lambda packet: packet.ts_ns))
    assert flows["gap_max_ns"].tolist() == [[20 * MS, 16 * 20 * MS]]


def test_pause__is_not_counted_once_rtp_shows() -> None:
    packets = [sent(20 * i, frames.rtp(i, 160 * i, SOURCE, bytes(80))) for i in range(50)]
    packets.append(sent(3000, frames.rtp(50, 24_000, SOURCE, bytes(80))))
    flows, _ = meter(packets)
    assert flows["gap_max_ns"][0, 0] == 20 * MS


@pytest.mark.parametrize("first", [receiver_report(OTHER), b""])
def test_goodbye__is_a_sign_of_the_end(first: bytes) -> None:
    goodbye = struct.pack("!BBHI", 0x81, 203, 1, OTHER)
    packets = [sent(20 * i, frames.rtp(i, 160 * i, SOURCE, bytes(80))) for i in range(50)]
    flows, _ = meter([*packets, got(1000, receiver_report(OTHER)), got(1010, first + goodbye)])
    assert flows["end_mark"].tolist() == [EndMark.GOODBYE]
    assert flows["end_mark_ns"].tolist() == [START + 1010 * MS]
