"""Kernel module: FaceTime: private STUN-like types, SIP of its first years (FACTS §1.14; no capture was found)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.dissect.load import be24, be32
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
    MessageKind.SIP,
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
    Reason(
        "user-agent",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "SIP between peers whose user agent is Viceroy, Apple's conference library",
        "FACTS §1.14; FaceTime of iOS 4 to 7, iChat: untested",
    ),
)
PRIVATE, NAME, AGENT = bits(REASONS)
STATE = (Field("types", "u1", "1 a request was seen, 2 an answer"),)

APP_NUMBER = int(App.FACETIME)
TLS_HELLO = int(MessageKind.TLS_HELLO)
REQUESTS, ANSWERS = (0x0FE0, 0x0FE1, 0x0FE4), (0x0EE0, 0x0EE1, 0x0EE4)
STUN_HEADER = 20
SIP = int(MessageKind.SIP)
#: "Vice", "roy", and how far into a message the header is searched for.
VICE, ROY, AGENT_WITHIN = 0x56696365, 0x726F79, 1024


@kernel
def _is_viceroy(data: Any, lo: int, hi: int) -> bool:
    """Whether a SIP message names Apple's conference library."""
    for at in range(lo, min(hi, lo + AGENT_WITHIN) - 6):  # noqa: SIM110 (numba compiles no generators)
        if be32(data, at) == VICE and be24(data, at + 4) == ROY:
            return True
    return False


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    if msg["kind"] == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if msg["kind"] == SIP:
        return AGENT if _is_viceroy(data, int64(pkt["payload_lo"]), int64(pkt["payload_hi"])) else 0
    word0 = int64(msg["word0"])
    kind = word0 >> 16
    is_request, is_answer = kind in REQUESTS, kind in ANSWERS
    if not (is_request or is_answer) or (word0 & 0xFFFF) + STUN_HEADER != pkt["payload_bytes"]:
        return 0
    seen = int64(state["types"]) | (1 if is_request else 2)
    state["types"] = seen
    return PRIVATE if seen == 3 else 0
