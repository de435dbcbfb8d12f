"""Kernel module: what is surely no call whatever it is, in datagrams (FACTS §2.2); `services` names the protocols."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.apps.ports import service_port
from flowclass.apps.services import SERVICE
from flowclass.dissect.load import u8
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.OTHER,
    "traffic of no application that calls",
    # Games and desktops played from afar over WebRTC: by form they are calls.
    names=("nvidiagrid.net", "geforcenow.com", "parsec.app", "shadow.tech", "boosteroid.com"),
)
LISTENS = (
    MessageKind.OTHER,
    MessageKind.DNS,
    MessageKind.HTTP,
    MessageKind.QUIC,
    MessageKind.STUN_CLASSIC,
    MessageKind.IP_OTHER,
    MessageKind.RTP,
)

REASONS = (
    Reason(
        "multicast",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "sent to a multicast group or to everybody: no call of an application here is",
        "RFC 5771; RFC 4291 §2.7; RFC 919",
    ),
    Reason(
        "no-transport",
        Strength.CERTAIN,
        Kind.NOT_VOIP,
        "an IP protocol that carries no call: ICMP, IGMP, routing and the like",
        "IANA protocol numbers",
    ),
    Reason(
        "dns",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "DNS, mDNS or LLMNR message",
        "RFC 1035; RFC 6762; RFC 4795",
        false_alarms=2,
    ),
    Reason(
        "ssdp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "HTTP over UDP: SSDP and its answers",
        "UPnP Device Architecture 1.1 §1",
    ),
    Reason(
        "quic",
        Strength.WEAK,
        Kind.NOT_VOIP,
        "QUIC long header: web traffic, though a few applications call beside it",
        "RFC 9000 §17.2",
        false_alarms=1,
    ),
    Reason(
        "quic-only",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "two QUIC long headers, and nothing like a call on the flow so far",
        "RFC 9000 §17.2; FACTS §1.15",
        false_alarms=1,
    ),
    Reason(
        "plain-text",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "a datagram of printable text: JSON, XML, syslog and the like",
        "form; captures Dropbox, WS-Discovery, syslog",
        false_alarms=2,
    ),
    Reason(
        "game-stun",
        Strength.CERTAIN,
        Kind.NOT_VOIP,
        "STUN of 2003 with a console's private attributes, answered with Microsoft's old address attribute",
        "capture psvita; RFC 3489 §11",
    ),
    Reason(
        "service-port",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "a well-known service port that no application here calls on, and nothing like a call in the packet",
        "IANA service names",
    ),
)
(
    MULTICAST,
    NO_TRANSPORT,
    DNS,
    SSDP,
    QUIC,
    QUIC_ONLY,
    PLAIN_TEXT,
    GAME_STUN,
    SERVICE_PORT,
) = bits(REASONS)
STATE = (Field("quic", "u1", "QUIC long headers, saturating"),)

OTHER, DNS_KIND, HTTP, QUIC_KIND = (
    int(MessageKind.OTHER),
    int(MessageKind.DNS),
    int(MessageKind.HTTP),
    int(MessageKind.QUIC),
)
STUN_CLASSIC, IP_OTHER = int(MessageKind.STUN_CLASSIC), int(MessageKind.IP_OTHER)
UDP = 17
#: What a PS Vita's STUN server answers with.
GAME_BITS = mask(StunAttribute.SOURCE_ADDRESS, StunAttribute.CHANGED_ADDRESS, StunAttribute.MS_XOR_MAPPED)


@kernel
def _is_group(pkt: Any) -> bool:
    """Whether the packet goes to a multicast group or to 255.255.255.255."""
    high, low = np.uint64(pkt["dst_hi"]), np.uint64(pkt["dst_lo"])
    if pkt["version"] == 6:
        return bool(high >> np.uint64(56) == np.uint64(0xFF))
    address = low & np.uint64(0xFFFFFFFF)
    return bool(address >> np.uint64(28) == np.uint64(0xE) or address == np.uint64(0xFFFFFFFF))


@kernel
def _is_plain_text(data: Any, lo: int, hi: int) -> bool:
    """Whether the first 16 bytes or all, but no fewer than 8, are printable ASCII or white space."""
    if hi - lo < 8:
        return False
    for at in range(lo, min(hi, lo + 16)):
        byte = u8(data, at)
        if byte > 0x7E or (byte < 0x20 and byte != 9 and byte != 10 and byte != 13):
            return False
    return True


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == IP_OTHER:
        # Tunnels (GRE, ESP, AH, L2TP, IP in IP) have their own module, or none of its business here.
        proto = int64(pkt["proto"])
        is_tunnel = proto == 4 or proto == 41 or proto == 47 or proto == 50 or proto == 51 or proto == 115
        return 0 if is_tunnel else NO_TRANSPORT
    found = MULTICAST if _is_group(pkt) else 0
    lo, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    if kind == DNS_KIND:
        found |= DNS
    elif kind == HTTP:
        if pkt["proto"] == UDP:
            found |= SSDP
    elif kind == QUIC_KIND:
        seen = min(int64(state["quic"]) + 1, 255)
        state["quic"] = seen
        found |= QUIC
        if seen >= 2:
            found |= QUIC_ONLY
    elif kind == STUN_CLASSIC:
        if int64(msg["stun_attributes"]) & GAME_BITS == GAME_BITS:
            found |= GAME_STUN
    elif kind == OTHER:
        if _is_plain_text(data, lo, hi):
            found |= PLAIN_TEXT
        if service_port(pkt, SERVICE):
            found |= SERVICE_PORT
    return found
