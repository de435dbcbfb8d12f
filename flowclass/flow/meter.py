"""Kernel module: the meter: one block of frames in, finished flow records out.

`meter_block` is what Python calls, a few times per block. It works in batches: dissect BATCH_PACKETS frames, fetch
the flow rows they will touch, then meter packet by packet in capture order. Nothing depends on where a block or a
batch ends: expiry, eviction and sweeping are decided by packet count and capture time alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.duplicate import is_duplicate
from flowclass.flow.batch import dissect_batch, fetch_ahead, fetch_first
from flowclass.flow.expire import MAX_MEDIA, end_flow
from flowclass.flow.resolved import resolved_app
from flowclass.flow.sipevents import MESSAGES_PER_PACKET
from flowclass.flow.study import OPEN, follow_media, follow_sip, note_tcp, study
from flowclass.flow.sweep import choose_early, end_reason, has_expired, row_to_evict, sweep_one
from flowclass.flow.table import find, insert
from flowclass.flow.voice import listen
from flowclass.jit import entry, int64, kernel, reference
from flowclass.record.packet import Fragment
from flowclass.record.status import Anomaly, EndReason, Status
from flowclass.record.verdict import Kind

TCP, UDP = 6, 17
SYN, ACK = 0x02, 0x10
#: Most records one packet can finish: its own flow's last piece, one evicted, one swept.
RECORDS_PER_PACKET = 3
#: One row of the table is looked at for expiry with every so many packets.
SWEEP_EVERY = 4
SECOND_NS = 1_000_000_000
ANOMALIES = len(Anomaly)


@kernel
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


@kernel
def begin_flow(pkt: Any, state: Any) -> int:
    """Open a flow for the packet; return its row. The caller has made room."""
    row = insert(state, pkt)
    body = state.body[row]
    state.hot[row]["last_ns"] = pkt["ts_ns"]
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
    flow["last_ns"] = ts_ns
    body["first_ns"] = ts_ns
    body["first_frame"] = meter["frame"]
    body["piece"] += np.uint32(1)
    body["payload_packets"] = 0
    body["voice"]["seconds"] = 0
    for direction in range(2):
        body["packets"][direction] = 0
        body["bytes"][direction] = 0


@kernel
def add_to_flow(state: Any, k: int, row: int, direction: int) -> None:
    """Add ``state.packets[k]`` to its flow, which is there and goes on."""
    pkt = state.packets[k]
    flow = state.hot[row]
    body = state.body[row]
    ts_ns = int64(pkt["ts_ns"])
    flow["packets"] += np.uint32(1)
    # Packets may come out of order, by the clocks of several interfaces or of a card's queues.
    if ts_ns > flow["last_ns"]:
        flow["last_ns"] = ts_ns
    elif ts_ns < body["first_ns"]:
        body["first_ns"] = ts_ns
    body["packets"][direction] += np.uint32(1)
    body["bytes"][direction] += np.uint64(pkt["ip_bytes"])
    if pkt["anomalies"]:
        body["anomalies"] |= pkt["anomalies"]
    if pkt["proto"] == TCP:
        note_tcp(pkt, direction, flow, body)
    if pkt["payload_bytes"] <= 0:
        return
    body["payload_packets"] += np.uint32(1)
    if pkt["fragment"] == Fragment.LATER:
        return
    if body["kind"] == Kind.TUNNEL:
        listen(pkt, direction, body)
    if body["stage"] == OPEN or (pkt["proto"] == UDP and not follow_media(state, k, direction, row)):
        study(state, k, direction, row)
    elif body["kind"] == Kind.CALL_SIGNALLING and pkt["proto"] == TCP:
        follow_sip(state, k, row)


@kernel
def meter_packet(state: Any, k: int) -> None:
    """Meter the dissected ``state.packets[k]``: end what ends before it, find or open its flow, add it, sweep one row.

    So a packet finishes RECORDS_PER_PACKET records at most.
    """
    pkt = state.packets[k]
    meter = state.meter[0]
    ts_ns = int64(pkt["ts_ns"])
    row, direction = find(state, pkt)
    if row >= 0:
        reason = reason_to_end(pkt, state.hot[row], state.body[row], meter)
        if reason != EndReason.OPEN:
            end_flow(state, row, reason)
            if reason == EndReason.ACTIVE_TIMEOUT:
                next_piece(state.hot[row], state.body[row], meter, ts_ns)
            else:
                row, direction = -1, 0
    if row < 0:
        if meter["live"] == state.hot.size:
            end_flow(state, row_to_evict(state.hot, meter), int64(EndReason.LACK_OF_RESOURCES))
        row = begin_flow(pkt, state)
        if meter["live"] == state.hot.size:
            choose_early(state)
    add_to_flow(state, k, row, direction)
    if meter["frame"] % SWEEP_EVERY == 0:
        overdue = sweep_one(state, ts_ns)
        if overdue >= 0:
            end_flow(state, overdue, end_reason(state.hot[overdue]))


@entry
def meter_block(arrays: Any, start: int, first_frame: int) -> int:
    """Meter the frames ``refs[start:]`` until they end or the ready records fill up.

    Parameters
    ----------
    arrays : MeterState, with the block in ``data`` and ``refs``
    start : first frame to take
    first_frame : number of ``refs[0]`` within the capture

    Returns
    -------
    int
        Index of the first frame not taken; ``refs.size`` when all were. The caller takes
        ``ready[:meter.ready]`` and sets it to 0 before the next call.
    """
    state = reference(arrays)
    meter = state.meter[0]
    batch = state.packets.size
    room = state.ready.size - batch * RECORDS_PER_PACKET
    media_room = state.media.size - batch * RECORDS_PER_PACKET * MAX_MEDIA
    event_room = state.events.size - batch * MESSAGES_PER_PACKET
    while (
        start < state.refs.size
        and meter["ready"] <= room
        and meter["ready_media"] <= media_room
        and meter["ready_events"] <= event_room
    ):
        count = min(batch, state.refs.size - start)
        dissect_batch(state, start, count)
        fetch_first(state, count)
        for k in range(count):
            fetch_ahead(state, k, count)
            meter["frame"] = first_frame + start + k
            account(state.refs[start + k], state.packets[k], state)
            if state.packets[k]["status"] == Status.OK:
                meter_packet(state, k)
        start += count
    return start
