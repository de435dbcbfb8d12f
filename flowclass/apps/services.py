"""Kernel module: network services over UDP that are surely no call, each by its form, the port only beside it."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits
from flowclass.apps.ports import port_set, service_port
from flowclass.dissect.load import be16, be32, le16, u8
from flowclass.jit import int64, kernel
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.OTHER,
    "network services, games and devices of no application that calls",
    names=(),
)
LISTENS = (MessageKind.OTHER,)

REASONS = (
    Reason(
        "snmp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "SNMP message: a sequence of a version, and a community or header",
        "RFC 1157; RFC 3412",
    ),
    Reason(
        "ntp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "NTP packet on UDP 123",
        "RFC 5905 §7.3",
    ),
    Reason(
        "dhcp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "DHCP or BOOTP message, or DHCPv6 on its ports",
        "RFC 2131 §2; RFC 8415",
    ),
    Reason(
        "netbios",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "NetBIOS name or datagram service",
        "RFC 1002 §4",
    ),
    Reason(
        "slp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "service location message on UDP 427",
        "RFC 2608 §8",
    ),
    Reason(
        "kerberos",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "Kerberos message on UDP 88",
        "RFC 4120 §5.4",
    ),
    Reason(
        "radius",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "RADIUS packet with a fitting length on its ports",
        "RFC 2865 §3",
    ),
    Reason(
        "bittorrent",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "BitTorrent distributed hash table message",
        "BEP 5",
    ),
    Reason(
        "rpc",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "ONC RPC call or reply",
        "RFC 5531 §9",
    ),
    Reason(
        "tftp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "TFTP request on UDP 69",
        "RFC 1350 §5",
    ),
    Reason(
        "gtp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "GTP-U, GTP-C or PFCP message with a fitting length on its port",
        "3GPP 29.281, 29.274, 29.244",
    ),
    Reason(
        "overlay-network",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "VXLAN, Geneve, Teredo or LISP on its port",
        "RFC 7348; RFC 8926; RFC 4380; RFC 9300",
    ),
    Reason(
        "flow-export",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "NetFlow, IPFIX or sFlow on its ports",
        "RFC 3954; RFC 7011; sFlow 5",
    ),
    Reason(
        "game-query",
        Strength.STRONG,
        Kind.NOT_VOIP,
        'game server query: FF FF FF FF, RakNet, or Steam "VS01"',
        "Valve server queries; RakNet",
    ),
    Reason(
        "camera",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "peer-to-peer camera protocol: F1, a type and a fitting length",
        "capture iot-NKU",
    ),
    Reason(
        "industrial",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "BACnet/IP, EtherNet/IP, KNXnet/IP or Profinet with fitting lengths",
        "ASHRAE 135 annex J; ODVA; ISO 22510",
    ),
    Reason(
        "router-protocol",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "HSRP, BFD, LDP, RIP or PTP on its port",
        "RFC 2281; RFC 5880; RFC 5036; RFC 2453; IEEE 1588",
    ),
    Reason(
        "rmcp",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "IPMI over RMCP",
        "IPMI 2.0 §13.1",
    ),
    Reason(
        "tuya",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "Tuya smart-home broadcast: 00 00 55 AA",
        "capture iot",
    ),
    Reason(
        "spotify",
        Strength.STRONG,
        Kind.NOT_VOIP,
        'Spotify discovery "SpotUdp0"',
        "capture spotify",
    ),
    Reason(
        "dce-rpc",
        Strength.STRONG,
        Kind.NOT_VOIP,
        "connectionless DCE RPC request",
        "DCE 1.1 RPC §12.4",
    ),
)
(
    SNMP,
    NTP,
    DHCP,
    NETBIOS,
    SLP,
    KERBEROS,
    RADIUS,
    BITTORRENT,
    RPC,
    TFTP,
    GTP,
    OVERLAY_NETWORK,
    FLOW_EXPORT,
    GAME_QUERY,
    CAMERA,
    INDUSTRIAL,
    ROUTER_PROTOCOL,
    RMCP,
    TUYA,
    SPOTIFY,
    DCE_RPC,
) = bits(REASONS)
STATE = ()

#: UDP ports of services that no application of the catalog calls on: those below 1024 but 80, 443, 500 (IKE), 0 and
#: Telegram's 501-600, and named ones above.
SERVICE = port_set(
    {*range(1, 1024)} - {80, 443, 500, *range(501, 600)} | {520, 546, 547},
    {1433, 1434, 1645, 1646, 1812, 1813, 1900, 1985, 2049, 2055, 2123, 2152, 2222, 3386, 3389, 3544, 3702, 3784, 3785},
    {3799, 4341, 4342, 4739, 4789, 5093, 5351, 5683, 6081, 6343, 7400, 8600, 8612, 8805, 9995, 9996, 11211, 12177},
    {15600, 17500, 20560, 27015, 27016, 27017, 27018, 27019, 27036, 30490, 32100, 34964, 44818, 47808},
)


@kernel
def _snmp(data: Any, lo: int, hi: int) -> bool:
    """Whether BER bytes start like SNMP: sequence, integer version 0, 1 or 3, then a string or sequence."""
    if hi - lo < 10 or u8(data, lo) != 0x30:
        return False
    length = u8(data, lo + 1)
    at = lo + 2 + (length & 0x7F if length & 0x80 else 0)
    if (length & 0x80 and length & 0x7F > 4) or at + 4 > hi:
        return False
    version = u8(data, at + 2)
    return (
        be16(data, at) == 0x0201
        and (version <= 1 or version == 3)
        and (u8(data, at + 3) == 0x04 or u8(data, at + 3) == 0x30)
    )


@kernel
def _radius(data: Any, lo: int, hi: int) -> bool:
    """Whether attributes fill the packet from byte 20: type, length at least 2."""
    at = lo + 20
    for _ in range(4):
        if at + 2 > hi:
            break
        if u8(data, at) == 0 or u8(data, at + 1) < 2:
            return False
        at += u8(data, at + 1)
    return at > lo + 20


@kernel
def _raknet(data: Any, lo: int, hi: int, first: int) -> bool:
    """Whether RakNet's magic stands where its offline messages have it."""
    if first > 0x1C or hi - lo < 17:
        return False
    at = lo + 1
    while at + 8 <= hi and at <= lo + 17:
        if be32(data, at) == 0x00FFFF00 and be32(data, at + 4) == 0xFEFEFEFE:
            return True
        at += 8
    return False


@kernel
def _services(data: Any, pkt: Any, msg: Any, lo: int, hi: int) -> int:  # noqa: C901
    """Name a datagram by form and, where the form alone is thin, port; return its bit or 0."""
    word0, word1 = int64(msg["word0"]), int64(msg["word1"])
    size = int64(pkt["payload_bytes"])
    captured = hi - lo
    first = word0 >> 24
    port = service_port(pkt, SERVICE)
    if port == 123 and first & 0x38 and size >= 12 and 1 <= first & 7 <= 7:
        return NTP
    if captured >= 240 and first in (1, 2) and be32(data, lo + 236) == 0x63825363:
        return DHCP
    if (port == 67 or port == 68) and first in (1, 2) and size >= 44:
        return DHCP
    if (port == 546 or port == 547) and 1 <= first <= 13:
        return DHCP
    if port == 137 or (port == 138 and 0x10 <= first <= 0x16):
        return NETBIOS
    if port == 427 and 1 <= first <= 2:
        return SLP
    if port == 88 and first & 0xE0 == 0x60 and captured >= 8:
        return KERBEROS
    if word0 & 0xFFFF == size and 1 <= first <= 45 and size >= 20:
        if 1812 <= port <= 1813 or 1645 <= port <= 1646 or port == 3799:
            return RADIUS
        if captured >= 20 and (first <= 5 or first == 11) and _radius(data, lo, hi):
            return RADIUS
    # "d1:" or "d2:" begin a dictionary whose first key has one or two letters.
    if word0 >> 8 == 0x64313A or word0 >> 8 == 0x64323A:
        return BITTORRENT
    if captured >= 24 and word1 <= 1 and be32(data, lo + 8) <= 2:
        # Call: RPC version 2 after the message type; reply: accepted or denied.
        if word1 == 0 and be32(data, lo + 8) == 2 and be32(data, lo + 12) >= 100000:
            return RPC
        if word1 == 1 and be32(data, lo + 8) <= 1 and (port == 111 or port == 2049):
            return RPC
    if port == 69 and 1 <= word0 >> 16 <= 6:
        return TFTP
    if port == 2152 and first >> 5 == 1 and (word0 & 0xFFFF) + 8 <= size:
        return GTP
    if (port == 2123 or port == 8805 or port == 3386) and (word0 & 0xFFFF) + 4 <= size:
        return GTP
    if (port == 4789 and first == 8) or (port == 6081 and first < 0x40):
        return OVERLAY_NETWORK
    if port == 3544 or port == 4341 or port == 4342:
        return OVERLAY_NETWORK
    if word0 >> 16 <= 10 and (port == 2055 or port == 9995 or port == 9996 or port == 4739):
        return FLOW_EXPORT
    if word0 == 5 and port == 6343:
        return FLOW_EXPORT
    if (word0 == 0xFFFFFFFF and size >= 5) or word0 == 0x56533031:
        return GAME_QUERY
    if _raknet(data, lo, hi, first):
        return GAME_QUERY
    if first == 0xF1 and (word0 & 0xFFFF) + 4 == size and size < 1500:
        return CAMERA
    if first == 0x81 and (word0 >> 16) & 0xFF <= 0x0C and word0 & 0xFFFF == size:
        return INDUSTRIAL
    if word0 >> 16 == 0x0610 and word1 >> 16 == size:
        return INDUSTRIAL
    if (port == 44818 or port == 2222 or port == 34964) and captured >= 4:
        return INDUSTRIAL
    if port == 1985 or port == 3784 or port == 3785 or port == 646 or port == 520 or port == 319 or port == 320:
        return ROUTER_PROTOCOL
    if word0 & 0xFF00FFFF == 0x0600FF07 or word0 & 0xFF00FFFF == 0x0600FF06:
        return RMCP
    if word0 == 0x000055AA:
        return TUYA
    if word0 == 0x53706F74 and word1 == 0x55647030:
        return SPOTIFY
    # Version 4, request .. cancel, and a length that fits.
    if captured >= 80 and first == 4 and (word0 >> 16) & 0xFF <= 10 and le16(data, lo + 74) + 80 == size:
        return DCE_RPC
    return 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    lo, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    return SNMP if _snmp(data, lo, hi) else _services(data, pkt, msg, lo, hi)
