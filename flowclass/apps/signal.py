"""Kernel module: Signal (RingRTC): its own TURN, then clear RTP headers between peers and no DTLS (FACTS §1.7)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.habit import ANY, NONE, Control, Habit
from flowclass.dissect.rtp import payload_type, ssrc
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, Realm, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.SIGNAL,
    "Signal: chat over TLS, calls over TURN on UDP and TCP 3478, 443 or 80, mostly peer to peer",
    names=("signal.org", "whispersystems.org"),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.RTP,
    MessageKind.TLS_HELLO,
    MessageKind.CHANNEL_DATA,
)

REASONS = (
    Reason(
        "realm",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        'TURN realm "signal.org"',
        "FACTS §1.7; capture stun_signal",
    ),
    Reason(
        "fixed-source",
        Strength.CERTAIN,
        Kind.CALL_MEDIA,
        "three RTP packets of a source and a payload type that RingRTC fixes in its source code",
        "RingRTC rffi/peer_connection: SSRC 1001-1013 of the caller, 2001-2013 of the callee; FACTS §1.7",
    ),
    Reason(
        "enf-flow",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "ICE check with ENF-FLOW-DESCRIPTION (0xC001)",
        "FACTS §0, §1.7",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of Signal",
        "suffix list above",
    ),
    Reason(
        "stream-habit",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream with one of the fixed SSRCs 1001-1013 and 2001-2013, or of call data with SSRC 1 or 13",
        "RingRTC rffi/peer_connection, core/connection, core/group_call; captures Signal 2021 and 2023",
    ),
    Reason(
        "control",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "two RTCP packets from one of the fixed SSRCs",
        "RingRTC rffi/peer_connection; captures Signal 2023",
    ),
)
REALM, SOURCE, ENF_FLOW, NAME, STREAM, CONTROL = bits(REASONS)
#: RingRTC numbers the caller's streams from 1001 and the callee's from 2001: data, audio, video, retransmissions 13.
_CALLER, _CALLEE = (1001, 1013), (2001, 2013)
#: Builds before 2020 left libwebrtc's own numbers (96-99, 106, 107); since then data 101, Opus 102 and its RED 105,
#: H.264 103 and 104, VP8 108, VP9 109, their retransmissions ten above, RED 120 and 121, FEC 122.
_TYPES = (96, 97, 98, 99, 101, 102, 103, 104, 105, 106, 107, 108, 109, 113, 114, 118, 119, 120, 121, 122)
#: Call data, numbered one by one: 13 between peers, 1 to a server of group calls.
_DATA = (101,)
HABITS = (
    Habit(STREAM, _TYPES, (), ANY, _CALLER),
    Habit(STREAM, _TYPES, (), ANY, _CALLEE),
    Habit(STREAM, _DATA, (1,), NONE, (1, 1)),
    Habit(STREAM, _DATA, (1,), NONE, (13, 13)),
)
#: Reports, names, goodbyes, feedback. Microsoft's sources are as small, but their reports are extended.
_REPORTS = (200, 201, 202, 203, 205, 206, 207)
CONTROLS = (
    Control(CONTROL, _REPORTS, _CALLER, extended=False),
    Control(CONTROL, _REPORTS, _CALLEE, extended=False),
)
STATE = (Field("sources", "u1", "RTP packets with a fixed SSRC, saturating"),)

APP_NUMBER = int(App.SIGNAL)
REALM_BIT, SIGNAL_REALM = mask(StunAttribute.REALM), int(Realm.SIGNAL)
ENF_BIT = mask(StunAttribute.ENF_FLOW)
STUN, TLS_HELLO = int(MessageKind.STUN), int(MessageKind.TLS_HELLO)
#: Caller and callee number their streams alike, a thousand apart.
FIRST_SOURCE, LAST_SOURCE, CALLEE_OFFSET = _CALLER[0], _CALLER[1], 1000
#: Payload types that RingRTC alone uses for this, and with them all of its audio and data.
SOURCE_TYPES = (101, 102, 108, 118, 119, 120)
SOURCES_NEEDED = 3


@kernel
def _media(data: Any, msg: Any, state: Any) -> int:
    """Count RTP packets of RingRTC's fixed sources."""
    if msg["media_header"] == 0 or msg["media_hi"] <= msg["media_lo"]:
        return 0
    lo = int64(msg["media_lo"])
    source, kind = ssrc(data, lo), payload_type(data, lo)
    if source > LAST_SOURCE:
        source -= CALLEE_OFFSET
    if not FIRST_SOURCE <= source <= LAST_SOURCE or kind not in SOURCE_TYPES:
        return 0
    seen = min(int64(state["sources"]) + 1, 255)
    state["sources"] = seen
    return SOURCE if seen >= SOURCES_NEEDED else 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == STUN:
        attributes = int64(msg["stun_attributes"])
        found = 0
        if attributes & REALM_BIT and msg["realm"] == SIGNAL_REALM:
            found |= REALM
        if (attributes | int64(msg["inner_attributes"])) & ENF_BIT:
            found |= ENF_FLOW
        if not found and msg["media_hi"] > msg["media_lo"]:
            return _media(data, msg, state)
        return found
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    return _media(data, msg, state)
