"""Kernel module: Webex: media on UDP 9000 and 5004, STUN-like Allocate over TCP (FACTS §1.15)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.WEBEX,
    "Webex: control over TLS, media over UDP 9000 and 5004",
    names=("webex.com", "wbx2.com", "ciscospark.com", "webexcontent.com"),
)
LISTENS = (
    MessageKind.OTHER,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "media-keepalive",
        Strength.STRONG,
        Kind.MESSAGING,
        "01 and seven bytes answered by 02 and seven bytes on UDP 9000",
        "capture webex",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of Webex",
        "suffix list above",
    ),
)
KEEPALIVE, NAME = bits(REASONS)
STATE = (Field("types", "u1", "keep-alive types seen, a bit each"),)

APP_NUMBER = int(App.WEBEX)
TLS_HELLO = int(MessageKind.TLS_HELLO)
MEDIA_PORT = 9000


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    if msg["kind"] == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if pkt["payload_bytes"] != 8 or (pkt["dport"] != MEDIA_PORT and pkt["sport"] != MEDIA_PORT):
        return 0
    word0 = int64(msg["word0"])
    if word0 != 0x01000000 and word0 != 0x02000000:
        return 0
    seen = int64(state["types"]) | (word0 >> 24)
    state["types"] = seen
    return KEEPALIVE if seen == 3 else 0
