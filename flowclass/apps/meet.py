"""Kernel module: Google Meet, Duo and Voice: ICE towards Google with long server fragments (FACTS §1.8)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.habit import FIRST_RANDOM_SSRC, LAST_SSRC, ONE_BYTE, Control, Habit
from flowclass.dissect.rtcp import sender_ssrc
from flowclass.dissect.rtp import ssrc
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, Realm, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.MEET,
    "Google Meet, Duo, Voice and Hangouts: ICE and DTLS-SRTP to UDP 19302-19309 and 3478",
    names=("meet.google.com", "duo.google.com", "hangouts.google.com", "meetings.googleapis.com", "voice.google.com"),
    certificates=("hangouts",),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.RTP,
    MessageKind.RTCP,
    MessageKind.DTLS,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "server-check",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "ICE check to UDP 19302-19309 or 3478 whose server part of the user name has 20 to 28 characters",
        "FACTS §1.8",
    ),
    Reason(
        "server-port",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "ICE on UDP 19302-19309: STUN with a user name or integrity, or DTLS",
        "FACTS §1.8; Google's public STUN service on these ports has neither",
    ),
    Reason(
        "server-media",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "four RTP or RTCP packets of one source on UDP 19302-19309",
        "FACTS §1.8: Google's ports for media; captures Meet 2023",
    ),
    Reason(
        "relay-attribute",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "attribute 0xFF03 or 0xFF05 of Google relays",
        "FACTS §0",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of Meet, Duo or Voice",
        "suffix list above",
    ),
    Reason(
        "probe-stream",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream with SSRC 0: the padding with which Google's servers probe the way to the client",
        "FACTS §1.8; captures Meet 2023",
    ),
    Reason(
        "clock-report",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "two RTCP extended reports that stand alone, from one random SSRC: the clock of Google's servers each second",
        "RFC 3611 §4.4; RFC 5506; FACTS §1.8; captures Meet 2023",
    ),
    Reason(
        "certificate",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        'DTLS certificate named "hangouts", of Google\'s media servers on whatever port',
        "capture Meet 2023; RFC 5280 §4.1.2.4",
    ),
    Reason(
        "realm",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        'TURN realm "google.com"',
        "FACTS §1.8: untested, no false firing",
    ),
)
CHECK, PORT, MEDIA, RELAY, NAME, PROBE, REPORT, CERTIFICATE, REALM = bits(REASONS)
HABITS = (Habit(PROBE, tuple(range(96, 128)), (), ONE_BYTE, (0, 0)),)
CONTROLS = (Control(REPORT, (207,), (FIRST_RANDOM_SSRC, LAST_SSRC)),)
STATE = (
    Field("ssrc", "u4", "SSRC of the latest RTP or RTCP packet on a port of Google's"),
    Field("media", "u1", "such packets in a row with that SSRC, saturating"),
)

APP_NUMBER = int(App.MEET)
TLS_HELLO, DTLS, STUN = int(MessageKind.TLS_HELLO), int(MessageKind.DTLS), int(MessageKind.STUN)
RTP, RTCP = int(MessageKind.RTP), int(MessageKind.RTCP)
MEDIA_NEEDED = 4
CHECK_BITS = mask(StunAttribute.USERNAME, StunAttribute.PRIORITY)
AUTHENTIC_BITS = mask(StunAttribute.USERNAME, StunAttribute.MESSAGE_INTEGRITY)
RELAY_BIT = mask(StunAttribute.GOOGLE_RELAY)
REALM_BIT, GOOGLE_REALM = mask(StunAttribute.REALM), int(Realm.GOOGLE)
FIRST_PORT, LAST_PORT, STUN_PORT = 19302, 19309, 3478
SERVER_LEAST, SERVER_MOST, CLIENT = 20, 28, 4


@kernel
def _is_port(port: int) -> bool:
    """Whether this is a port of Google's media servers that others do not use."""
    return FIRST_PORT <= port <= LAST_PORT


@kernel
def _media(data: Any, msg: Any, state: Any) -> int:
    """Count RTP or RTCP packets of one source."""
    lo = int64(msg["media_lo"])
    source = ssrc(data, lo) if msg["media_header"] else sender_ssrc(data, lo)
    seen = min(int64(state["media"]) + 1, 255) if source == int64(state["ssrc"]) else 1
    state["ssrc"] = source
    state["media"] = seen
    return MEDIA if seen >= MEDIA_NEEDED else 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    on_port = _is_port(dport) or _is_port(sport)
    if kind == DTLS:
        found = CERTIFICATE if msg["name_app"] == APP_NUMBER else 0
        return found | PORT if on_port else found
    if kind != STUN:
        return _media(data, msg, state) if on_port else 0
    attributes = int64(msg["stun_attributes"])
    found = RELAY if attributes & RELAY_BIT else 0
    if attributes & REALM_BIT and msg["realm"] == GOOGLE_REALM:
        found |= REALM
    if on_port and attributes & AUTHENTIC_BITS:
        found |= PORT
    if attributes & CHECK_BITS == CHECK_BITS:
        long_one = max(int64(msg["ufrag_bytes"][0]), int64(msg["ufrag_bytes"][1]))
        short_one = min(int64(msg["ufrag_bytes"][0]), int64(msg["ufrag_bytes"][1]))
        is_server = SERVER_LEAST <= long_one <= SERVER_MOST and short_one == CLIENT
        if is_server and (on_port or dport == STUN_PORT or sport == STUN_PORT):
            found |= CHECK
    return found
