"""Kernel module: media streams: one STREAM row per SSRC and direction of a flow.

A packet that looks like RTP is only a candidate: one packet that passes every header check lies in 74 % of cases in
a capture without any call (FACTS §2.2). A stream is confirmed when three packets of one SSRC follow each other in
sequence. Sequence numbers are extended as RFC 3550 §A.1 does; what loss and jitter need is kept, not computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.load import be16, be32, u8
from flowclass.dissect.rtp import extension_profile, rtp_shape
from flowclass.flow.jitter import LEAST_PACKETS, look_at_clock, note_arrival, start_clock
from flowclass.jit import int64, kernel

FREE, CANDIDATE, CONFIRMED = 0, 1, 2
#: Consecutive in-sequence packets that confirm a stream (FACTS §2.2, "3 RTP packets, same SSRC, seq step 1-3").
CONFIRMING_STEPS = 2
LARGEST_CONFIRMING_STEP = 3
#: RFC 3550 §A.1: a forward jump below MAX_DROPOUT is loss; a step back below MAX_MISORDER is reordering.
MAX_DROPOUT = 3000
MAX_MISORDER = 100
#: Packets in a row that are numbered apart before they are the source's own: no error correction comes in such bursts.
STRAYS = 8
#: Candidates a direction may hold; the oldest makes room. As many people may begin to be heard at once in a conference.
MAX_CANDIDATES = 8
#: Candidates that came to nothing after which a flow without streams is no longer searched (FACTS §0: more than
#: about 8 keys per 100 packets are not RTP).
MAX_REJECTS = 12
#: Streams a flow may hold: a walk of the chain is bounded.
MAX_STREAMS = 32
SEQ_MASK = 0xFFFF
#: Payload type of comfort noise, sent in the pauses of any codec of 8 kHz (RFC 3389 §4).
COMFORT_NOISE = 13
RTP_TIME_MASK = 0xFFFFFFFF
U1_MAX = 255


@kernel
def signed32(difference: int) -> int:
    """Return a difference of two 32-bit counters as a signed number."""
    return ((difference + 0x80000000) & RTP_TIME_MASK) - 0x80000000


@kernel
def start_stream(data: Any, lo: int, hi: int, size: int, ts_ns: int, direction: int, stream: Any) -> None:
    """Begin a candidate with the RTP packet at ``lo``."""
    second = u8(data, lo + 1)
    stream["ssrc"] = be32(data, lo + 8)
    stream["state"] = CANDIDATE
    stream["direction"] = direction
    stream["payload_type"] = second & 0x7F
    stream["payload_types"] = 0
    # One cycle up, so that a packet from just before the first is not below zero.
    stream["base_seq"] = be16(data, lo + 2) + (SEQ_MASK + 1)
    stream["max_seq"] = stream["base_seq"]
    stream["packets"] = 1
    stream["duplicates"] = 0
    stream["reordered"] = 0
    stream["markers"] = second >> 7
    stream["bytes"] = size
    stream["last_rtp"] = be32(data, lo + 4)
    stream["rtp_elapsed"] = 0
    stream["step"] = 0
    stream["step_repeats"] = 0
    stream["first_ns"] = ts_ns
    stream["last_ns"] = ts_ns
    stream["extension"] = extension_profile(data, lo, hi)
    stream["in_order"] = 0
    stream["restarts"] = 0
    stream["strays"] = 0
    stream["strayed_at"] = 0
    stream["gaps"] = 0
    stream["step_least"] = 0
    start_clock(stream)


@kernel
def is_numbered_apart(stream: Any, delta: int) -> bool:
    """Whether a packet of another payload type, ``delta`` ahead of its source, is numbered on its own.

    Zoom sends forward error correction so: neither its numbers nor its packets are the media's. When it goes on without
    any packet of the source in between, the source has changed its payload type, and its numbers with it.
    """
    if delta <= MAX_MISORDER or delta > SEQ_MASK - MAX_MISORDER:
        return False
    packets = int64(stream["packets"]) & SEQ_MASK
    if stream["strayed_at"] != packets:
        stream["strayed_at"] = packets
        stream["strays"] = 0
    stream["strays"] += 1
    if stream["strays"] < STRAYS:
        return True
    stream["strays"] = 0
    return False


@kernel
def note_type(stream: Any, payload_type: int) -> None:
    """Follow a source to another payload type; comfort noise is none of its codecs'."""
    if payload_type == COMFORT_NOISE:
        return
    stream["payload_type"] = payload_type
    if stream["payload_types"] < U1_MAX:
        stream["payload_types"] += 1


@kernel
def begin_anew(stream: Any, delta: int, rtp: int, ts_ns: int) -> None:
    """Follow a sender that began anew, ``delta`` ahead: what lies between was never sent, so it is not lost."""
    if stream["restarts"] < U1_MAX:
        stream["restarts"] += 1
    stream["in_order"] = 0
    stream["max_seq"] += delta
    stream["base_seq"] += delta - 1
    stream["last_rtp"] = rtp
    stream["last_ns"] = ts_ns


@kernel
def note_late(data: Any, lo: int, ts_ns: int, stream: Any) -> None:
    """Take a packet that came after a later one into the jitter, which goes by arrival (RFC 3550 §6.4.1).

    The step to the packet after it is none of the codec's.
    """
    rtp = be32(data, lo + 4)
    stream["rtp_elapsed"] += note_arrival(stream, ts_ns, signed32(rtp - int64(stream["last_rtp"])))
    stream["last_rtp"] = rtp
    stream["last_ns"] = ts_ns
    if stream["state"] == CONFIRMED:
        stream["in_order"] = 0


@kernel
def update_stream(data: Any, lo: int, size: int, ts_ns: int, stream: Any) -> bool:
    """Add the RTP packet at ``lo`` to its stream; return whether this packet confirmed it."""
    sequence = be16(data, lo + 2)
    second = u8(data, lo + 1)
    delta = (sequence - int64(stream["max_seq"])) & SEQ_MASK
    if delta == 0:
        stream["duplicates"] += 1
        return False
    payload_type = second & 0x7F
    if payload_type != stream["payload_type"]:
        if is_numbered_apart(stream, delta):
            return False
        note_type(stream, payload_type)
    stream["bytes"] += size
    stream["packets"] += 1
    stream["markers"] += second >> 7
    if delta < MAX_DROPOUT:
        rtp = be32(data, lo + 4)
        step = signed32(rtp - int64(stream["last_rtp"]))
        if delta > 1:
            stream["gaps"] += 1
        elif step > 0 and (stream["in_order"] > 0 or stream["state"] == CANDIDATE):
            if step == stream["step"]:
                stream["step_repeats"] += 1
            stream["step"] = step
            if step < stream["step_least"] or stream["step_least"] == 0:
                stream["step_least"] = step
        stream["rtp_elapsed"] += note_arrival(stream, ts_ns, step)
        stream["max_seq"] += delta
        stream["last_rtp"] = rtp
        stream["last_ns"] = ts_ns
        if delta <= LARGEST_CONFIRMING_STEP:
            if stream["in_order"] < U1_MAX:
                stream["in_order"] += 1
        elif stream["state"] == CANDIDATE:
            stream["in_order"] = 0
    elif delta > SEQ_MASK - MAX_MISORDER:
        stream["reordered"] += 1
        note_late(data, lo, ts_ns, stream)
    else:
        begin_anew(stream, delta, be32(data, lo + 4), ts_ns)
    packets = int64(stream["packets"])
    if packets >= LEAST_PACKETS and packets & (packets - 1) == 0:
        look_at_clock(stream)
    if stream["state"] == CANDIDATE and stream["in_order"] >= CONFIRMING_STEPS:
        stream["state"] = CONFIRMED
        return True
    return False


@kernel
def take_stream(streams: Any, meter: Any, stats: Any, body: Any, row: int, direction: int) -> int:
    """Return a STREAM row for a new candidate of flow ``row``, or -1 when there is none to be had."""
    candidates = 0
    oldest = -1
    length = 0
    at = int64(body["stream_head"])
    while at >= 0:
        stream = streams[at]
        if stream["state"] == CANDIDATE and stream["direction"] == direction:
            candidates += 1
            if oldest < 0 or stream["last_ns"] < streams[oldest]["last_ns"]:
                oldest = at
        length += 1
        at = int64(stream["next"])
    if candidates >= MAX_CANDIDATES:
        if body["stream_rejects"] < U1_MAX:
            body["stream_rejects"] += 1
        return oldest
    if length >= MAX_STREAMS:
        return -1
    at = int64(meter["free_stream"])
    if at >= 0:
        meter["free_stream"] = streams[at]["next"]
    elif meter["high_stream"] < streams.size:
        at = int64(meter["high_stream"])
        meter["high_stream"] = at + 1
    else:
        stats["streams_refused"] += np.uint64(1)
        return -1
    stream = streams[at]
    stream["flow"] = row
    stream["next"] = body["stream_head"]
    body["stream_head"] = at
    return at


@kernel
def add_media(
    data: Any, msg: Any, ts_ns: int, direction: int, streams: Any, meter: Any, stats: Any, body: Any, row: int
) -> bool:
    """Add a packet that may be RTP to the streams of flow ``row``; return whether a stream was confirmed by it.

    Parameters
    ----------
    msg : MESSAGE whose ``media_lo``, ``media_hi`` and ``media_bytes`` say where the candidate lies
    streams, meter, stats, body : the meter's STREAM rows, its METER and STATS rows, the flow's BODY row
    """
    lo, hi, size = int64(msg["media_lo"]), int64(msg["media_hi"]), int64(msg["media_bytes"])
    if rtp_shape(data, lo, hi, size) == 0:
        return False
    ssrc = be32(data, lo + 8)
    at = int64(body["stream_head"])
    while at >= 0:
        stream = streams[at]
        if stream["ssrc"] == ssrc and stream["direction"] == direction:
            body["stream_hint"][direction] = at + 1
            confirmed = update_stream(data, lo, size, ts_ns, stream)
            if confirmed:
                stats["streams_confirmed"] += np.uint64(1)
                if body["streams"] < U1_MAX:
                    body["streams"] += 1
            return confirmed
        at = int64(stream["next"])
    if body["streams"] == 0 and body["stream_rejects"] >= MAX_REJECTS:
        return False
    at = take_stream(streams, meter, stats, body, row, direction)
    if at >= 0:
        start_stream(data, lo, hi, size, ts_ns, direction, streams[at])
        body["stream_hint"][direction] = at + 1
    return False


@kernel
def release_streams(streams: Any, meter: Any, body: Any) -> None:
    """Give all streams of a flow back to the pool."""
    at = int64(body["stream_head"])
    while at >= 0:
        stream = streams[at]
        following = int64(stream["next"])
        stream["state"] = FREE
        stream["flow"] = -1
        stream["next"] = meter["free_stream"]
        meter["free_stream"] = at
        at = following
    body["stream_head"] = -1
