"""Kernel module: the meter: one block of frames in, finished flow records out.

`meter_block` is what Python calls, a few times per block. It works in batches: dissect BATCH_PACKETS frames, fetch
the flow rows they will touch, then meter packet by packet in capture order. Nothing depends on where a block or a
batch ends: expiry, eviction and sweeping are decided by packet count and capture time alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.duplicate import is_duplicate
from flowclass.dissect.packet import dissect_packet
from flowclass.flow.expire import (
    choose_victim,
    end_flow,
    end_reason,
    has_expired,
    row_to_evict,
    swept_row,
)
from flowclass.flow.record import BODY, LINE_BYTES
from flowclass.flow.resolved import resolved_app
from flowclass.flow.study import OPEN, follow_media, note_tcp, study
from flowclass.flow.table import find, first_slot, insert, likely_row
from flowclass.jit import entry, fused, int64, kernel, prefetch
from flowclass.record.packet import Fragment
from flowclass.record.status import Anomaly, EndReason, Status

TCP, UDP = 6, 17
SYN, ACK = 0x02, 0x10
#: Most records one packet can finish: its own flow's last piece, one evicted, one swept.
RECORDS_PER_PACKET = 3
OWN_FLOW, MAKE_ROOM = 0, 1
#: One row of the table is looked at for expiry with every so many packets.
SWEEP_EVERY = 4
SECOND_NS = 1_000_000_000
BODY_BYTES = BODY.itemsize
#: Lines of a BODY row that a packet of an open flow may touch; fetched ahead.
BODY_LINES = BODY_BYTES // LINE_BYTES
ANOMALIES = len(Anomaly)


@fused
def account(ref: Any, pkt: Any, state: Any) -> None:
    """Book one packet as metered or ignored, and its anomalies."""
    stats = state.stats[0]
    status = int64(pkt["status"])
    wirelen = np.uint64(ref["wirelen"])
    stats["packets_read"] += np.uint64(1)
    stats["bytes_read"] += wirelen
    if status != Status.OK:
        stats["ignored_packets"][status] += np.uint64(1)
        stats["ignored_bytes"][status] += wirelen
        return
    stats["packets_metered"] += np.uint64(1)
    stats["bytes_metered"] += wirelen
    meter = state.meter[0]
    odd = int64(pkt["anomalies"])
    if pkt["ts_ns"] + SECOND_NS < meter["clock_ns"]:
        odd |= 1 << Anomaly.TIME_BACKWARD
    meter["clock_ns"] = pkt["ts_ns"]
    if is_duplicate(pkt, state.recent):
        odd |= 1 << Anomaly.DUPLICATE
    if odd:
        pkt["anomalies"] = odd
        for bit in range(ANOMALIES):
            if odd >> bit & 1:
                stats["anomalies"][bit] += np.uint64(1)


@fused
def begin_flow(pkt: Any, state: Any) -> int:
    """Open a flow for the packet; return its row. The caller has made room."""
    row = insert(state, pkt)
    body = state.body[row]
    body["first_ns"] = pkt["ts_ns"]
    body["origin_ns"] = pkt["ts_ns"]
    body["first_frame"] = state.meter[0]["frame"]
    body["stream_head"] = -1
    body["resolved_app"] = resolved_app(pkt, state.resolved)
    depth = int64(pkt["depth"])
    if depth > 0:
        body["depth"] = depth
        for layer in range(body["tunnel_kind"].size):
            body["tunnel_kind"][layer] = pkt["tunnel_kind"][layer]
            body["tunnel_id"][layer] = pkt["tunnel_id"][layer]
    state.stats[0]["flows_created"] += np.uint64(1)
    return row


@kernel
def reason_to_end(pkt: Any, flow: Any, body: Any, meter: Any) -> int:
    """Return the EndReason with which a live flow ends before this packet of its key, OPEN when it goes on."""
    ts_ns = int64(pkt["ts_ns"])
    if has_expired(flow, ts_ns, meter):
        return end_reason(flow)
    if flow["closed"] and pkt["proto"] == TCP and (pkt["tcp_flags"] & (SYN | ACK)) == SYN:
        return int64(EndReason.END_OF_FLOW)
    if ts_ns - int64(body["first_ns"]) > meter["active_ns"]:
        return int64(EndReason.ACTIVE_TIMEOUT)
    return int64(EndReason.OPEN)


@kernel
def next_piece(flow: Any, body: Any, meter: Any, ts_ns: int) -> None:
    """Begin the next record of a long flow, which keeps its flow_id, its verdict and its streams."""
    flow["packets"] = 0
    body["first_ns"] = ts_ns
    body["first_frame"] = meter["frame"]
    body["piece"] += np.uint32(1)
    body["payload_packets"] = 0
    for direction in range(2):
        body["packets"][direction] = 0
        body["bytes"][direction] = 0


@fused
def add_to_flow(data: Any, pkt: Any, row: int, direction: int, state: Any) -> None:
    """Add one packet to its flow, which is there and goes on."""
    flow = state.hot[row]
    body = state.body[row]
    ts_ns = int64(pkt["ts_ns"])
    flow["packets"] += np.uint32(1)
    flow["last_ns"] = ts_ns
    body["packets"][direction] += np.uint32(1)
    body["bytes"][direction] += np.uint64(pkt["ip_bytes"])
    body["last_ns"][direction] = ts_ns
    if pkt["anomalies"]:
        body["anomalies"] |= pkt["anomalies"]
    if pkt["proto"] == TCP:
        note_tcp(pkt, direction, flow, body)
    if pkt["payload_bytes"] <= 0:
        return
    body["payload_packets"] += np.uint32(1)
    if pkt["fragment"] == Fragment.LATER:
        return
    if body["stage"] == OPEN:
        study(data, pkt, direction, state, row)
    elif pkt["proto"] == UDP:
        follow_media(data, pkt, direction, state, row)


@fused
def meter_packet(data: Any, pkt: Any, state: Any) -> None:
    """Meter one dissected packet: end what ends before it, find or open its flow, add it, sweep one row.

    A packet may end its own flow's last piece, a flow that makes room for a new one, and a flow whose time is over;
    the three take turns in one loop so that the code that hands a record out exists once.
    """
    meter = state.meter[0]
    ts_ns = int64(pkt["ts_ns"])
    row, direction = find(state, pkt)
    for step in range(RECORDS_PER_PACKET):
        ending, reason = -1, int64(EndReason.OPEN)
        if step == OWN_FLOW:
            if row >= 0:
                reason = reason_to_end(pkt, state.hot[row], state.body[row], meter)
                if reason != EndReason.OPEN:
                    ending = row
        elif step == MAKE_ROOM:
            if row < 0 and meter["live"] == state.hot.size:
                ending = row_to_evict(state.hot, meter)
                reason = int64(EndReason.LACK_OF_RESOURCES)
        elif meter["frame"] % SWEEP_EVERY == 0:
            ending = swept_row(state.hot, meter, ts_ns)
            if ending >= 0:
                reason = end_reason(state.hot[ending])
        if ending >= 0:
            end_flow(state, ending, reason)
        if step == OWN_FLOW and ending >= 0:
            if reason == EndReason.ACTIVE_TIMEOUT:
                next_piece(state.hot[row], state.body[row], meter, ts_ns)
            else:
                row, direction = -1, 0
        elif step == MAKE_ROOM:
            if row < 0:
                row = begin_flow(pkt, state)
                if meter["live"] == state.hot.size:
                    victim = choose_victim(state.hot, meter)
                    meter["victim"] = victim + 1
                    fetch_body(state.body_bytes, victim)
            add_to_flow(data, pkt, row, direction, state)


@kernel
def fetch_body(body_bytes: Any, row: int) -> None:
    """Fetch all lines of a BODY row."""
    start = row * BODY_BYTES
    for line in range(BODY_LINES):
        prefetch(body_bytes, start + line * LINE_BYTES)


@fused
def fetch_ahead(state: Any, count: int) -> None:
    """Fetch the table rows that the batch's packets will touch, while nothing waits for them."""
    for k in range(count):
        pkt = state.packets[k]
        if pkt["status"] == Status.OK:
            row = likely_row(state.index, pkt["hash"])
            pkt["flow"] = row
            if row >= 0:
                prefetch(state.hot, row)
                prefetch(state.body_bytes, row * BODY_BYTES)
    for k in range(count):
        pkt = state.packets[k]
        if pkt["status"] == Status.OK and pkt["flow"] >= 0:
            row = int64(pkt["flow"])
            body = state.body[row]
            if body["stage"] == OPEN:
                fetch_body(state.body_bytes, row)
            elif body["stream_hint"][0] > 0:
                prefetch(state.streams, int64(body["stream_hint"][0]) - 1)
                if body["stream_hint"][1] > 0:
                    prefetch(state.streams, int64(body["stream_hint"][1]) - 1)


@entry
def meter_block(data: Any, refs: Any, start: int, first_frame: int, state: Any) -> int:
    """Meter the frames ``refs[start:]`` until they end or the ready records fill up.

    Parameters
    ----------
    data : uint8[:], the block's bytes
    refs : PACKET_REF[n]
    start : first frame to take
    first_frame : number of ``refs[0]`` within the capture
    state : MeterState

    Returns
    -------
    int
        Index of the first frame not taken; ``refs.size`` when all were. The caller takes
        ``state.ready[:meter.ready]`` and sets it to 0 before the next call.
    """
    meter = state.meter[0]
    batch = state.packets.size
    room = state.ready.size - batch * RECORDS_PER_PACKET
    while start < refs.size and meter["ready"] <= room:
        count = min(batch, refs.size - start)
        for k in range(count):
            pkt = state.packets[k]
            if dissect_packet(data, refs[start + k], pkt, state.fragments, state.seed) == Status.OK:
                prefetch(state.index, first_slot(state.index, pkt["hash"]))
        fetch_ahead(state, count)
        for k in range(count):
            pkt = state.packets[k]
            meter["frame"] = first_frame + start + k
            account(refs[start + k], pkt, state)
            if pkt["status"] == Status.OK:
                meter_packet(data, pkt, state)
        start += count
    return start
