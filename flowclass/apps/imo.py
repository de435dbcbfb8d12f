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
        "echo 09 02 of 10 bytes answered by 00 09 03 of 11 bytes with the same counter, or three of either in a row",
        "FACTS §1.12; nDPI imo.c",
    ),
    Reason(
        "probe",
        Strength.WEAK,
        Kind.CALL_SIGNALLING,
        "probe of 1,000 to 1,400 bytes that starts 88 or 89, any byte, 1A 00",
        "FACTS §1.12; nDPI imo.c",
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
STATE = (
    Field("counter", "u4", "counter of the latest echo request"),
    Field("latest", "u4", "counter of the latest request and answer", shape=(2,)),
    Field("run", "u1", "requests and answers in a row whose counter grew, saturating", shape=(2,)),
)

APP_NUMBER = int(App.IMO)
TLS_HELLO = int(MessageKind.TLS_HELLO)
#: The counter is a clock in milliseconds (FACTS §1.12); a pause of a minute ends a run.
COUNTER_MASK, LARGEST_STEP, RUN_NEEDED = 0xFFFFFFFF, 60_000, 3
#: A probe's first seven bits, its last two bytes of the first four, and its lengths.
PROBE_FIRST, PROBE_END, PROBE_LEAST, PROBE_MOST = 0x88 >> 1, 0x1A00, 1000, 1400


@kernel
def _grows(state: Any, which: int, counter: int) -> int:
    """Follow the counters of requests (0) or answers (1); on a link seen one way only they must do."""
    step = (counter - int64(state["latest"][which])) & COUNTER_MASK
    follows = state["run"][which] > 0 and 0 < step <= LARGEST_STEP
    run = min(int64(state["run"][which]) + 1, 255) if follows else 1
    state["latest"][which] = counter
    state["run"][which] = run
    return ECHO if run >= RUN_NEEDED else 0


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
        return _grows(state, 0, le32(data, lo + 2))
    if size == 11 and word0 >> 8 == 0x000903 and int64(pkt["payload_hi"]) - lo >= 7:
        counter = le32(data, lo + 3)
        if counter != 0 and counter == int64(state["counter"]):
            return ECHO
        return _grows(state, 1, counter)
    is_probe = word0 >> 25 == PROBE_FIRST and word0 & 0xFFFF == PROBE_END and PROBE_LEAST <= size <= PROBE_MOST
    return PROBE if is_probe else 0
