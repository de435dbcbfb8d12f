"""Kernel module: Viber: classic calls (own framing on UDP), newer ones (TURN), chat (FACTS §1.5)."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.habit import FIRST_RANDOM_SSRC, KHZ_16, LAST_SSRC, ONE_BYTE, Habit
from flowclass.dissect.load import be16, le16, u8
from flowclass.dissect.rtp import sequence_number, ssrc
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, Realm, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.VIBER,
    "Viber: chat over TCP 4244, 5242 or 443; calls over UDP 7985-7987 or, since 2024, TURN on UDP 443",
    names=("viber.com", "viber.io", "vibercdn.com"),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.OTHER,
    MessageKind.RTP,
    MessageKind.PREFIXED_RTP,
    MessageKind.TCP_START,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "shifted-rtp",
        Strength.CERTAIN,
        Kind.CALL_MEDIA,
        "three RTP packets in sequence behind a constant 2-byte id (payload types 107 and 98)",
        "FACTS §1.5, §2.2: true of 7,653 pairs of the full call, of nothing else",
    ),
    Reason(
        "control",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "three control packets of two types with fitting lengths under one 2-byte id",
        "FACTS §1.5, §2.2",
    ),
    Reason(
        "realm",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        'TURN realm "viber.com"',
        "FACTS §1.5; capture viber 2024",
    ),
    Reason(
        "register",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "register packet (type 01, 136 or 257 bytes) or its answer on a port of Viber's voice servers",
        "FACTS §1.5",
    ),
    Reason(
        "chat-stream",
        Strength.STRONG,
        Kind.MESSAGING,
        "TCP stream that starts with the segment's own length, little-endian, and Viber's message head",
        "FACTS §1.5; nDPI viber.c",
    ),
    Reason("server-name", Strength.CERTAIN, Kind.MESSAGING, "TLS server name of Viber", "suffix list above"),
    Reason(
        "voice-port",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "call signalling packet (type 19, 1A or 02), or three of two types under one 2-byte id, on a port of Viber's",
        "FACTS §1.5",
    ),
    Reason(
        # Sent to every address a peer might have; most never answer, so that such a flow carries no call.
        "peer-probe",
        Strength.STRONG,
        Kind.MESSAGING,
        "three probes of 16 bytes (type 03) under one 2-byte id, as peers send to look for a direct path",
        "FACTS §1.5; capture viber_mobile",
    ),
    Reason(
        "stream-habit",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream of payload type 107 in frames of 20 ms at 16 kHz with one-byte extensions, shifted or in a relay",
        "FACTS §1.5: the media stack is the same whatever stands before it; capture viber_mobile",
    ),
)
MEDIA, CONTROL, REALM, REGISTER, CHAT, NAME, VOICE_PORT, PEER_PROBE, STREAM = bits(REASONS)
HABITS = (
    Habit(
        STREAM, (107,), (320, 640), ONE_BYTE, (FIRST_RANDOM_SSRC, LAST_SSRC), size=(20, 300), packets=5, clock=KHZ_16
    ),
)
STATE = (
    Field("ssrc", "u4", "SSRC of the latest shifted RTP packet"),
    Field("seq", "u2", "its sequence number"),
    Field("id", "u2", "2-byte id by direction, the top bit of its second byte cleared", shape=(2,)),
    Field("media", "u1", "shifted RTP packets in sequence, saturating"),
    Field("control", "u1", "control packets, saturating"),
    Field("types", "u4", "control types seen, a bit each"),
    Field("strangers", "u1", "packets under another id, saturating"),
    Field("loose", "u1", "control packets of any length on a port of Viber's, saturating"),
    Field("loose_types", "u4", "their types, a bit each"),
)

APP_NUMBER = int(App.VIBER)
REALM_BIT, VIBER_REALM = mask(StunAttribute.REALM), int(Realm.VIBER)
STUN, TCP_START = int(MessageKind.STUN), int(MessageKind.TCP_START)
TLS_HELLO, PREFIXED_RTP = int(MessageKind.TLS_HELLO), int(MessageKind.PREFIXED_RTP)
#: The id's second byte has its top bit cleared in media packets.
ID_MASK = 0xFF7F
MEDIA_NEEDED, CONTROL_NEEDED = 3, 3
#: Control types of FACTS §1.5.
REGISTER_TYPE, REGISTERED, PROBE_TYPE, LAST_CONTROL = 0x01, 0x0C, 0x03, 0x20
#: TCP ports of chat.
CHAT_PORT, CHAT_PORT_ALT = 4244, 5242


@kernel
def is_voice_port(pkt: Any) -> bool:
    """Whether either port is one of Viber's voice servers (FACTS §1.5)."""
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    if 7985 <= sport <= 7987 or 7985 <= dport <= 7987:
        return True
    return sport == 5243 or dport == 5243 or sport == 9785 or dport == 9785


@kernel
def control_fits(kind: int, size: int) -> bool:
    """Whether a control packet of this type has one of the lengths of FACTS §1.5."""
    if kind == REGISTER_TYPE:
        return size == 136 or size == 257
    if kind == REGISTERED:
        return size in (74, 76, 89)
    if kind == 0x09:
        return size == 20
    if kind == 0x0B:
        return size == 34
    if kind == 0x03:
        return size == 16
    if kind == 0x1E:
        return size == 550
    if kind == 0x1F:
        return size == 12
    if kind == 0x20:
        return size == 20 or size == 550
    if kind == 0x06:
        return size == 21
    if kind == 0x17:
        return size == 8
    if kind == 0x19:
        return size == 34
    if kind == 0x1A:
        return size == 20
    if kind == 0x02:
        return size == 79
    if kind == 0x05 or kind == 0x0E:
        return size == 12
    return kind == 0x11 and size == 18


@kernel
def _same_id(word: int, direction: int, state: Any) -> bool:
    """Whether the packet carries the direction's id; the first packet sets it."""
    identity = (word >> 16) & ID_MASK
    if state["id"][direction] == 0:
        state["id"][direction] = identity
    if state["id"][direction] == identity:
        return True
    if state["strangers"] < 255:
        state["strangers"] += 1
    return False


@kernel
def _media(data: Any, msg: Any, state: Any) -> int:
    """Count shifted RTP packets in sequence."""
    lo = int64(msg["media_lo"])
    source, number = ssrc(data, lo), sequence_number(data, lo)
    in_sequence = source == int64(state["ssrc"]) and 1 <= (number - int64(state["seq"])) & 0xFFFF <= 3
    had = int64(state["media"])
    state["media"] = min(had + 1, 200) if in_sequence else 1
    state["ssrc"] = source
    state["seq"] = number
    return MEDIA if in_sequence and had + 1 >= MEDIA_NEEDED else 0


@kernel
def _datagram(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look for a control packet: 2-byte id, type as a little-endian word, a length that goes with it."""
    lo = int64(pkt["payload_lo"])
    size = int64(pkt["payload_bytes"])
    if size < 8 or int64(pkt["payload_hi"]) - lo < 4:
        return 0
    kind = le16(data, lo + 2)
    fits, on_port = control_fits(kind, size), is_voice_port(pkt)
    if kind == 0 or kind > LAST_CONTROL or be16(data, lo) == 0 or not (fits or on_port):
        return 0
    if not _same_id(int64(msg["word0"]), direction, state):
        return 0
    found = 0
    if on_port:
        if fits and (kind == REGISTER_TYPE or kind == REGISTERED):
            found |= REGISTER
        if fits and kind in (0x02, 0x19, 0x1A):
            found |= VOICE_PORT
        # Lengths change with the build: what fits none of those seen counts for itself.
        loose = min(int64(state["loose"]) + 1, 255)
        state["loose"] = loose
        state["loose_types"] |= np.uint32(1 << (kind & 31))
        several = int64(state["loose_types"])
        if loose >= CONTROL_NEEDED and several & (several - 1) and state["strangers"] == 0:
            found |= VOICE_PORT
        if not fits:
            return found
    packets = min(int64(state["control"]) + 1, 255)
    types = int64(state["types"]) | (1 << (kind & 31))
    state["control"] = packets
    state["types"] = types
    if packets >= CONTROL_NEEDED and types & (types - 1) and state["strangers"] == 0:
        found |= CONTROL
    if packets >= CONTROL_NEEDED and types == 1 << PROBE_TYPE and state["strangers"] == 0:
        found |= PEER_PROBE
    return found


@kernel
def _chat(pkt: Any, msg: Any) -> bool:
    """Whether a TCP stream starts like Viber's chat (FACTS §1.5)."""
    head = msg["head"]
    if msg["head_bytes"] < 11 or msg["head_new"] != msg["head_bytes"] or le16(head, 0) != pkt["payload_bytes"]:
        return False
    if be16(head, 6) == 0xFCFF and u8(head, 9) == 0x80:
        return True
    if be16(head, 4) == 0x0380 and u8(head, 10) == 0x0A:
        return True
    # Length, a counter, zero: the form of both sides in 2016 and later, told from others by the port.
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    on_port = dport == CHAT_PORT or sport == CHAT_PORT or dport == CHAT_PORT_ALT or sport == CHAT_PORT_ALT
    return on_port and be16(head, 4) == 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == PREFIXED_RTP:
        return _media(data, msg, state) if msg["media_lo"] == pkt["payload_lo"] + 2 else 0
    if kind == STUN:
        is_viber = int64(msg["stun_attributes"]) & REALM_BIT and msg["realm"] == VIBER_REALM
        return REALM if is_viber else 0
    if kind == TCP_START:
        return CHAT if _chat(pkt, msg) else 0
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    word0 = int64(msg["word0"])
    # The type's high byte is 0 and its low one small: few datagrams pass, so the rest is a call of its own.
    if word0 & 0xFF != 0 or (word0 >> 8) & 0xFF > LAST_CONTROL:
        return 0
    return _datagram(data, pkt, msg, direction, state)
