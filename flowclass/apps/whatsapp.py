"""Kernel module: WhatsApp: calls over Meta's relays and peer to peer, and chat (FACTS §1.3)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.habit import FIRST_RANDOM_SSRC, KHZ_16, LAST_SSRC, NONE, Control, Habit
from flowclass.dissect.load import be16, u8
from flowclass.jit import int64, kernel
from flowclass.record.message import HEAD_BYTES, MessageKind, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.WHATSAPP,
    "WhatsApp: chat over TCP 443 or 5222, calls over Meta relays on UDP 3478, then mostly peer to peer",
    names=("whatsapp.net", "whatsapp.com", "wa.me"),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.TCP_START,
    MessageKind.TLS_HELLO,
    MessageKind.OTHER,
)

REASONS = (
    Reason(
        "call-token",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "TURN Allocate that carries Meta's call token (attribute 0x4000 or 0x4001) and no user name",
        "FACTS §1.3, §2.2: 62 flows, no false firing but Meta's own look-alikes",
        also=App.MESSENGER,
    ),
    Reason(
        "call-type",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "STUN message of Meta's private types 0x0800-0x0805 (terminate, ping, bandwidth probe)",
        "FACTS §1.3, §2.2: 54 flows, no false firing but Meta's own look-alikes",
        also=App.MESSENGER,
    ),
    Reason(
        "relay-clock",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "answer of a Meta relay with its clock (attribute 0x4002)",
        "FACTS §1.3",
        also=App.MESSENGER,
    ),
    Reason(
        "bare-check",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "ICE check of 44 bytes that carries MESSAGE-INTEGRITY and nothing else",
        "FACTS §1.3, §2.2: 16 flows, no false firing",
    ),
    Reason(
        "chat-stream",
        Strength.CERTAIN,
        Kind.MESSAGING,
        'TCP stream that starts with "WA" and a version, or "ED", routing data and "WA"',
        "FACTS §1.3; nDPI whatsapp.c; libprotoident",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of WhatsApp",
        "suffix list above",
    ),
    Reason(
        "health-text",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        'the ASCII word "health" as a whole datagram, as the builds of 2019 sent to relays',
        "FACTS §1.3",
    ),
    Reason(
        "stream-habit",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream with header extension DE BE, or of payload type 120 at 16 kHz without one",
        "FACTS §1.3; captures WhatsApp 2015, 2019 and 2023",
    ),
    Reason(
        "control",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "two RTCP packets of the private types 208 and 209, or reports with an extension, from a random SSRC",
        "FACTS §1.3; captures WhatsApp 2015 and 2023",
    ),
)
TOKEN, CALL_TYPE, CLOCK, BARE_CHECK, CHAT, NAME, HEALTH, STREAM, CONTROL = bits(REASONS)
#: Extension profile of the builds from 2020 on.
DEBE = 0xDEBE
_RANDOM = (FIRST_RANDOM_SSRC, LAST_SSRC)
HABITS = (
    Habit(STREAM, tuple(range(96, 128)), (), DEBE),
    # Frames of 20 to 160 ms, and silence of any length; by the clock, for telephones number Opus so too.
    Habit(STREAM, (120,), (), NONE, _RANDOM, size=(20, 400), clock=KHZ_16),
)
CONTROLS = (Control(CONTROL, (208, 209), _RANDOM), Control(CONTROL, (200, 201), _RANDOM, extended=True))
STATE = ()

APP_NUMBER = int(App.WHATSAPP)

TOKEN_BITS = mask(StunAttribute.META_TOKEN, StunAttribute.META_TOKEN_ALT)
CLOCK_BIT = mask(StunAttribute.META_CLOCK)
USERNAME_BIT = mask(StunAttribute.USERNAME)
ONLY_INTEGRITY = mask(StunAttribute.MESSAGE_INTEGRITY)
BINDING_REQUEST, BINDING_SUCCESS, ALLOCATE, ALLOCATE_SUCCESS = 0x0001, 0x0101, 0x0003, 0x0103
#: MESSAGE-INTEGRITY is 4 + 20 bytes.
INTEGRITY_BYTES = 24
FIRST_TYPE, LAST_TYPE = 0x0800, 0x0805
#: "WA", "ED", "heal", "th" in big-endian words.
WA, ED, HEAL, TH = 0x5741, 0x4544, 0x6865616C, 0x7468
TCP_START, TLS_HELLO, STUN = int(MessageKind.TCP_START), int(MessageKind.TLS_HELLO), int(MessageKind.STUN)
#: Highest major and minor version after "WA" that is plausible; 6 and 3 in 2023.
MAX_MAJOR, MAX_MINOR = 12, 12


@kernel
def _is_version(head: Any, at: int) -> bool:
    """Whether "WA" and a plausible version stand at ``at`` of the stream's head."""
    return be16(head, at) == WA and 1 <= u8(head, at + 2) <= MAX_MAJOR and u8(head, at + 3) <= MAX_MINOR


@kernel
def chat_head(head: Any, length: int) -> bool:
    """Whether a TCP stream starts like WhatsApp's chat; ``length`` bytes of ``head`` are known."""
    if length < 4:
        return False
    if be16(head, 0) == WA:
        return _is_version(head, 0)
    if be16(head, 0) != ED or be16(head, 2) != 1 or length < 7 or be16(head, 4) != 0:
        return False
    # ED 00 01, a 3-byte length, the routing data, "WA".
    after = 7 + u8(head, 6)
    return after + 4 <= min(length, HEAD_BYTES) and _is_version(head, after)


@kernel
def _stun(msg: Any) -> int:
    """Look at a STUN message."""
    kind = int64(msg["stun_type"])
    attributes = int64(msg["stun_attributes"])
    found = 0
    if FIRST_TYPE <= kind <= LAST_TYPE:
        found |= CALL_TYPE
    if attributes & TOKEN_BITS and not attributes & USERNAME_BIT:
        found |= TOKEN
    if attributes & CLOCK_BIT and kind == ALLOCATE_SUCCESS:
        found |= CLOCK
    is_binding = kind == BINDING_REQUEST or kind == BINDING_SUCCESS
    if is_binding and attributes == ONLY_INTEGRITY and msg["stun_bytes"] == INTEGRITY_BYTES:
        found |= BARE_CHECK
    return found


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == STUN:
        return _stun(msg)
    if kind == TCP_START:
        return CHAT if chat_head(msg["head"], int64(msg["head_bytes"])) else 0
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if msg["word0"] == HEAL and pkt["payload_bytes"] == 6 and msg["word1"] >> 16 == TH:
        return HEALTH
    return 0
