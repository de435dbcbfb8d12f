"""Kernel module: Signal (RingRTC): its own TURN, then clear RTP headers between peers and no DTLS (FACTS §1.7)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.habit import ANY, Habit
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
        "three RTP packets whose SSRC is one of the numbers RingRTC always uses, payload type 101, 102 or 118",
        "FACTS §1.7: SSRC 2001, 2002, 2013",
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
        "RTP stream with one of the fixed SSRCs 1001-1013 and 2001-2013",
        "FACTS §1.7; captures Signal 2021 and 2023",
    ),
)
REALM, SOURCE, ENF_FLOW, NAME, STREAM = bits(REASONS)
#: RingRTC numbers the caller's streams from 1001 and the callee's from 2001: audio, video, data, padding probes.
_TYPES = (96, 97, 98, 99, 101, 102, 106, 107, 108, 109, 118, 119, 120, 121)
HABITS = (Habit(STREAM, _TYPES, (), ANY, (1001, 1013)), Habit(STREAM, _TYPES, (), ANY, (2001, 2013)))
STATE = (Field("sources", "u1", "RTP packets with a fixed SSRC, saturating"),)

APP_NUMBER = int(App.SIGNAL)
REALM_BIT, SIGNAL_REALM = mask(StunAttribute.REALM), int(Realm.SIGNAL)
ENF_BIT = mask(StunAttribute.ENF_FLOW)
STUN, TLS_HELLO = int(MessageKind.STUN), int(MessageKind.TLS_HELLO)
#: SSRCs 2001, 2002 and 2013 were seen: a thousand for the callee, then a small number for the stream.
FIRST_SOURCE, LAST_SOURCE = 2001, 2019
SOURCES_NEEDED = 3


@kernel
def _media(data: Any, msg: Any, state: Any) -> int:
    """Count RTP packets of RingRTC's fixed sources."""
    if msg["media_header"] == 0 or msg["media_hi"] <= msg["media_lo"]:
        return 0
    lo = int64(msg["media_lo"])
    source, kind = ssrc(data, lo), payload_type(data, lo)
    if source < FIRST_SOURCE or source > LAST_SOURCE or (kind != 101 and kind != 102 and kind != 118):
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
