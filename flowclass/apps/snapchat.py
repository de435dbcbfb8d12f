"""Kernel module: Snapchat: QUIC and RTP on one 5-tuple (FACTS §1.15)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
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
    MessageKind.OTHER,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "quic-then-rtp",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "QUIC (long headers, or short ones on UDP 443) and bare RTP in sequence or RTCP, three packets, on one 5-tuple",
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
    Field("ssrc", "u4", "SSRC of the direction's latest RTP packet", shape=(2,)),
    Field("seq", "u2", "its sequence number", shape=(2,)),
    Field("quic", "u1", "QUIC headers, saturating"),
    Field("run", "u1", "RTP packets in sequence by direction, saturating", shape=(2,)),
    Field("reports", "u1", "RTCP packets, saturating"),
)

APP_NUMBER = int(App.SNAPCHAT)
UDP = 17
TLS_HELLO, QUIC, OTHER = int(MessageKind.TLS_HELLO), int(MessageKind.QUIC), int(MessageKind.OTHER)
RTP = int(MessageKind.RTP)
MEDIA_NEEDED = 3
#: Port of QUIC (RFC 9114 §3.1), and the first bytes of its short headers: fixed bit, no long form (RFC 9000 §17.3).
HTTPS, SHORT_FIRST, SHORT_LAST = 443, 0x40, 0x7F
#: RTCP types of reports, feedback and their kin; a random byte hits them once in 32 times.
FIRST_REPORT, LAST_REPORT = 200, 207


@kernel
def _is_short(pkt: Any, msg: Any) -> Any:
    """Whether a datagram of no known kind may be QUIC with a short header."""
    is_port = pkt["dport"] == HTTPS or pkt["sport"] == HTTPS
    return is_port and pkt["proto"] == UDP and SHORT_FIRST <= int64(msg["word0"]) >> 24 <= SHORT_LAST


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if kind == QUIC or kind == OTHER:
        if kind == OTHER and not _is_short(pkt, msg):
            return 0
        state["quic"] = min(int64(state["quic"]) + 1, 255)
    elif kind == RTP:
        lo = int64(msg["media_lo"])
        source, number = ssrc(data, lo), sequence_number(data, lo)
        step = (number - int64(state["seq"][direction])) & 0xFFFF
        follows = source == int64(state["ssrc"][direction]) and step <= 3
        state["run"][direction] = min(int64(state["run"][direction]) + 1, 255) if follows else 1
        state["ssrc"][direction] = source
        state["seq"][direction] = number
    elif FIRST_REPORT <= (int64(msg["word0"]) >> 16) & 0xFF <= LAST_REPORT:
        state["reports"] = min(int64(state["reports"]) + 1, 255)
    media = max(int64(state["run"][0]), int64(state["run"][1]), int64(state["reports"]))
    return QUIC_RTP if state["quic"] and media >= MEDIA_NEEDED else 0
