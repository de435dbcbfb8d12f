"""Kernel module: SIP_EVENT, what one SIP message says of a call: which dialog, what happened, where media will be, by
which codecs.

Written by the meter for each SIP message it reads, handed out with the flows, joined by ``calls.dialog``. Only the
Call-ID's hash is kept; names and numbers are never looked at (RFC 3261 §20, RFC 4566 §5).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from flowclass.dissect.load import be32, u8
from flowclass.dissect.sip import sip_text
from flowclass.dissect.stun import text_hash
from flowclass.flow.identity import flow_id
from flowclass.flow.sdp import DYNAMIC_TYPES, read_sdp
from flowclass.flow.sipparts import MAX_BYTES, MAX_LINES, PARTS, go_on, keep_part, message_end
from flowclass.flow.siptext import COLON, CR, LF, LOWER, SPACE, number, skip_spaces, word_of
from flowclass.jit import int64, kernel, unit
from flowclass.record.field import Field, dtype_of

UDP = 17
#: Messages read of one TCP segment, one that it ends included: a dozen short ones would fill it, and they come in ones
#: and twos.
MESSAGES_PER_PACKET = 5
#: Messages handed out at a time; more than a batch of packets brings.
READY_EVENTS = 4096
NO_DIALOG = np.uint64(0)


INVITE, BYE, CANCEL, RESPONSE = word_of("INVI"), word_of("BYE "), word_of("CANC"), word_of("SIP/")
#: The header names' first letters, in lower case.
CALL, CSEQ = word_of("call"), word_of("cseq")
LETTER_I, LETTER_O, LETTER_T = 0x69, 0x6F, 0x74
TAG = word_of("tag=")
SEMICOLON, RIGHT_ANGLE = 0x3B, 0x3E


class Method(IntEnum):
    """The request a message is, or answers."""

    OTHER = 0
    INVITE = 1
    BYE = 2
    CANCEL = 3


class ToTag(IntEnum):
    """Whether a request's To has a tag: one that has goes to a dialog that is there (RFC 3261 §12.2.1.1)."""

    UNSEEN = 0
    NONE = 1
    THERE = 2


SIP_EVENT_FIELDS = (
    Field("dialog", "u8", "hash of the Call-ID"),
    Field("flow_id", "u8", "flow the message was in"),
    Field("ts_ns", "i8", "when it was seen", "ns"),
    Field("src_hi", "u8", "its sender, high word"),
    Field("src_lo", "u8", "low word"),
    Field("media_hi", "u8", "address at which its SDP awaits audio, high word"),
    Field("media_lo", "u8", "low word; both are 0 where there is none"),
    Field("ports", "u2", "ports of audio and video in its SDP, 0 for none", shape=(2,)),
    Field("code", "u2", "status of a response, 0 for a request"),
    Field("method", "u1", "a Method"),
    Field("to_tag", "u1", "a ToTag"),
    Field("is_rest", "u1", "1 where the message's first part, in the segment before, was told of"),
    Field("codecs", "u1", "by dynamic payload type from 96 on: place in CODECS plus 1", shape=(DYNAMIC_TYPES,)),
)
SIP_EVENT = dtype_of(SIP_EVENT_FIELDS)


@kernel
def method_of(word: int) -> int:
    """Return the Method of a name's first four letters; a name of three has a space or line end as its fourth."""
    if word == INVITE:
        return int(Method.INVITE.value)
    if word >> 8 == BYE >> 8:
        return int(Method.BYE.value)
    return int(Method.CANCEL.value) if word == CANCEL else int(Method.OTHER.value)


@kernel
def has_tag(data: Any, at: int, hi: int) -> bool:
    """Whether the value of a To header has a tag; one in front of a ``>`` is the address' own (RFC 3261 §20.10)."""
    found = False
    while at < hi:
        letter = u8(data, at)
        at += 1
        if letter == RIGHT_ANGLE:
            found = False
        elif letter == SEMICOLON:
            at = skip_spaces(data, at, hi)
            found = found or (at + 4 <= hi and be32(data, at) | 0x20202020 == TAG)
    return found


@kernel
def read_header(data: Any, lo: int, hi: int, out: Any) -> None:
    """Read one header line [lo, hi) that may name the dialog, say if it is there, or name the request answered."""
    if hi - lo < 6:
        return
    first = u8(data, lo) | LOWER
    word = be32(data, lo) | 0x20202020
    colon = lo
    while colon < hi and u8(data, colon) != COLON:
        colon += 1
    value = skip_spaces(data, colon + 1, hi)
    if value >= hi:
        return
    is_short = skip_spaces(data, lo + 1, hi) == colon
    if (is_short and first == LETTER_I) or (word == CALL and colon - lo <= 9):
        # Two hashes of 32 bits from different starts: an id that nobody hits by chance.
        high, low = text_hash(data, value, hi), text_hash(data, value + 1, hi)
        out["dialog"] = np.uint64(high) << np.uint64(32) | np.uint64(low)
    elif first == LETTER_T and (
        is_short or (u8(data, lo + 1) | LOWER == LETTER_O and skip_spaces(data, lo + 2, hi) == colon)
    ):
        out["to_tag"] = int64(ToTag.THERE.value) if has_tag(data, value, hi) else int64(ToTag.NONE.value)
    elif word == CSEQ and out["code"] != 0:
        _, after = number(data, value, hi)
        while after < hi and 0x30 <= u8(data, after) <= 0x39:
            after += 1
        after = skip_spaces(data, after, hi)
        if after + 3 <= hi:
            name = u8(data, after) << 24 | u8(data, after + 1) << 16 | u8(data, after + 2) << 8
            out["method"] = method_of(name | (u8(data, after + 3) if after + 4 <= hi else SPACE))


@kernel
def read_sip(data: Any, lo: int, hi: int, out: Any) -> None:
    """Fill a SIP_EVENT row, but for its flow and time, from the message [lo, hi)."""
    hi = min(hi, lo + MAX_BYTES)
    out["dialog"] = NO_DIALOG
    out["media_hi"] = NO_DIALOG
    out["media_lo"] = NO_DIALOG
    out["ports"][0] = 0
    out["ports"][1] = 0
    out["code"] = 0
    out["method"] = 0
    out["to_tag"] = 0
    for place in range(DYNAMIC_TYPES):
        out["codecs"][place] = 0
    if hi - lo < 12:
        return
    word = be32(data, lo)
    if word == RESPONSE:
        code, _ = number(data, skip_spaces(data, lo + 7, hi), hi)
        out["code"] = min(code, 999)
    else:
        out["method"] = method_of(word)
    at = lo
    in_body = False
    for _ in range(MAX_LINES):
        end = at
        while end < hi and u8(data, end) != LF:
            end += 1
        line_hi = end - 1 if end > at and u8(data, end - 1) == CR else end
        if line_hi == at:
            in_body = True
        elif in_body:
            read_sdp(data, at, line_hi, out)
        elif at > lo:
            read_header(data, at, line_hi, out)
        at = end + 1
        if at >= hi:
            break


@kernel
def next_message(data: Any, at: int, hi: int) -> int:
    """Return where the next line from ``at`` on begins a SIP message, ``hi`` when none does."""
    while at < hi:
        if at + 4 <= hi and sip_text(data, at, hi, be32(data, at)):
            return at
        while at < hi and u8(data, at) != LF:
            at += 1
        at += 1
    return hi


@kernel
def note_message(data: Any, lo: int, hi: int, pkt: Any, flow_number: Any, state: Any) -> bool:
    """Hand out what the SIP message [lo, hi) of a flow says, where it names its dialog; return whether it does."""
    meter = state.meter[0]
    if meter["ready_events"] >= state.events.size:
        return False
    out = state.events[int64(meter["ready_events"])]
    read_sip(data, lo, hi, out)
    has_sdp = out["ports"][0] != 0 or out["ports"][1] != 0
    # UPDATE, PRACK and ACK may say where media goes (RFC 3311, RFC 3262, RFC 3261 §13.2.1).
    if out["dialog"] == NO_DIALOG or (out["method"] == 0 and not has_sdp):
        return False
    out["flow_id"] = flow_number
    out["ts_ns"] = pkt["ts_ns"]
    out["src_hi"] = pkt["src_hi"]
    out["src_lo"] = pkt["src_lo"]
    out["is_rest"] = 0
    meter["ready_events"] += 1
    return True


@kernel
def end_part(data: Any, pkt: Any, flow_number: Any, state: Any) -> int:
    """Go on with the message that the segment before began, and hand out what it says once it is whole.

    Returns
    -------
    int
        Where the rest of the segment begins: the segment's end while the message goes on.
    """
    at, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    place = int64(flow_number % np.uint64(PARTS))
    part, buffer = state.sip_parts[place], state.sip_bytes[place]
    taken = go_on(data, pkt, flow_number, part, buffer)
    if taken < 0:
        return at
    filled = int64(part["filled"])
    end = message_end(buffer, 0, filled)
    if end > filled:
        return hi
    if note_message(buffer, 0, end, pkt, flow_number, state):
        state.events[int64(state.meter[0]["ready_events"]) - 1]["is_rest"] = part["is_told"]
    part["flow_id"] = 0
    return at + taken - (filled - end)


@unit
def note_sip(state: Any, k: int, row: int) -> int:
    """Hand out what the SIP messages of ``state.packets[k]`` say: one of a datagram, up to MESSAGES_PER_PACKET of a TCP
    segment; return 0.

    A message that goes on in the next segment (RFC 3261 §18.3) is told of twice: its first part now, for that is
    where the dialog is named, and the whole when it is there.
    """
    data, pkt = state.data, state.packets[k]
    at, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    flow_number = np.uint64(flow_id(state.hot[row], state.body[row]))
    if pkt["proto"] == UDP:
        note_message(data, at, hi, pkt, flow_number, state)
        return 0
    is_whole = hi - at == pkt["payload_bytes"]
    at = next_message(data, end_part(data, pkt, flow_number, state), hi)
    for _ in range(MESSAGES_PER_PACKET - 1):
        if at >= hi:
            return 0
        end = next_message(data, at + 1, hi)
        is_told = note_message(data, at, end, pkt, flow_number, state)
        if end >= hi and is_whole and message_end(data, at, hi) > hi:
            place = int64(flow_number % np.uint64(PARTS))
            keep_part(data, at, hi, pkt, flow_number, is_told, state.sip_parts[place], state.sip_bytes[place])
        at = end
    return 0
