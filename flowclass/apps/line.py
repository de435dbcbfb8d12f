"""Kernel module: LINE: private packets before media, RTP with tiny SSRCs (FACTS §1.11)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.apps.habit import Habit
from flowclass.dissect.load import be16, u8
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.LINE,
    "LINE: chat over TLS, calls over UDP to its own servers",
    names=("line.me", "line-apps.com", "line-scdn.net", "linecorp.com", "naver.jp"),
)
LISTENS = (
    MessageKind.OTHER,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "session-packet",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "two session packets: first byte D8-DB, 06 02 at offset 4",
        "FACTS §1.11; capture line; nDPI line.c",
    ),
    Reason(
        "framed-packet",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "two packets B6 with a fitting length",
        "FACTS §1.11, §2.2: untested, no false firing",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of LINE",
        "suffix list above",
    ),
    Reason(
        "stream-habit",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "RTP stream with header extension 02 40",
        "FACTS §1.11; capture line",
    ),
)
SESSION, FRAMED, NAME, STREAM = bits(REASONS)
#: Extension profile of LINE's media stack.
LINE_PROFILE = 0x0240
HABITS = (Habit(STREAM, (96, 97, 98, 99, 100, 101, 102), (), LINE_PROFILE),)
STATE = (Field("sessions", "u1", "session packets, saturating"), Field("framed", "u1", "framed packets, saturating"))

APP_NUMBER = int(App.LINE)
TLS_HELLO = int(MessageKind.TLS_HELLO)


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    if msg["kind"] == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    first = int64(msg["word0"]) >> 24
    if 0xD8 <= first <= 0xDB and int64(msg["word1"]) >> 16 == 0x0602 and pkt["payload_bytes"] > 32:
        seen = min(int64(state["sessions"]) + 1, 255)
        state["sessions"] = seen
        return SESSION if seen >= 2 else 0
    lo = int64(pkt["payload_lo"])
    if first == 0xB6 and int64(pkt["payload_hi"]) - lo >= 4 and be16(data, lo + 2) + 4 == pkt["payload_bytes"]:
        if u8(data, lo + 1) > 0x19:
            return 0
        seen = min(int64(state["framed"]) + 1, 255)
        state["framed"] = seen
        return FRAMED if seen >= 2 else 0
    return 0
