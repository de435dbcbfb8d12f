"""Kernel module: WeChat: names, and the form of its voice packets (FACTS §1.13)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.jit import int64, kernel
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.WECHAT,
    "WeChat: chat over TCP 80, 443 or 8080, calls over UDP relays and between peers",
    names=("wechat.com", "weixin.qq.com", "wechatapp.com", "weixinbridge.com"),
)
LISTENS = (
    MessageKind.OTHER,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "voice-packet",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "packets A1 08 of 75 or 92 bytes",
        "FACTS §1.13, §2.2: untested",
    ),
    Reason(
        "heartbeat",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "heartbeats D1 0A",
        "FACTS §1.13: untested",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of WeChat",
        "suffix list above",
    ),
)
VOICE, HEARTBEAT, NAME = bits(REASONS)
STATE = ()

APP_NUMBER = int(App.WECHAT)
TLS_HELLO = int(MessageKind.TLS_HELLO)


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    if msg["kind"] == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    head = int64(msg["word0"]) >> 16
    if head == 0xA108 and (pkt["payload_bytes"] == 75 or pkt["payload_bytes"] == 92):
        return VOICE
    return HEARTBEAT if head == 0xD10A and int64(msg["word0"]) & 0xFF == 0x0A else 0
