"""Kernel module: SIP and the telephony protocols of its kind: H.323, MGCP, Megaco, Skinny, IAX2 (FACTS §1.15)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.dissect.load import be16, be32, le32, u8
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.SIP,
    "SIP telephony and its older kin; its media, RTP without ICE, cannot name more",
    names=(),
)
LISTENS = (
    MessageKind.SIP,
    MessageKind.TCP_START,
    MessageKind.TCP_MORE,
    MessageKind.OTHER,
)

REASONS = (
    Reason(
        "message",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "SIP request with a SIP or tel URI, or SIP status line",
        "RFC 3261 §7",
    ),
    Reason(
        "h323",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "Q.931 message in TPKT on TCP 1720, or H.245 in TPKT",
        "ITU-T H.225.0; RFC 1006; capture h323",
    ),
    Reason(
        "skinny",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "Skinny (SCCP) message heads on TCP 2000",
        "capture skinny; Wireshark packet-skinny",
    ),
    Reason(
        "gateway-control",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "MGCP command or answer, or Megaco message in text",
        "RFC 3435 §3; RFC 3525 §8",
    ),
    Reason(
        "iax",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "two IAX2 full frames on UDP 4569",
        "RFC 5456 §8.1",
    ),
    Reason(
        "ras",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "H.225 RAS message on UDP 1718 or 1719",
        "ITU-T H.225.0 §7",
    ),
)
MESSAGE, H323, SKINNY, GATEWAY, IAX, RAS = bits(REASONS)
STATE = (Field("frames", "u1", "IAX2 or Skinny heads seen, saturating"),)

SIP_KIND, OTHER, TCP_START = int(MessageKind.SIP), int(MessageKind.OTHER), int(MessageKind.TCP_START)
#: TPKT version 3, reserved 0 (RFC 1006 §6); Q.931 protocol discriminator 8 (ITU-T Q.931 §4.2).
TPKT, Q931 = 0x0300, 8
H323_PORT, SKINNY_PORT, IAX_PORT = 1720, 2000, 4569
#: "MEGACO/" and its short form "!/"; "MGCP".
MEGA, MEGACO_SHORT, MGCP = 0x4D454741, 0x212F, 0x4D474350
#: MGCP verbs (RFC 3435 §3.2.2).
VERBS = tuple(
    int.from_bytes(verb.encode(), "big")
    for verb in ("EPCF", "CRCX", "MDCX", "DLCX", "RQNT", "NTFY", "AUEP", "AUCX", "RSIP")
)
#: Bytes in which "MGCP" follows the verb.
MAX_LINE = 120


@kernel
def _is_gateway(data: Any, lo: int, hi: int, word0: int) -> bool:
    """Whether the datagram is MGCP or Megaco in text."""
    if word0 >> 16 == MEGACO_SHORT and hi - lo > 8:
        return 0x31 <= u8(data, lo + 2) <= 0x33 and u8(data, lo + 3) == 0x20
    if word0 == MEGA and hi - lo > 8:
        return u8(data, lo + 6) == 0x2F
    if word0 not in VERBS:
        return False
    at = lo + 5
    end = min(hi - 4, lo + MAX_LINE)
    while at < end and be32(data, at) != MGCP:
        at += 1
    return at < end


@kernel
def _datagram(data: Any, pkt: Any, msg: Any, state: Any) -> int:
    """Look at a datagram of no known kind."""
    lo, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    word0 = int64(msg["word0"])
    first = word0 >> 24
    if (first == 0x21 or 0x41 <= first <= 0x52) and _is_gateway(data, lo, hi, word0):
        return GATEWAY
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    if hi - lo >= 12 and (dport == IAX_PORT or sport == IAX_PORT) and word0 >> 31 and 1 <= u8(data, lo + 10) <= 12:
        seen = min(int64(state["frames"]) + 1, 255)
        state["frames"] = seen
        return IAX if seen >= 2 else 0
    # RAS: gatekeeper request .. in packed encoding; the first byte's choice is below 32 and a length follows.
    is_ras_port = dport in (1718, 1719) or sport in (1718, 1719)
    if not is_ras_port or hi - lo < 8 or word0 >> 24 >= 0x80:
        return 0
    # Other protocols stray to these ports in text (BitTorrent's tables).
    is_text = (
        word0 >> 24 >= 0x20 and (word0 >> 16) & 0xFF >= 0x20 and (word0 >> 8) & 0xFF >= 0x20 and word0 & 0xFF >= 0x20
    )
    return 0 if is_text else RAS


@kernel
def _stream(data: Any, pkt: Any, msg: Any, state: Any) -> int:
    """Look at TCP bytes of no known kind."""
    lo, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    word0 = int64(msg["word0"])
    if word0 >> 16 == TPKT and hi - lo >= 7:
        fits = be16(data, lo + 2) <= pkt["payload_bytes"]
        on_port = dport == H323_PORT or sport == H323_PORT
        if fits and on_port and u8(data, lo + 4) == Q931:
            return H323
        # H.245 terminal capability set 02 70 01 06 00 08 (its object identifier) a few bytes in.
        if fits and hi - lo >= 12 and be32(data, lo + 4) == 0x02700106:
            return H323
    if (dport == SKINNY_PORT or sport == SKINNY_PORT) and hi - lo >= 12:
        # Length and version, little-endian, then the message id.
        length, version, message = le32(data, lo), le32(data, lo + 4), le32(data, lo + 8)
        if 4 <= length < 2048 and version <= 22 and message < 0x0400:
            seen = min(int64(state["frames"]) + 1, 255)
            state["frames"] = seen
            return SKINNY if seen >= 2 else 0
    return 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == SIP_KIND:
        return MESSAGE
    return _datagram(data, pkt, msg, state) if kind == OTHER else _stream(data, pkt, msg, state)
