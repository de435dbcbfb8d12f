"""Kernel module: Snapchat: QUIC and RTP on one 5-tuple (FACTS §1.15)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.dissect.rtcp import sender_ssrc
from flowclass.dissect.rtp import sequence_number, ssrc
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.SNAPCHAT,
    "Snapchat: messages over QUIC and TLS, calls as RTP on the socket of a QUIC connection",
    names=("snapchat.com", "snap-dev.net", "feelinsonice-hrd.appspot.com", "feelinsonice.l.google.com", "sc-cdn.net"),
)
LISTENS = (
    MessageKind.QUIC,
    MessageKind.RTP,
    MessageKind.RTCP,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "quic-then-rtp",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "QUIC long headers, then three RTP or RTCP packets of one source on the same 5-tuple",
        "FACTS §1.15; captures snapchat_call 2020, 2022",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of Snapchat",
        "suffix list above",
    ),
)
QUIC_RTP, NAME = bits(REASONS)
STATE = (
    Field("ssrc", "u4", "SSRC of the direction's latest RTP or RTCP packet", shape=(2,)),
    Field("seq", "u2", "its sequence number, 0 for RTCP", shape=(2,)),
    Field("quic", "u1", "QUIC long headers, saturating"),
    Field("run", "u1", "media packets in sequence by direction, saturating", shape=(2,)),
)

APP_NUMBER = int(App.SNAPCHAT)
TLS_HELLO, QUIC, RTP = int(MessageKind.TLS_HELLO), int(MessageKind.QUIC), int(MessageKind.RTP)


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if kind == QUIC:
        state["quic"] = min(int64(state["quic"]) + 1, 255)
        return 0
    if state["quic"] == 0 or msg["media_hi"] <= msg["media_lo"]:
        return 0
    lo = int64(msg["media_lo"])
    source, number = sender_ssrc(data, lo), 0
    if kind == RTP:
        source, number = ssrc(data, lo), sequence_number(data, lo)
    step = (number - int64(state["seq"][direction])) & 0xFFFF
    follows = source == int64(state["ssrc"][direction]) and step <= 3
    run = min(int64(state["run"][direction]) + 1, 255) if follows else 1
    state["run"][direction] = run
    state["ssrc"][direction] = source
    state["seq"][direction] = number
    return QUIC_RTP if run >= 3 else 0
