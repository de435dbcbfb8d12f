"""Kernel module: how flows end: what is handed out and given back; and all of them when the capture is over."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps._fused import collect_reasons
from flowclass.features.row import fill_row
from flowclass.flow.correlation import correlate, fetch_endpoints, settle_endpoints
from flowclass.flow.identity import flow_id
from flowclass.flow.jitter import LEAST_PACKETS, NS_PER_S, look_at_clock
from flowclass.flow.reassembly import release_hello
from flowclass.flow.reports import MAX_REPORTS, hand_out_reports, release_reports
from flowclass.flow.steady import is_media
from flowclass.flow.streams import CONFIRMED, MAX_STREAMS, release_streams
from flowclass.flow.sweep import end_reason, has_expired
from flowclass.flow.table import fetch_body, remove
from flowclass.flow.voice import close_second, voice_seconds
from flowclass.jit import entry, int64, kernel, reference, unit
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, Kind

#: Sequence numbers on the wire have 16 bits (RFC 3550 §5.1).
SEQUENCE_MASK = 0xFFFF
#: Fewer payload packets than this give the model nothing to judge by.
MODEL_PAYLOAD_PACKETS = 2
#: Packets in confirmed streams that make a call's flow a media flow; fewer are a probe.
MEDIA_PACKETS = 3
#: Rows between asking for a flow's lines and ending it, when all of them end.
DRAIN_AHEAD = 3
#: MEDIA rows that one flow can hand out.
MAX_MEDIA = MAX_STREAMS + MAX_REPORTS


@kernel
def last_of(media: Any) -> int:
    """Return when a STREAM or STEADY was last heard: not before it began, where the capture's clock was set back."""
    return max(int64(media["last_ns"]), int64(media["first_ns"]))


@kernel
def sum_streams(streams: Any, body: Any, out: Any) -> None:
    """Sum up the flow's confirmed media streams by direction; without any, its steady packets are its media."""
    for direction in range(2):
        steady = body["steady"][direction]
        with_pace = body["streams"] == 0 and is_media(steady, int64(body["packets"][direction]))
        out["stream_packets"][direction] = 0
        out["stream_expected"][direction] = 0
        out["media_first_ns"][direction] = steady["first_ns"] if with_pace else 0
        out["media_last_ns"][direction] = last_of(steady) if with_pace else 0
    at = int64(body["stream_head"])
    while at >= 0:
        stream = streams[at]
        at = int64(stream["next"])
        if stream["state"] != CONFIRMED:
            continue
        direction = int64(stream["direction"])
        first, last = int64(stream["first_ns"]), last_of(stream)
        out["stream_packets"][direction] += stream["packets"]
        out["stream_expected"][direction] += np.uint32(int64(stream["max_seq"]) - int64(stream["base_seq"]) + 1)
        if out["media_first_ns"][direction] == 0 or first < out["media_first_ns"][direction]:
            out["media_first_ns"][direction] = first
        out["media_last_ns"][direction] = max(int64(out["media_last_ns"][direction]), last)


@kernel
def hand_out_media(state: Any, body: Any, flow_row: int) -> None:
    """Write a MEDIA row for each confirmed stream of a flow handed out as ``ready[flow_row]``."""
    meter = state.meter[0]
    at = int64(body["stream_head"])
    while at >= 0 and meter["ready_media"] < state.media.size:
        stream = state.streams[at]
        at = int64(stream["next"])
        if stream["state"] != CONFIRMED:
            continue
        if stream["packets"] >= LEAST_PACKETS:
            look_at_clock(stream)
        out = state.media[int64(meter["ready_media"])]
        meter["ready_media"] += 1
        out["flow"] = flow_row
        out["ssrc"] = stream["ssrc"]
        out["direction"] = stream["direction"]
        out["payload_type"] = stream["payload_type"]
        out["payload_types"] = stream["payload_types"]
        out["restarts"] = stream["restarts"]
        out["offset"] = body["media_offset"]
        out["extension"] = stream["extension"]
        out["packets"] = stream["packets"]
        out["expected"] = np.uint32(int64(stream["max_seq"]) - int64(stream["base_seq"]) + 1)
        out["base_seq"] = int64(stream["base_seq"]) & SEQUENCE_MASK
        out["max_seq"] = int64(stream["max_seq"]) & SEQUENCE_MASK
        out["gaps"] = stream["gaps"]
        out["duplicates"] = stream["duplicates"]
        out["reordered"] = stream["reordered"]
        out["markers"] = stream["markers"]
        out["bytes"] = stream["bytes"]
        out["first_ns"] = stream["first_ns"]
        out["last_ns"] = last_of(stream)
        out["rtp_elapsed"] = stream["rtp_elapsed"]
        out["step_least"] = stream["step_least"]
        out["jitter_packets"] = stream["jitter_packets"]
        ns_per_tick = float(stream["ns_per_tick"])
        out["clock_hz"] = NS_PER_S / ns_per_tick if ns_per_tick > 0.0 else 0.0
        out["jitter_ns"] = stream["jitter_ns"]
        out["jitter_max_ns"] = stream["jitter_max_ns"]
        out["jitter_sum_ns"] = stream["jitter_sum_ns"]
        out["reports"] = 0
        out["trips"] = 0


@kernel
def hand_out(state: Any, row: int, reason: int) -> None:
    """Write the flow as it stands to the next ready record, with a feature row when evidence does not decide."""
    meter = state.meter[0]
    flow = state.hot[row]
    body = state.body[row]
    fetch_endpoints(state, flow)
    flow_row = int64(meter["ready"])
    out = state.ready[flow_row]
    meter["ready"] += 1
    out["flow_id"] = flow_id(flow, body)
    out["src_hi"] = flow["src_hi"]
    out["src_lo"] = flow["src_lo"]
    out["dst_hi"] = flow["dst_hi"]
    out["dst_lo"] = flow["dst_lo"]
    out["sport"] = flow["sport"]
    out["dport"] = flow["dport"]
    out["proto"] = flow["proto"]
    out["version"] = flow["version"]
    out["first_ns"] = body["first_ns"]
    out["last_ns"] = flow["last_ns"]
    out["origin_ns"] = body["origin_ns"]
    out["first_frame"] = body["first_frame"]
    out["end_reason"] = reason
    out["piece"] = body["piece"]
    out["payload_packets"] = body["payload_packets"]
    out["decided_at_packet"] = body["decided_at_packet"]
    out["decided_ms"] = body["decided_ms"]
    out["anomalies"] = body["anomalies"]
    out["app"] = body["app"]
    out["strength"] = body["strength"]
    out["also"] = body["also"]
    out["streams"] = body["streams"]
    out["resolved_app"] = body["resolved_app"]
    out["end_mark_ns"] = body["end_mark_ns"]
    out["end_mark"] = body["end_mark"]
    for direction in range(2):
        out["packets"][direction] = body["packets"][direction]
        out["bytes"][direction] = body["bytes"][direction]
        out["tcp_flags"][direction] = body["tcp_flags"][direction]
        out["gap_max_ns"][direction] = body["steady"][direction]["gap_max_ns"]
        out["trips"][direction] = body["trip"][direction]["trips"]
        out["trip_min_ns"][direction] = body["trip"][direction]["trip_min_ns"]
        out["trip_sum_ns"][direction] = body["trip"][direction]["trip_sum_ns"]
        out["call_ids"][direction] = body["call_ids"][direction]
        out["network_cost"][direction] = body["network_cost"][direction]
    sum_streams(state.streams, body, out)
    hand_out_media(state, body, flow_row)
    hand_out_reports(state, body, flow_row)
    out["kind"] = final_kind(body, out)
    out["voice_like_s"] = voice_seconds(body)
    out["depth"] = body["depth"]
    for layer in range(out["tunnel_kind"].size):
        out["tunnel_kind"][layer] = body["tunnel_kind"][layer]
        out["tunnel_id"][layer] = body["tunnel_id"][layer]
    collect_reasons(body["apps"], out["reasons"])
    settle_endpoints(state, row, out["flow_id"])
    correlate(state, row, out)
    out["features_row"] = -1
    app = body["app"]
    nameless = app == App.UNKNOWN or app == App.WEBRTC or app == App.RTP
    undecided = nameless and body["payload_packets"] >= MODEL_PAYLOAD_PACKETS
    if undecided or meter["features_always"]:
        features_row = int64(meter["ready_rows"])
        meter["ready_rows"] = features_row + 1
        out["features_row"] = features_row
        fill_row(flow, body, state.streams, state.features[features_row])
        state.stats[0]["model_rows"] += np.uint64(1)
    state.stats[0]["flows_ended"][reason] += np.uint64(1)


@kernel
def final_kind(body: Any, out: Any) -> int:
    """Return the kind by evidence; a call's relay or socket that carried media, or RTCP of anybody's, is call media.

    RTCP counts because a muted call sends little else (both ways muted, or seen after the media moved to a peer).
    """
    kind = int64(body["kind"])
    has_media = out["stream_packets"][0] + out["stream_packets"][1] >= MEDIA_PACKETS
    may_carry = kind == Kind.CALL_SIGNALLING or kind == Kind.UNKNOWN
    if may_carry and (has_media or body["rtcp_packets"] >= MEDIA_PACKETS):
        return int64(Kind.CALL_MEDIA)
    return kind


@unit
def end_flow(state: Any, row: int, reason: int) -> int:
    """Hand a flow out and, unless it only reached the active timeout, free its row; return 0."""
    if reason != EndReason.ACTIVE_TIMEOUT:
        close_second(state.body[row]["voice"])
    hand_out(state, row, reason)
    if reason != EndReason.ACTIVE_TIMEOUT:
        release_streams(state.streams, state.meter[0], state.body[row])
        release_reports(state, state.body[row])
        release_hello(state.hellos, state.body[row], row)
        remove(state, row)
    return 0


@entry
def sweep_table(now_ns: int, start: int, arrays: Any) -> int:
    """End all flows from row ``start`` on that have expired by ``now_ns``; return the next row, or -1 when through.

    The idle tick of a silent wire: the caller takes the ready records and calls again until -1.
    """
    state = reference(arrays)
    meter = state.meter[0]
    for row in range(start, meter["high_row"]):
        if meter["ready"] >= state.ready.size or meter["ready_media"] > state.media.size - MAX_MEDIA:
            return row
        flow = state.hot[row]
        if flow["in_use"] and has_expired(flow, now_ns, meter):
            end_flow(state, row, end_reason(flow))
    return -1


@entry
def drain_table(start: int, arrays: Any) -> int:
    """End every flow from row ``start`` on because the capture is over; return the next row, or -1 when through."""
    state = reference(arrays)
    meter = state.meter[0]
    for row in range(start, meter["high_row"]):
        if meter["ready"] >= state.ready.size or meter["ready_media"] > state.media.size - MAX_MEDIA:
            return row
        ahead = row + DRAIN_AHEAD
        if ahead < meter["high_row"] and state.hot[ahead]["in_use"]:
            fetch_body(state.body_bytes, ahead)
        flow = state.hot[row]
        if flow["in_use"]:
            reason = EndReason.FORCED_END
            if flow["closed"]:
                reason = EndReason.END_OF_FLOW
            elif has_expired(flow, meter["clock_ns"], meter):
                # The sweep had not come round yet: the reason must not depend on where its hand stood.
                reason = EndReason.IDLE_TIMEOUT
            end_flow(state, row, reason)
    return -1
