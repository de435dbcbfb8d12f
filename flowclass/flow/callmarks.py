"""Kernel module: what the messages of a flow say about the call it belongs to: ids that its other flows share, its end,
the access networks of both sides.

Called for payloads that are no media of a known stream, so a packet of a call in progress does not pay for it.
``calls.assembler`` joins flows by these ids; they are hashes or parts of ids, never names of people.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps.app import mask
from flowclass.dissect.rtcp import says_goodbye
from flowclass.jit import int64, kernel
from flowclass.record.message import MessageKind, StunAttribute
from flowclass.record.verdict import App, EndMark

STUN, OTHER = int(MessageKind.STUN), int(MessageKind.OTHER)
CHANNEL_DATA, MS_TURN = int(MessageKind.CHANNEL_DATA), int(MessageKind.MS_TURN)
#: STUN methods (RFC 8489, RFC 8656): checks between peers, and requests to a relay that carry its credential.
BINDING_REQUEST, ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND = 0x0001, 0x0003, 0x0004, 0x0008, 0x0009
ALLOCATE_SUCCESS = 0x0103
#: Meta's own types; the first of them ends a call (FACTS §1.3).
FIRST_META, LAST_META = 0x0800, 0x0805
USERNAME, LIFETIME = mask(StunAttribute.USERNAME), mask(StunAttribute.LIFETIME)
NETWORK_INFO = mask(StunAttribute.NETWORK_INFO)
META_TOKEN, META_CLOCK = (
    mask(StunAttribute.META_TOKEN, StunAttribute.META_TOKEN_ALT),
    mask(StunAttribute.META_CLOCK),
)
#: Viber's leave message: 12 bytes, type 05 as a little-endian word behind the 2-byte id (FACTS §1.5).
VIBER_LEAVE, VIBER_LEAVE_BYTES = 0x0500, 12
#: Places of ``call_ids``: of the client's session with servers (WhatsApp's transaction prefix, TURN credential), and of
#: the pair of ICE user fragments, which both sides share.
SESSION, ICE = 0, 1
NO_ID = np.uint64(0)


@kernel
def note_id(body: Any, place: int, value: Any) -> None:
    """Keep the first id a flow shows in a place."""
    if body["call_ids"][place] == NO_ID:
        body["call_ids"][place] = value


@kernel
def note_end(body: Any, mark: int, ts_ns: int) -> None:
    """Keep the latest sign that the call is over; a release never hides a message that says so."""
    if mark >= body["end_mark"]:
        body["end_mark"] = mark
        body["end_mark_ns"] = ts_ns


@kernel
def user_pair(msg: Any) -> Any:
    """Return both parts of a USERNAME as one word, the lesser first, 0 when either is missing.

    The order says who sent it: a check one way is ``A:B``, the other way ``B:A`` (RFC 8445 §7.2.2).
    """
    one, other = int64(msg["ufrag"][0]), int64(msg["ufrag"][1])
    if msg["ufrag_bytes"][0] == 0 or msg["ufrag_bytes"][1] == 0 or one == other:
        # The same word twice is a default that all clients share (EDGERAY_DEFAULT_USERNAME, FACTS §1.4).
        return NO_ID
    if other < one:
        one, other = other, one
    return np.uint64(one) << np.uint64(32) | np.uint64(other)


@kernel
def note_stun(msg: Any, kind: int, outer: int, direction: int, ts_ns: int, body: Any) -> None:
    """Keep what a STUN message (type and attributes; 0 for TURN ChannelData), or one inside it, says of its call."""
    inner = int64(msg["inner_attributes"])
    both = outer | inner
    if both & NETWORK_INFO:
        # Plus one: a cost of 0 is a wired network.
        body["network_cost"][direction] = int64(msg["network_cost"]) + 1
    if both & USERNAME:
        is_check = kind == BINDING_REQUEST if outer & USERNAME else msg["inner_stun_type"] == BINDING_REQUEST
        if is_check:
            note_id(body, ICE, user_pair(msg))
        elif kind == ALLOCATE or kind == REFRESH or kind == CREATE_PERMISSION or kind == CHANNEL_BIND:
            note_id(body, SESSION, user_pair(msg))
    is_meta = FIRST_META <= kind <= LAST_META
    if is_meta or (kind == ALLOCATE and outer & META_TOKEN) or (kind == ALLOCATE_SUCCESS and outer & META_CLOCK):
        note_id(body, SESSION, msg["txid_hi"])
    if kind == FIRST_META:
        note_end(body, int64(EndMark.TERMINATE), ts_ns)
    elif kind == REFRESH and outer & LIFETIME and msg["lifetime_s"] == 0:
        note_end(body, int64(EndMark.RELEASE), ts_ns)


@kernel
def note_call(data: Any, pkt: Any, msg: Any, direction: int, body: Any) -> None:
    """Keep what a message says of the call its flow belongs to."""
    kind = int64(msg["kind"])
    lo, hi = int64(msg["media_lo"]), int64(msg["media_hi"])
    if hi > lo and msg["media_header"] == 0:
        if says_goodbye(data, lo, hi, int64(msg["media_bytes"])):
            note_end(body, int64(EndMark.GOODBYE), int64(pkt["ts_ns"]))
    elif kind == STUN:
        note_stun(msg, int64(msg["stun_type"]), int64(msg["stun_attributes"]), direction, int64(pkt["ts_ns"]), body)
    elif msg["inner_kind"] == STUN and (kind == CHANNEL_DATA or kind == MS_TURN):
        note_stun(msg, 0, 0, direction, int64(pkt["ts_ns"]), body)
    elif kind == OTHER and body["app"] == App.VIBER and pkt["payload_bytes"] == VIBER_LEAVE_BYTES:
        if msg["word0"] & 0xFFFF == VIBER_LEAVE:
            note_end(body, int64(EndMark.TERMINATE), int64(pkt["ts_ns"]))
