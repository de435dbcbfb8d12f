"""Kernel module: imo: one-byte packets and a millisecond echo (FACTS §1.12)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.dissect.load import le32
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.IMO,
    "imo: chat over TLS, calls over UDP to its servers and between peers",
    names=("imo.im", "imoim.net"),
)
LISTENS = (
    MessageKind.OTHER,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "echo",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "echo 09 02 of 10 bytes answered by 00 09 03 of 11 bytes with the same counter",
        "FACTS §1.12; nDPI imo.c",
    ),
    Reason(
        "probe",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "probe of 1,224 bytes that starts 89 46 1A 00",
        "FACTS §1.12",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of imo",
        "suffix list above",
    ),
)
ECHO, PROBE, NAME = bits(REASONS)
STATE = (Field("counter", "u4", "counter of the latest echo request"),)

APP_NUMBER = int(App.IMO)
TLS_HELLO = int(MessageKind.TLS_HELLO)


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    if msg["kind"] == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    lo = int64(pkt["payload_lo"])
    size = int64(pkt["payload_bytes"])
    word0 = int64(msg["word0"])
    if size == 10 and word0 >> 16 == 0x0902 and int64(pkt["payload_hi"]) - lo >= 6:
        state["counter"] = le32(data, lo + 2)
    elif size == 11 and word0 >> 8 == 0x000903 and int64(pkt["payload_hi"]) - lo >= 7:
        counter = le32(data, lo + 3)
        if counter != 0 and counter == int64(state["counter"]):
            return ECHO
    elif word0 == 0x89461A00 and size == 1224:
        return PROBE
    return 0
