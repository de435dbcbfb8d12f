"""Kernel module: what the meter does with a payload: evidence and statistics while open, media streams when firm.

Called by ``meter`` for each packet with payload, after it has been counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps._fused import clear_decisive, collect_reasons, observe_apps
from flowclass.apps.controls import note_controls
from flowclass.apps.decide import decide
from flowclass.apps.habits import is_due, note_habits, will_be_due
from flowclass.dissect.load import be32, u8
from flowclass.dissect.payload import inspect
from flowclass.flow.callmarks import note_call
from flowclass.flow.correlation import learn_endpoints
from flowclass.flow.expire import MEDIA_PACKETS
from flowclass.flow.identity import flow_id
from flowclass.flow.reassembly import join_hello
from flowclass.flow.reports import note_both_ends
from flowclass.flow.resolved import learn_answers, learn_server
from flowclass.flow.rows import WINDOW_PACKETS
from flowclass.flow.sipevents import note_sip
from flowclass.flow.steady import note_pace
from flowclass.flow.streams import CONFIRMED, MAX_REJECTS, add_media, update_stream
from flowclass.flow.window import add_to_window
from flowclass.jit import int64, kernel, unit
from flowclass.record.message import HEAD_BYTES, MessageKind
from flowclass.record.verdict import App, Kind, Strength

TCP, UDP = 6, 17
FIN, RST = 0x01, 0x04
#: ``body["stage"]``: evidence and statistics are gathered; no more than streams are looked at, for whose they are; the
#: flow has an application's name.
OPEN, FIRM, NAMED = 0, 1, 2
#: Payload packets after which a STRONG reason that nothing has contradicted becomes firm.
STRONG_PACKETS = 20
RTP_VERSION_2 = 2
FIRST_RTCP, LAST_RTCP = 192, 223
RTP_HEADER_BYTES = 12
SEQ_MASK = 0xFFFFFFFF
NS_PER_MS = 1_000_000
#: The longest time that ``decided_ms`` holds: seven weeks.
LONGEST_MS = 0xFFFFFFFF


@kernel
def note_tcp(pkt: Any, direction: int, flow: Any, body: Any) -> None:
    """Follow the TCP flags to the flow's end (RFC 9293 §3.6: FIN from both sides, or RST)."""
    flags = body["tcp_flags"][direction] | pkt["tcp_flags"]
    body["tcp_flags"][direction] = flags
    if flags & RST or (flags & FIN and body["tcp_flags"][1 - direction] & FIN):
        flow["closed"] = 1


@kernel
def follow_tcp_bytes(data: Any, pkt: Any, direction: int, body: Any, msg: Any) -> None:
    """Keep the first bytes of each TCP direction, in sequence, for signatures split over segments.

    ``msg`` gets them while they grow; ``head_new`` is 0 from then on.
    """
    msg["head_bytes"] = 0
    msg["head_new"] = 0
    filled = int64(body["head_bytes"][direction])
    sequence = int64(pkt["tcp_seq"])
    if filled == HEAD_BYTES or (filled > 0 and sequence != int64(body["next_seq"][direction])):
        return
    body["next_seq"][direction] = (sequence + int64(pkt["payload_bytes"])) & SEQ_MASK
    lo = int64(pkt["payload_lo"])
    fresh = min(int64(pkt["payload_hi"]) - lo, HEAD_BYTES - filled)
    for i in range(fresh):
        body["head"][direction][filled + i] = data[lo + i]
    filled += fresh
    for i in range(filled):
        msg["head"][i] = body["head"][direction][i]
    body["head_bytes"][direction] = filled
    msg["head_bytes"] = filled
    msg["head_new"] = fresh


@kernel
def is_nameless(body: Any) -> Any:
    """Whether evidence has not named an application."""
    app = body["app"]
    return app == App.UNKNOWN or app == App.WEBRTC or app == App.RTP


@kernel
def firm_stage(body: Any) -> int:
    """Return the stage of a flow whose evidence is no longer gathered."""
    return FIRM if is_nameless(body) else NAMED


@kernel
def is_challenged(body: Any, decision: Any) -> Any:
    """Whether a decision would rename a flow whose media have shown whose it is, and is the first to say so.

    One packet, which anybody may forge, does not rename a call: its evidence is taken back and has to come again.
    """
    app = decision["app"]
    if body["kind"] != Kind.CALL_MEDIA or body["app"] == App.UNKNOWN or app == body["app"] or app == body["also"]:
        return False
    if decision["also"] == body["app"]:
        return False
    memory = body["apps"]["rtp"]
    word = int64(decision["module"])
    if memory["challenger"] == word + 1:
        return False
    memory["challenger"] = word + 1
    clear_decisive(body["apps"], word)
    return True


@kernel
def elapsed_ms(elapsed_ns: int) -> int:
    """Return a time in whole milliseconds as the flow keeps it: never below 0, at most what fits."""
    return min(max(elapsed_ns // NS_PER_MS, 0), LONGEST_MS)


@kernel
def judge(state: Any, row: int) -> None:
    """Take a decision from the reasons gathered so far into the flow's verdict.

    A label that was a name changes on a stronger reason for another; a call's only when that reason comes again.
    """
    body = state.body[row]
    decision = state.decision[0]
    collect_reasons(body["apps"], state.words)
    app = decide(state.words, decision)
    if app == App.UNKNOWN or is_challenged(body, decision):
        return
    if body["app"] != app:
        body["decided_at_packet"] = state.hot[row]["packets"]
        body["decided_ms"] = elapsed_ms(int64(state.hot[row]["last_ns"]) - int64(body["origin_ns"]))
        if not is_nameless(body):
            state.stats[0]["labels_changed"] += np.uint64(1)
        elif body["app"] != App.UNKNOWN:
            state.stats[0]["labels_firmed"] += np.uint64(1)
    body["app"] = app
    body["kind"] = decision["kind"]
    body["strength"] = decision["strength"]
    body["also"] = decision["also"]
    learn_endpoints(state, row, flow_id(state.hot[row], body))
    if decision["strength"] == Strength.CERTAIN and not state.meter[0]["features_always"]:
        body["stage"] = firm_stage(body)


@kernel
def note_media(
    data: Any, pkt: Any, msg: Any, direction: int, streams: Any, meter: Any, stats: Any, body: Any, row: int
) -> None:
    """Add the packet's RTP to the flow's streams, or count its RTCP."""
    lo = int64(msg["media_lo"])
    if msg["media_hi"] <= lo:
        return
    if msg["media_header"] == 0:
        if body["rtcp_packets"] < MEDIA_PACKETS:
            body["rtcp_packets"] += 1
        return
    body["media_offset"] = lo - int64(pkt["payload_lo"])
    add_media(data, msg, int64(pkt["ts_ns"]), direction, streams, meter, stats, body, row)


@kernel
def judge_stream(data: Any, msg: Any, direction: int, streams: Any, body: Any) -> int:
    """Look for habits of applications in the stream of this packet, or in its RTCP; return 1 when a decisive reason
    is new."""
    if msg["media_hi"] <= msg["media_lo"]:
        return 0
    if msg["media_header"] == 0:
        return note_controls(data, int64(msg["media_lo"]), direction, body["apps"])
    hint = int64(body["stream_hint"][direction]) - 1
    if hint < 0:
        return 0
    stream = streams[hint]
    if stream["state"] != CONFIRMED or not is_due(stream):
        return 0
    return note_habits(stream, body["apps"])


@kernel
def is_settled(body: Any, meter: Any) -> Any:
    """Whether a STRONG verdict may become firm early.

    Plain WebRTC or RTP may yet show whose it is; a relay or QUIC socket of a messenger may yet carry a call's media.
    """
    if meter["features_always"] or is_nameless(body):
        return False
    kind = body["kind"]
    return kind == Kind.CALL_MEDIA or kind == Kind.CALL_SIGNALLING or kind == Kind.TUNNEL


@unit
def study(state: Any, k: int, direction: int, row: int) -> int:
    """Read the payload of ``state.packets[k]``: for evidence and statistics while the flow's verdict is open, for
    media streams alone once it is firm; return 0."""
    data = state.data
    pkt = state.packets[k]
    body = state.body[row]
    msg = state.message[0]
    if body["streams"] == 0 and pkt["proto"] == UDP:
        note_pace(body["steady"][direction], int64(pkt["ts_ns"]))
    if body["stage"] != OPEN:
        inspect(data, pkt, msg)
        note_call(data, pkt, msg, direction, body)
        if msg["kind"] == MessageKind.SIP:
            note_sip(state, k, row)
        note_media(data, pkt, msg, direction, state.streams, state.meter[0], state.stats[0], body, row)
        note_both_ends(state, pkt, msg, direction, body)
        if body["stage"] == FIRM and judge_stream(data, msg, direction, state.streams, body):
            judge(state, row)
            body["stage"] = firm_stage(body)
        return 0
    if pkt["proto"] == TCP:
        follow_tcp_bytes(data, pkt, direction, body, msg)
    inspect(data, pkt, msg)
    add_to_window(data, pkt, msg, direction, body)
    fresh = observe_apps(data, pkt, msg, direction, body["apps"])
    if msg["kind"] == MessageKind.DNS:
        learn_answers(pkt, msg, state.resolved)
    elif pkt["proto"] == TCP and not fresh:
        at = join_hello(data, pkt, direction, state, row)
        if at >= 0:
            hello = state.hello_packet[0]
            inspect(state.hello_bytes[at], hello, msg)
            fresh = observe_apps(state.hello_bytes[at], hello, msg, direction, body["apps"])
    if msg["kind"] == MessageKind.TLS_HELLO:
        learn_server(pkt, msg, state.resolved)
    note_call(data, pkt, msg, direction, body)
    # A segment of a connection of SIP may begin within a message.
    if msg["kind"] == MessageKind.SIP or (pkt["proto"] == TCP and body["app"] == App.SIP):
        note_sip(state, k, row)
    note_media(data, pkt, msg, direction, state.streams, state.meter[0], state.stats[0], body, row)
    if pkt["proto"] == UDP:
        note_both_ends(state, pkt, msg, direction, body)
    fresh |= judge_stream(data, msg, direction, state.streams, body)
    if fresh:
        judge(state, row)
    seen = body["window_packets"]
    if seen >= WINDOW_PACKETS or (seen >= STRONG_PACKETS and is_settled(body, state.meter[0])):
        body["stage"] = firm_stage(body)
    return 0


@kernel
def follow_sip(state: Any, k: int, row: int) -> None:
    """Read the SIP messages in a TCP segment of call signalling whose verdict is firm.

    A connection between exchanges carries the messages of many calls, for days.
    """
    if state.body[row]["app"] == App.SIP:
        note_sip(state, k, row)


@kernel
def is_rtp_head(data: Any, lo: int) -> Any:
    """Whether two bytes are of RTP version 2, not of RTCP on the same port (RFC 5761 §4)."""
    return u8(data, lo) >> 6 == RTP_VERSION_2 and not FIRST_RTCP <= u8(data, lo + 1) <= LAST_RTCP


@kernel
def follow_media(state: Any, k: int, direction: int, row: int) -> bool:
    """Add a packet of a flow whose verdict is firm to its media stream: the cheap way of nearly all packets of a call.

    Returns
    -------
    bool
        False when the payload must be read: it may be a stream not known yet, or one to be looked at for habits.
    """
    pkt = state.packets[k]
    body = state.body[row]
    offset = int64(body["media_offset"])
    lo = int64(pkt["payload_lo"]) + offset
    hint = int64(body["stream_hint"][direction]) - 1
    if hint >= 0 and int64(pkt["payload_hi"]) - lo >= RTP_HEADER_BYTES and is_rtp_head(state.data, lo):
        stream = state.streams[hint]
        is_known = body["stage"] == NAMED or not will_be_due(stream)
        if stream["ssrc"] == be32(state.data, lo + 8) and stream["state"] == CONFIRMED and is_known:
            update_stream(state.data, lo, int64(pkt["payload_bytes"]) - offset, int64(pkt["ts_ns"]), stream)
            return True
    kind = body["kind"]
    if kind == Kind.NOT_VOIP or kind == Kind.TUNNEL or kind == Kind.MESSAGING:
        return True
    if body["streams"] == 0 and body["stream_rejects"] >= MAX_REJECTS:
        note_pace(body["steady"][direction], int64(pkt["ts_ns"]))
        return True
    return False
