"""Kernel module: Messenger and Instagram, Meta's other callers, look-alikes of WhatsApp (FACTS §1.4)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.habit import FIRST_RANDOM_SSRC, KHZ_48, LAST_SSRC, ONE_BYTE, Habit
from flowclass.apps.ports import is_stun_server
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, Realm, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.MESSENGER,
    "Messenger and Instagram: chat over TLS, calls over Meta's TURN (UDP 40003, TCP 443) or edge stack (UDP 3478)",
    names=(
        "edge-chat.facebook.com",
        "edge-mqtt.facebook.com",
        "mqtt-mini.facebook.com",
        "gateway.messenger.com",
        "messenger.com",
    ),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.CHANNEL_DATA,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "edge-stack",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "ICE check with the attributes 0xDAB9 or 0xDABA of Meta's edge stack",
        "FACTS §1.4: seen with Messenger; WhatsApp's group calls may use it too",
        also=App.WHATSAPP,
    ),
    Reason(
        "realm",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        'TURN realm "turner.facebook"',
        "FACTS §1.4",
    ),
    Reason(
        "server-name",
        Strength.STRONG,
        Kind.MESSAGING,
        "TLS server name of Messenger's chat",
        "suffix list above",
        false_alarms=1,
    ),
    Reason(
        "turn-port",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "TURN or its ChannelData with a server on port 40003, where Meta's relays listen",
        "FACTS §1.4; captures Messenger 2021 and 2023",
    ),
    Reason(
        "stream-habit",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream of payload type 96 in frames of 60 ms at 48 kHz",
        "captures Messenger 2023",
    ),
)
EDGE, REALM, NAME, PORT, STREAM = bits(REASONS)
#: Of audio: browsers send video under the same number, whose frames of 32 ms have that step too.
HABITS = (
    Habit(
        STREAM, (96,), (2880, 17280), ONE_BYTE, (FIRST_RANDOM_SSRC, LAST_SSRC), size=(20, 400), packets=4, clock=KHZ_48
    ),
)
STATE = (Field("channels", "u1", "ChannelData with the port, saturating"),)

APP_NUMBER = int(App.MESSENGER)
EDGE_BIT = mask(StunAttribute.EDGERAY)
REALM_BIT = mask(StunAttribute.REALM)
FACEBOOK = int(Realm.FACEBOOK)
TLS_HELLO, CHANNEL_DATA = int(MessageKind.TLS_HELLO), int(MessageKind.CHANNEL_DATA)
TURN_PORT = 40003
#: Bits of a STUN message type that name the method, up to 15; TURN's begin with Allocate (RFC 8656 §17).
METHOD_MASK, ALLOCATE = 0x000F, 3
FIRST_CHANNEL, LAST_CHANNEL, CHANNELS_NEEDED = 0x4000, 0x4FFF, 2


@kernel
def _channel(pkt: Any, msg: Any, state: Any) -> int:
    """Count ChannelData to or from the port, on channels that TURN allows (RFC 8656 §12)."""
    is_port = pkt["dport"] == TURN_PORT or pkt["sport"] == TURN_PORT
    if not is_port or not FIRST_CHANNEL <= int64(msg["channel"]) <= LAST_CHANNEL:
        return 0
    seen = min(int64(state["channels"]) + 1, 255)
    state["channels"] = seen
    return PORT if seen >= CHANNELS_NEEDED else 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    if msg["kind"] == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if msg["kind"] == CHANNEL_DATA:
        return _channel(pkt, msg, state)
    attributes = int64(msg["stun_attributes"])
    found = 0
    if attributes & EDGE_BIT:
        found |= EDGE
    if attributes & REALM_BIT and msg["realm"] == FACEBOOK:
        found |= REALM
    if int64(msg["stun_type"]) & METHOD_MASK >= ALLOCATE and is_stun_server(pkt, msg, TURN_PORT):
        found |= PORT
    return found
