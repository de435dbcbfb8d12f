"""Kernel module: what both ends say of a call where a probe can read it: RTCP reports, and round trips.

Called by ``study`` for RTCP and STUN messages, which are rare. RTCP in the clear (RFC 3550 §6.4) tells what the far end
has lost, behind the probe too. A round trip is that between the probe and one end: from a sender report to the receiver
report that names it, less the time its receiver kept it, or from a STUN request to its answer. Those of packets that
went forward are round trips to the flow's destination, those in reverse to its source.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be32, u8
from flowclass.dissect.rtcp import (
    BLOCK_BYTES,
    SENDER_REPORT,
    block_lost,
    first_block,
    is_plain,
    ntp_middle,
    packet_bytes,
    packet_type,
    report_count,
    sender_ssrc,
)
from flowclass.jit import int64, kernel
from flowclass.record.message import MessageKind

#: Sources of which a flow keeps reports: audio and video both ways, and as many again.
MAX_REPORTS = 8
#: A round trip above this is no round trip: an answer to an earlier asking, or a clock that jumped.
LONGEST_TRIP_NS = 5_000_000_000
#: DLSR counts 1/65536 s (RFC 3550 §6.4.1).
NS_PER_SECOND, DLSR_SHIFT = 1_000_000_000, 16
#: Class bits of a STUN message type: neither in a request, the first in an indication, the other in answers
#: (RFC 8489 §5).
CLASS_BITS, REQUEST, SUCCESS, ERROR = 0x0110, 0x0000, 0x0100, 0x0110
WORD = 0xFFFFFFFF


@kernel
def add_trip(trips: Any, trip_ns: int) -> None:
    """Add a round trip to a record with ``trips``, ``trip_min_ns`` and ``trip_sum_ns``, if it can be one."""
    if trip_ns < 0 or trip_ns > LONGEST_TRIP_NS:
        return
    if trips["trips"] == 0 or trip_ns < trips["trip_min_ns"]:
        trips["trip_min_ns"] = trip_ns
    trips["trips"] += 1
    trips["trip_sum_ns"] += trip_ns


@kernel
def note_stun(msg: Any, ts_ns: int, direction: int, asked: Any) -> None:
    """Take a STUN message into the round trips of its flow.

    Parameters
    ----------
    asked : TRIP[2], by the way of the request; the latest request each way is remembered, from its first copy on
    """
    high = int64(msg["txid_hi"])
    key = (high ^ (high >> 32) ^ int64(msg["txid_lo"])) & WORD
    kind = int64(msg["stun_type"]) & CLASS_BITS
    if kind == REQUEST:
        if asked[direction]["asked"] != key:
            asked[direction]["asked"] = key
            asked[direction]["asked_ns"] = ts_ns
    elif kind == SUCCESS or kind == ERROR:
        request = asked[1 - direction]
        if request["asked"] == key and key != 0:
            request["asked"] = 0
            add_trip(request, ts_ns - int64(request["asked_ns"]))


@kernel
def take_report(state: Any, body: Any, ssrc: int, direction: int) -> int:
    """Return the REPORT row of a source of the flow, -1 when there is no room for one more."""
    meter = state.meter[0]
    at = int64(body["report_head"]) - 1
    length = 0
    while at >= 0:
        report = state.reports[at]
        if report["ssrc"] == ssrc and report["direction"] == direction:
            return at
        length += 1
        at = int64(report["next"]) - 1
    if length >= MAX_REPORTS:
        return -1
    at = int64(meter["free_report"]) - 1
    if at >= 0:
        meter["free_report"] = state.reports[at]["next"]
    elif meter["high_report"] < state.reports.size:
        at = int64(meter["high_report"])
        meter["high_report"] = at + 1
    else:
        return -1
    report = state.reports[at]
    report["ssrc"] = ssrc
    report["direction"] = direction
    report["sent_ns"] = 0
    report["blocks"] = 0
    report["trips"] = 0
    report["trip_sum_ns"] = 0
    report["next"] = body["report_head"]
    body["report_head"] = at + 1
    return at


@kernel
def note_block(data: Any, block: int, ts_ns: int, report: Any) -> None:
    """Take a report block, captured whole, into the REPORT row of its source."""
    lost, highest = block_lost(data, block), be32(data, block + 8)
    if report["blocks"] == 0:
        report["lost_first"] = lost
        report["highest_first"] = highest
    report["blocks"] += 1
    report["fraction"] = u8(data, block + 4)
    report["lost"] = lost
    report["highest"] = highest
    report["jitter"] = be32(data, block + 12)
    if report["sent_ns"] != 0 and be32(data, block + 16) == report["middle"]:
        kept_ns = (be32(data, block + 20) * NS_PER_SECOND) >> DLSR_SHIFT
        add_trip(report, ts_ns - int64(report["sent_ns"]) - kept_ns)


@kernel
def note_rtcp(data: Any, lo: int, hi: int, wire_bytes: int, ts_ns: int, direction: int, state: Any, body: Any) -> None:
    """Read the reports of the RTCP compound at ``lo``, if they are in the clear."""
    if not is_plain(data, lo, hi, wire_bytes):
        return
    at = lo
    while at < lo + wire_bytes:
        end = at + packet_bytes(data, at)
        block = first_block(data, at)
        if block == 0 or block > end:
            at = end
            continue
        if packet_type(data, at) == SENDER_REPORT:
            place = take_report(state, body, sender_ssrc(data, at), direction)
            if place >= 0:
                state.reports[place]["middle"] = ntp_middle(data, at)
                state.reports[place]["sent_ns"] = ts_ns
        for _ in range(report_count(data, at)):
            if block + BLOCK_BYTES > end:
                break
            place = take_report(state, body, be32(data, block), 1 - direction)
            if place >= 0:
                note_block(data, block, ts_ns, state.reports[place])
            block += BLOCK_BYTES
        at = end


@kernel
def note_both_ends(state: Any, pkt: Any, msg: Any, direction: int, body: Any) -> None:
    """Take what a message that has been read says of loss at the far end and of round trips."""
    ts_ns = int64(pkt["ts_ns"])
    if msg["kind"] == MessageKind.STUN:
        note_stun(msg, ts_ns, direction, body["trip"])
    lo, hi = int64(msg["media_lo"]), int64(msg["media_hi"])
    if hi > lo and msg["media_header"] == 0:
        note_rtcp(state.data, lo, hi, int64(msg["media_bytes"]), ts_ns, direction, state, body)


@kernel
def release_reports(state: Any, body: Any) -> None:
    """Give all REPORT rows of a flow back to the pool."""
    meter = state.meter[0]
    at = int64(body["report_head"])
    while at > 0:
        following = int64(state.reports[at - 1]["next"])
        state.reports[at - 1]["next"] = meter["free_report"]
        meter["free_report"] = at
        at = following
    body["report_head"] = 0


@kernel
def hand_out_reports(state: Any, body: Any, flow_row: int) -> None:
    """Write a MEDIA row without packets for each source of which there are reports."""
    meter = state.meter[0]
    at = int64(body["report_head"]) - 1
    while at >= 0 and meter["ready_media"] < state.media.size:
        report = state.reports[at]
        at = int64(report["next"]) - 1
        out = state.media[int64(meter["ready_media"])]
        meter["ready_media"] += 1
        out["flow"] = flow_row
        out["ssrc"] = report["ssrc"]
        out["direction"] = report["direction"]
        out["packets"] = 0
        out["expected"] = 0
        out["jitter_packets"] = 0
        out["clock_hz"] = 0.0
        out["first_ns"] = 0
        out["last_ns"] = 0
        out["reports"] = report["blocks"]
        out["far_expected"] = (int64(report["highest"]) - int64(report["highest_first"])) & WORD
        out["far_lost"] = int64(report["lost"]) - int64(report["lost_first"])
        out["far_fraction"] = report["fraction"]
        out["far_jitter"] = report["jitter"]
        out["trips"] = report["trips"]
        out["trip_min_ns"] = report["trip_min_ns"]
        out["trip_sum_ns"] = report["trip_sum_ns"]
