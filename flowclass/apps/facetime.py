"""Kernel module: FaceTime: private STUN-like types (FACTS §1.14; no capture of it was found)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.FACETIME,
    "FaceTime: push over TCP 5223, media over UDP 3478-3497 and 16384-16402",
    names=("facetime.apple.com",),
)
LISTENS = (
    MessageKind.OTHER,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "private-type",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "request of type 0x0FE0, 0x0FE1 or 0x0FE4 with a fitting length, answered by 0x0EE0, 0x0EE1 or 0x0EE4",
        "FACTS §1.14; libprotoident stun: untested",
    ),
    Reason(
        "server-name",
        Strength.STRONG,
        Kind.MESSAGING,
        "TLS server name of FaceTime",
        "suffix list above",
    ),
)
PRIVATE, NAME = bits(REASONS)
STATE = (Field("types", "u1", "1 a request was seen, 2 an answer"),)

APP_NUMBER = int(App.FACETIME)
TLS_HELLO = int(MessageKind.TLS_HELLO)
REQUESTS, ANSWERS = (0x0FE0, 0x0FE1, 0x0FE4), (0x0EE0, 0x0EE1, 0x0EE4)
STUN_HEADER = 20


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    if msg["kind"] == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    word0 = int64(msg["word0"])
    kind = word0 >> 16
    is_request, is_answer = kind in REQUESTS, kind in ANSWERS
    if not (is_request or is_answer) or (word0 & 0xFFFF) + STUN_HEADER != pkt["payload_bytes"]:
        return 0
    seen = int64(state["types"]) | (1 if is_request else 2)
    state["types"] = seen
    return PRIVATE if seen == 3 else 0
