"""Kernel module: Microsoft Teams, and what it shares with Skype from 2017 on (FACTS §1.2)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.habit import NONE, ONE_BYTE, Control, Habit
from flowclass.apps.microsoft import (
    ATTRIBUTES,
    IMPLEMENTATION,
    TEAMS_2020,
    is_private_frame,
    is_relay_port,
    is_uuid_hello,
)
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, Realm, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.TEAMS,
    "Microsoft Teams: ICE and Microsoft's TURN on UDP 3478-3481, media also behind FF 10",
    names=("teams.microsoft.com", "teams.live.com", "teams.cloud.microsoft", "teams.office.com", "lync.com"),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.STUN_CLASSIC,
    MessageKind.MS_TURN,
    MessageKind.OTHER,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "implementation-7",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "ICE check whose Microsoft implementation version (0x8070) is 7 or later",
        "FACTS §1.2; captures teams 2020, Teams and Skype 2023",
        also=App.SKYPE,
    ),
    Reason(
        "microsoft-attribute",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "STUN message with an attribute of Microsoft's media stack",
        "FACTS §2.2: 27 flows, no false firing; MS-TURN, MS-ICE2",
        also=App.SKYPE,
    ),
    Reason(
        "multiplexed-turn",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "two datagrams of Microsoft's multiplexed TURN (FF 10 and a fitting length)",
        "FACTS §0, §2.2",
        also=App.SKYPE,
    ),
    Reason(
        "relay-signalling",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "datagram of 03 and a UUID in text on a port of Microsoft's relays",
        "FACTS §1.2; captures Teams and Skype 2020 and 2023",
        also=App.SKYPE,
    ),
    Reason(
        "relay-frames",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "two frames of the relay's signalling (types 14, 15, 17) on a port of Microsoft's relays",
        "captures Teams and Skype 2023",
        also=App.SKYPE,
    ),
    Reason("server-name", Strength.CERTAIN, Kind.MESSAGING, "TLS server name of Teams", "suffix list above"),
    Reason(
        "stream-habit",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream with a payload type, step and extension of the media stack and an SSRC of 16 bits",
        "FACTS §1.1, §1.2; captures Teams and Skype 2020 and 2023",
        also=App.SKYPE,
    ),
    Reason(
        "control",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "two RTCP reports from an SSRC of 16 bits with the media stack's extension",
        "MS-RTP §2.2.12 (profile-specific extensions); captures Teams and Skype 2020 and 2023",
        also=App.SKYPE,
    ),
    Reason(
        "realm",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        'TURN realm "rtcmedia", also of clients in a browser, which send no attribute of Microsoft\'s',
        "MS-TURN: untested in this place, no false firing",
        also=App.SKYPE,
    ),
)
IMPLEMENTATION_7, ATTRIBUTE, MULTIPLEXED, UUID, FRAMES, NAME, STREAM, CONTROL, REALM = bits(REASONS)
#: SSRCs are small numbers. SILK and Satin (16 and 48 kHz, frames of 20, 60 and 100 ms), video and its FEC.
_SSRC = (1, 0xFFFF)
HABITS = (
    Habit(STREAM, (97, 108), (960, 2880, 4800), ONE_BYTE, _SSRC),
    Habit(STREAM, (103, 104), (160, 320, 640, 960), ONE_BYTE, _SSRC),
    Habit(STREAM, (122, 123), (), ONE_BYTE, _SSRC),
    # What the stack can speak besides: Siren, RTAudio, G.722 and data (FACTS §1.2), but types of Signal's small SSRCs.
    Habit(STREAM, (111, 115, 117, 127), (), ONE_BYTE, _SSRC, packets=6),
    # SILK without an extension, as Skype sent in 2017; an SSRC this small comes by chance once in 65,536 streams.
    Habit(STREAM, (103, 104), (160, 320, 640, 960), NONE, _SSRC, packets=6),
)
CONTROLS = (Control(CONTROL, (200, 201), _SSRC, extended=True),)
STATE = (Field("frames", "u1", "multiplexed or private frames seen, saturating"),)

APP_NUMBER = int(App.TEAMS)
REALM_BIT, MICROSOFT_REALM = mask(StunAttribute.REALM), int(Realm.MICROSOFT)
STUN, STUN_CLASSIC = int(MessageKind.STUN), int(MessageKind.STUN_CLASSIC)
MS_TURN, TLS_HELLO = int(MessageKind.MS_TURN), int(MessageKind.TLS_HELLO)


@kernel
def _second(state: Any, found: int) -> int:
    """Count a frame and set ``found`` from the second on."""
    seen = min(int64(state["frames"]) + 1, 255)
    state["frames"] = seen
    return found if seen >= 2 else 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == STUN or kind == STUN_CLASSIC:
        attributes = int64(msg["stun_attributes"]) | int64(msg["inner_attributes"])
        found = REALM if attributes & REALM_BIT and msg["realm"] == MICROSOFT_REALM else 0
        if not attributes & ATTRIBUTES:
            return found
        is_teams = attributes & IMPLEMENTATION and msg["implementation"] >= TEAMS_2020
        return found | ATTRIBUTE | IMPLEMENTATION_7 if is_teams else found | ATTRIBUTE
    if kind == MS_TURN:
        return _second(state, MULTIPLEXED)
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if not is_relay_port(pkt):
        return 0
    if is_private_frame(pkt, msg):
        return _second(state, FRAMES)
    return UUID if is_uuid_hello(data, pkt, msg) else 0
