"""Kernel module: WebRTC of no nameable application: ICE checks, and DTLS beside them (RFC 8445, RFC 8827)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.first_bytes import FIRST_BYTE_FIELDS, note_first_byte, takes_all_values
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.WEBRTC,
    "WebRTC: ICE, DTLS and SRTP of an application that leaves no mark of its own",
    names=(),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.DTLS,
    MessageKind.OTHER,
)

REASONS = (
    Reason(
        "opaque-media",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "after libwebrtc's ICE checks, packets that are neither RTP nor DTLS nor anything known: Telegram's",
        "FACTS §1.6, §1.7: of the messengers on libwebrtc only Telegram hides the RTP header",
        app=App.TELEGRAM,
    ),
    Reason(
        "peer-check",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "ICE checks from both sides, as peers do: Binding with USERNAME, PRIORITY and a role",
        "RFC 8445 §7.2.2",
    ),
    Reason(
        "one-way-check",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "ICE checks from one side, as towards a server or a peer that does not answer",
        "RFC 8445 §7.2.2",
        false_alarms=1,
    ),
    Reason(
        "libwebrtc",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "attribute 0xC057 of any libwebrtc",
        "FACTS §0, §2.2: no application",
        false_alarms=1,
    ),
    Reason(
        "ping",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "GOOG-PING (types 0x0200, 0x0300) of libwebrtc",
        "FACTS §0",
    ),
    Reason(
        "ice-dtls",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "DTLS on the 5-tuple of an ICE check",
        "RFC 8827 §6.5",
        false_alarms=1,
    ),
    Reason(
        "relay",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "TURN Allocate that was granted",
        "RFC 8656 §7.3",
        false_alarms=1,
    ),
    Reason(
        "relay-asked",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "TURN Allocate",
        "RFC 8656 §7.1",
        false_alarms=1,
    ),
)
OPAQUE, CHECK, ONE_WAY, LIBWEBRTC, PING, DTLS_TOO, RELAY, ASKED = bits(REASONS)
STATE = (
    Field("sides", "u1", "directions in which an ICE check was seen, a bit each"),
    Field("libwebrtc", "u1", "1 once an attribute of libwebrtc was seen"),
    Field("opaque", "u1", "packets of unknown kind since, less those of a known kind; 0 to 255"),
    *FIRST_BYTE_FIELDS,
)

STUN, DTLS, OTHER = int(MessageKind.STUN), int(MessageKind.DTLS), int(MessageKind.OTHER)
UDP = 17
#: Packets of unknown kind, with first bytes of all values, that are media; 8 random bytes show all values in 15 flows
#: of 16, and a type byte never does.
OPAQUE_NEEDED = 8
CHECK_BITS = mask(StunAttribute.USERNAME, StunAttribute.PRIORITY)
ROLE_BITS = mask(StunAttribute.ICE_CONTROLLED, StunAttribute.ICE_CONTROLLING)
NETWORK_BIT = mask(StunAttribute.NETWORK_INFO)
RELAYED_BIT = mask(StunAttribute.XOR_RELAYED, StunAttribute.LIFETIME)
BINDING, ALLOCATE, ALLOCATE_SUCCESS, PING_REQUEST, PING_REPLY = 1, 3, 0x0103, 0x0200, 0x0300


@kernel
def _opaque(pkt: Any, msg: Any, state: Any) -> int:
    """Count packets of unknown kind whose first byte takes all values, as no protocol's type byte does."""
    first = int64(msg["word0"]) >> 24
    note_first_byte(state, first)
    seen = min(int64(state["opaque"]) + 1, 255)
    state["opaque"] = seen
    return OPAQUE if seen >= OPAQUE_NEEDED and takes_all_values(state) else 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == DTLS:
        # Whoever does a handshake here has nothing to hide in the header.
        state["libwebrtc"] = 0
        return DTLS_TOO if state["sides"] else 0
    if kind == OTHER:
        return _opaque(pkt, msg, state) if state["sides"] and state["libwebrtc"] and pkt["proto"] == UDP else 0
    if kind != STUN:
        return 0
    attributes = int64(msg["stun_attributes"])
    message = int64(msg["stun_type"])
    found = LIBWEBRTC if attributes & NETWORK_BIT else 0
    if found:
        state["libwebrtc"] = 1
    side = 1 << direction
    if message == BINDING and attributes & CHECK_BITS == CHECK_BITS and attributes & ROLE_BITS:
        found |= ONE_WAY
        state["sides"] = int64(state["sides"]) | side
    elif message == ALLOCATE:
        found |= ASKED
    elif message == ALLOCATE_SUCCESS and attributes & RELAYED_BIT == RELAYED_BIT:
        found |= RELAY
    elif message == PING_REQUEST or message == PING_REPLY:
        found |= PING
    if state["sides"] == 3:
        found |= CHECK
    return found
