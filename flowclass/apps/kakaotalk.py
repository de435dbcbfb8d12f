"""Kernel module: KakaoTalk: plain RTP on an even port, RTCP on the next (FACTS §1.15)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.apps.habit import FIRST_RANDOM_SSRC, KHZ_16, LAST_SSRC, NONE, Habit
from flowclass.dissect.rtp import payload_type
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.KAKAOTALK,
    "KakaoTalk: chat over TLS, voice over RTP and RTCP on a pair of ports",
    names=("kakao.com", "kakaocorp.com", "kakaocdn.net"),
)
LISTENS = (
    MessageKind.RTP,
    MessageKind.RTCP,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "voice",
        Strength.WEAK,
        Kind.CALL_MEDIA,
        "three RTP packets of payload type 108 on a port of its voice servers (UDP 23044-23047)",
        "FACTS §1.15; capture KakaoTalk_talk, one call of 2015",
    ),
    Reason(
        "control",
        Strength.WEAK,
        Kind.CALL_MEDIA,
        "two RTCP packets on a port of its voice servers",
        "FACTS §1.15",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of KakaoTalk",
        "suffix list above",
    ),
    Reason(
        "stream-habit",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream of payload type 108 in frames of 60 ms at 16 kHz, without header extension",
        "FACTS §1.15; capture KakaoTalk_talk",
    ),
)
VOICE, CONTROL, NAME, STREAM = bits(REASONS)
#: By the clock: telephones number Opus so too, whose frames of 20 ms at 48 kHz have that step.
HABITS = (Habit(STREAM, (108,), (960,), NONE, (FIRST_RANDOM_SSRC, LAST_SSRC), (40, 200), clock=KHZ_16),)
STATE = (Field("voices", "u1", "RTP packets, saturating"), Field("controls", "u1", "RTCP packets, saturating"))

APP_NUMBER = int(App.KAKAOTALK)
TLS_HELLO, RTCP = int(MessageKind.TLS_HELLO), int(MessageKind.RTCP)
FIRST_PORT, LAST_PORT = 23044, 23047
VOICE_TYPE = 108


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    if not (FIRST_PORT <= sport <= LAST_PORT or FIRST_PORT <= dport <= LAST_PORT):
        return 0
    if kind == RTCP:
        seen = min(int64(state["controls"]) + 1, 255)
        state["controls"] = seen
        return CONTROL if seen >= 2 else 0
    if msg["media_header"] == 0 or payload_type(data, int64(msg["media_lo"])) != VOICE_TYPE:
        return 0
    seen = min(int64(state["voices"]) + 1, 255)
    state["voices"] = seen
    return VOICE if seen >= 3 else 0
