"""Kernel module: SIP messages that go on in the next TCP segment are joined in a small pool of buffers.

An INVITE with certificates, many headers or a long session description does not fit into a segment, and where its media
will be stands at its end (RFC 3261 §18.3 delimits messages by their Content-Length). The pool is direct-mapped by flow:
a message that begins takes the place of another, whose first part has been told of already. A part waits for the
very next byte of its direction; what does not come in order leaves it as it was.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be32, u8
from flowclass.flow.siptext import COLON, CR, LF, LOWER, SPACE, number, skip_spaces, word_of
from flowclass.jit import int64, kernel
from flowclass.record.field import Field, dtype_of

#: Messages in the making at once; and the longest, of which no more is looked at either: an INVITE with SDP has some
#: 1,200 bytes in 40 lines.
PARTS, MAX_BYTES, MAX_LINES = 256, 3000, 100
SEQ_MASK = 0xFFFFFFFF
#: "cont" of Content-Length in lower case, the letter behind its hyphen, and its short form (RFC 3261 §20.14).
CONT, LETTER_L = word_of("cont"), 0x6C
LENGTH_NAME_BYTES, LENGTH_LETTER = 14, 8

SIP_PART = dtype_of(
    (
        Field("flow_id", "u8", "the flow, 0 while nothing is in the making"),
        Field("src_lo", "u8", "its sender, low word of the address"),
        Field("sport", "u2", "its port"),
        Field("filled", "u2", "bytes so far", "byte"),
        Field("next_seq", "u4", "TCP sequence number of the next byte"),
        Field("is_told", "u1", "1 where its first part has been told of"),
    )
)


@kernel
def _length(data: Any, lo: int, hi: int) -> int:
    """Return the value of the header line [lo, hi) if it is Content-Length, else -1."""
    if hi - lo < 3:
        return -1
    colon = lo
    while colon < hi and u8(data, colon) != COLON:
        colon += 1
    name = colon
    while name > lo and u8(data, name - 1) == SPACE:
        name -= 1
    is_short = name - lo == 1 and u8(data, lo) | LOWER == LETTER_L
    if not is_short and (
        name - lo != LENGTH_NAME_BYTES
        or be32(data, lo) | 0x20202020 != CONT
        or u8(data, lo + LENGTH_LETTER) | LOWER != LETTER_L
    ):
        return -1
    start = skip_spaces(data, colon + 1, hi)
    value, at = number(data, start, hi)
    return value if at > start else -1


@kernel
def message_end(data: Any, lo: int, hi: int) -> int:
    """Return where the SIP message that begins at ``lo`` ends, by its Content-Length; ``hi`` + 1 when it goes on.

    One that is longer than MAX_BYTES, or has more lines in its head than MAX_LINES, is taken as it is.
    """
    body_bytes, at = 0, lo
    for _ in range(MAX_LINES):
        end = at
        while end < hi and u8(data, end) != LF:
            end += 1
        if end >= hi:
            return hi + 1 if hi - lo < MAX_BYTES else hi
        line_hi = end - 1 if end > at and u8(data, end - 1) == CR else end
        if line_hi == at:
            whole = end + 1 + body_bytes
            return hi if whole - lo > MAX_BYTES else min(whole, hi + 1)
        body_bytes = max(body_bytes, _length(data, at, line_hi))
        at = end + 1
    return hi


@kernel
def keep_part(data: Any, lo: int, hi: int, pkt: Any, flow_id: Any, is_told: bool, part: Any, buffer: Any) -> None:
    """Keep the part [lo, hi) of a message, at a segment's end; it is shorter than MAX_BYTES."""
    for i in range(hi - lo):
        buffer[i] = data[lo + i]
    part["flow_id"] = flow_id
    part["src_lo"] = pkt["src_lo"]
    part["sport"] = pkt["sport"]
    part["filled"] = hi - lo
    part["next_seq"] = (int64(pkt["tcp_seq"]) + hi - int64(pkt["payload_lo"])) & SEQ_MASK
    part["is_told"] = is_told


@kernel
def go_on(data: Any, pkt: Any, flow_id: Any, part: Any, buffer: Any) -> int:
    """Append a segment to the message in the making; return the bytes taken of it, -1 when it does not follow it."""
    if part["flow_id"] != flow_id or part["src_lo"] != pkt["src_lo"] or part["sport"] != pkt["sport"]:
        return -1
    if int64(pkt["tcp_seq"]) != int64(part["next_seq"]):
        return -1
    lo, filled = int64(pkt["payload_lo"]), int64(part["filled"])
    taken = min(int64(pkt["payload_hi"]) - lo, MAX_BYTES - filled)
    for i in range(taken):
        buffer[filled + i] = data[lo + i]
    part["filled"] = filled + taken
    part["next_seq"] = (int64(pkt["tcp_seq"]) + taken) & SEQ_MASK
    return taken
