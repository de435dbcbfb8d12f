"""Kernel module: tunnels inside IP: IP in IP, GRE and what rides on it, and those over UDP.

Called by ``packet`` behind an IP or a UDP header. A port is only a hint: a header that does not fit ends the walk with
a negative Status, and the packet is metered as it stands.

GRE (RFC 2784 §2, RFC 2890 §2; version 1 is PPTP, RFC 2637 §4.1)     ERSPAN II, III (draft-foschiano-erspan-03 §4)

    +-+-+-+-+--------+---+------------------+     +----+-------+-------------------+
    |C| |K|S| ...    |ver|   protocol type  |     |ver |vlan 12| cos,en,t|session10|  II: 8 bytes in all
    +-+-+-+-+--------+---+------------------+     +----+-------+-------------------+
    | [checksum 4] [key 4] [sequence 4]     |     | ... III: 12, and 8 more with the O bit
    +---------------------------------------+

GTP-U (3GPP TS 29.281 §5.1)               VXLAN (RFC 7348 §5)         Geneve (RFC 8926 §3.4)

    +---+--+-+-+-+--+------+---------+      +--------+-----------+      +---+------+--------+----------+
    |ver|PT| |E|S|PN| type |length 2 |      |....I...| reserved  |      |ver|optlen|O C ... | protocol |
    +---+--+-+-+-+--+------+---------+      +--------+-----+-----+      +---+------+--------+----+-----+
    |      tunnel endpoint id        |      |   VNI 24     | res |      |        VNI 24          | res |
    +--------------------------------+      +--------------+-----+      +------------------------+-----+
    | [sequence 2 | N-PDU | next ext]|                                  | options, optlen words        |
    +--------------------------------+

L2TP (RFC 2661 §3.1): T L . . S . O P . . . . version 4 | [length 2] | tunnel 2 | session 2 | [Ns Nr 4] | [offset 2]
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.ethertype import (
    CUT,
    IPV4,
    IPV6,
    MPLS,
    NEXT_ETHERNET,
    NEXT_IP,
    NEXT_PPP,
    NO_KIND,
    NOT_IP,
    NOTHING,
    SMALLEST_ETHERTYPE,
)
from flowclass.dissect.load import be16, be24, be32, u8
from flowclass.dissect.transport import UDP
from flowclass.jit import fused, kernel
from flowclass.record.packet import TunnelKind

# IP protocol numbers.
IP_IN_IP = 4
IPV6_IN_IP = 41
GRE = 47
MPLS_IN_IP = 137
# UDP ports. 8472 is Linux's VXLAN port from before RFC 7348.
PORT_L2TP = 1701
PORT_GTPU = 2152
PORT_VXLAN = 4789
PORT_VXLAN_GPE = 4790
PORT_GENEVE = 6081
PORT_VXLAN_LINUX = 8472

GRE_HEADER = 4
GRE_CHECKSUM = 0x8000
GRE_ROUTING = 0x4000
GRE_KEY = 0x2000
GRE_SEQUENCE = 0x1000
GRE_ACKNOWLEDGE = 0x0080
GRE_VERSION = 0x0007
GRE_ERSPAN = 0x88BE  #: types I and II
GRE_ERSPAN_3 = 0x22EB
GRE_PPP = 0x880B
GRE_WCCP = 0x883E  #: redirected IP, behind 4 more bytes in WCCP version 2
ERSPAN_2_HEADER = 8
ERSPAN_3_HEADER = 12
ERSPAN_3_SUBHEADER = 8
ERSPAN_SESSION = 0x3FF
ERSPAN_FRAME_TYPE = 0x7C00  #: 0 Ethernet, 2 IP
ERSPAN_IP = 0x0800

GTPU_HEADER = 8
GTPU_OPTIONAL = 4
GTPU_VERSION_1 = 0x30  #: version 1 and protocol type GTP, in the mask 0xF0
GTPU_OPTIONS = 0x07  #: E, S or PN
GTPU_EXTENSION = 0x04
GTPU_DATA = 0xFF
#: Extension headers walked in one GTP-U header; two are usual.
MAX_GTPU_EXTENSIONS = 8

VXLAN_HEADER = 8
VXLAN_VNI_VALID = 0x08
VXLAN_NEXT_PROTOCOL = 0x04  #: VXLAN-GPE: byte 3 says what follows (draft-ietf-nvo3-vxlan-gpe §3.1)
VXLAN_GPE_IPV4 = 1
VXLAN_GPE_IPV6 = 2
VXLAN_GPE_ETHERNET = 3
GENEVE_HEADER = 8

L2TP_CONTROL = 0x8000
L2TP_LENGTH = 0x4000
L2TP_SEQUENCE = 0x0800
L2TP_OFFSET = 0x0200
L2TP_VERSION = 0x000F

_IPIP = int(TunnelKind.IPIP)
_IP6IN4 = int(TunnelKind.IP6IN4)
_IP4IN6 = int(TunnelKind.IP4IN6)
_IP6IN6 = int(TunnelKind.IP6IN6)
_GRE = int(TunnelKind.GRE)
_PPTP = int(TunnelKind.PPTP)
_ERSPAN = int(TunnelKind.ERSPAN)
_VXLAN = int(TunnelKind.VXLAN)
_GENEVE = int(TunnelKind.GENEVE)
_GTPU = int(TunnelKind.GTPU)
_L2TP = int(TunnelKind.L2TP)


@fused
def open_tunnel(
    data: Any, lo: int, hi: int, wire_hi: int, version: int, proto: int, sport: int, dport: int
) -> tuple[int, int, int, int]:
    """Read the tunnel header that may begin at ``lo``, behind an IP header or an IP and a UDP header.

    Parameters
    ----------
    data : uint8[:], the block
    lo, hi : captured bytes of the payload
    wire_hi : its end on the wire
    version : 4 or 6, of the IP header around it
    proto : its protocol number
    sport, dport : UDP ports

    Returns
    -------
    what comes next (NOTHING when this is no tunnel), its position, TunnelKind, tunnel id
    """
    if proto == UDP:
        return open_udp_tunnel(data, lo, hi, wire_hi, sport, dport)
    return open_ip_tunnel(data, lo, hi, version, proto)


@kernel
def open_ip_tunnel(data: Any, lo: int, hi: int, version: int, proto: int) -> tuple[int, int, int, int]:
    """Read the tunnel header behind an IP header; see ``open_tunnel``."""
    if proto == IP_IN_IP:
        return IPV4, lo, _IPIP if version == 4 else _IP4IN6, 0
    if proto == IPV6_IN_IP:
        return IPV6, lo, _IP6IN4 if version == 4 else _IP6IN6, 0
    if proto == GRE:
        return _open_gre(data, lo, hi)
    if proto == MPLS_IN_IP:
        return MPLS, lo, NO_KIND, 0
    return NOTHING, lo, NO_KIND, 0


@kernel
def is_tunnel_port(sport: int, dport: int) -> bool:
    """Whether ``open_udp_tunnel`` looks into packets with these ports."""
    return (
        dport == PORT_GTPU
        or sport == PORT_GTPU
        or dport == PORT_VXLAN
        or dport == PORT_VXLAN_GPE
        or dport == PORT_VXLAN_LINUX
        or dport == PORT_GENEVE
        or dport == PORT_L2TP
        or sport == PORT_L2TP
    )


@fused
def open_udp_tunnel(data: Any, lo: int, hi: int, wire_hi: int, sport: int, dport: int) -> tuple[int, int, int, int]:
    """Read the tunnel header at the start of a UDP payload; see ``open_tunnel``.

    Notes
    -----
    VXLAN and Geneve senders choose their source port freely, so only the destination counts; GTP-U and L2TP are seen
    with the well-known port on one side or the other.
    """
    if dport == PORT_GTPU or sport == PORT_GTPU:
        return _open_gtpu(data, lo, hi, wire_hi)
    if dport == PORT_VXLAN or dport == PORT_VXLAN_LINUX or dport == PORT_VXLAN_GPE:
        return _open_vxlan(data, lo, hi)
    if dport == PORT_GENEVE:
        return _open_geneve(data, lo, hi)
    if dport == PORT_L2TP or sport == PORT_L2TP:
        return _open_l2tp(data, lo, hi)
    return NOTHING, lo, NO_KIND, 0


@kernel
def _open_gre(data: Any, lo: int, hi: int) -> tuple[int, int, int, int]:
    """Read a GRE header, and that of ERSPAN or PPTP."""
    if lo + GRE_HEADER > hi:
        return CUT, lo, NO_KIND, 0
    flags, code = be16(data, lo), be16(data, lo + 2)
    key_at = lo + GRE_HEADER + (4 if flags & GRE_CHECKSUM else 0)
    inner = key_at + (4 if flags & GRE_KEY else 0) + (4 if flags & GRE_SEQUENCE else 0)
    if flags & GRE_VERSION == 1:
        inner += 4 if flags & GRE_ACKNOWLEDGE else 0
        if code != GRE_PPP or not flags & GRE_KEY or not flags & GRE_SEQUENCE:
            return NOT_IP, lo, NO_KIND, 0  # an acknowledgement carries no sequence number and no payload
        return (NEXT_PPP if inner <= hi else CUT), inner, _PPTP, be16(data, key_at + 2) if inner <= hi else 0
    if flags & GRE_VERSION or flags & GRE_ROUTING:
        return NOT_IP, lo, NO_KIND, 0
    if inner >= hi:
        return CUT, lo, NO_KIND, 0
    if code == GRE_ERSPAN or code == GRE_ERSPAN_3:
        return _open_erspan(data, inner, hi, code, flags)
    number = be32(data, key_at) if flags & GRE_KEY else 0
    if code == GRE_PPP:
        return NEXT_PPP, inner, _GRE, number
    if code == GRE_WCCP:
        return NEXT_IP, inner if u8(data, inner) >> 4 == 4 else inner + 4, _GRE, number
    return (code if code >= SMALLEST_ETHERTYPE else NOT_IP), inner, _GRE, number


@kernel
def _open_erspan(data: Any, lo: int, hi: int, code: int, flags: int) -> tuple[int, int, int, int]:
    """Read an ERSPAN header; type I has none, and no GRE sequence number either."""
    if code == GRE_ERSPAN and not flags & GRE_SEQUENCE:
        return NEXT_ETHERNET, lo, _ERSPAN, 0
    header = ERSPAN_2_HEADER if code == GRE_ERSPAN else ERSPAN_3_HEADER
    if lo + header > hi:
        return CUT, lo, NO_KIND, 0
    session = be16(data, lo + 2) & ERSPAN_SESSION
    following = NEXT_ETHERNET
    if code == GRE_ERSPAN_3:
        bits = be16(data, lo + 10)
        if bits & 1:
            header += ERSPAN_3_SUBHEADER
        if bits & ERSPAN_FRAME_TYPE == ERSPAN_IP:
            following = NEXT_IP
    return following, lo + header, _ERSPAN, session


@kernel
def _open_gtpu(data: Any, lo: int, hi: int, wire_hi: int) -> tuple[int, int, int, int]:
    """Read a GTP-U header with its extension headers; only user data (type 255) carries a packet."""
    if lo + GTPU_HEADER > hi:
        return CUT, lo, NO_KIND, 0
    flags = u8(data, lo)
    if flags & 0xF0 != GTPU_VERSION_1 or u8(data, lo + 1) != GTPU_DATA:
        return NOT_IP, lo, NO_KIND, 0
    inner = lo + GTPU_HEADER
    if inner + be16(data, lo + 2) > wire_hi:
        return NOT_IP, lo, NO_KIND, 0
    if flags & GTPU_OPTIONS:
        inner += GTPU_OPTIONAL
        if inner > hi:
            return CUT, lo, NO_KIND, 0
        following = u8(data, inner - 1) if flags & GTPU_EXTENSION else 0
        for _ in range(MAX_GTPU_EXTENSIONS):
            if following == 0:
                break
            if inner >= hi:
                return CUT, lo, NO_KIND, 0
            length = u8(data, inner) * 4
            if length == 0:
                return NOT_IP, lo, NO_KIND, 0
            inner += length
            if inner > hi:
                return CUT, lo, NO_KIND, 0
            following = u8(data, inner - 1)
        if following != 0:
            return NOT_IP, lo, NO_KIND, 0
    return NEXT_IP, inner, _GTPU, be32(data, lo + 4)


@kernel
def _open_vxlan(data: Any, lo: int, hi: int) -> tuple[int, int, int, int]:
    """Read a VXLAN header; Ethernet follows unless the generic extension says otherwise."""
    if lo + VXLAN_HEADER > hi:
        return CUT, lo, NO_KIND, 0
    flags, following = u8(data, lo), NEXT_ETHERNET
    if not flags & VXLAN_VNI_VALID:
        return NOT_IP, lo, NO_KIND, 0
    if flags & VXLAN_NEXT_PROTOCOL:
        protocol = u8(data, lo + 3)
        if protocol == VXLAN_GPE_IPV4:
            following = IPV4
        elif protocol == VXLAN_GPE_IPV6:
            following = IPV6
        elif protocol != VXLAN_GPE_ETHERNET:
            return NOT_IP, lo, NO_KIND, 0
    return following, lo + VXLAN_HEADER, _VXLAN, be24(data, lo + 4)


@kernel
def _open_geneve(data: Any, lo: int, hi: int) -> tuple[int, int, int, int]:
    """Read a Geneve header and skip its options."""
    if lo + GENEVE_HEADER > hi:
        return CUT, lo, NO_KIND, 0
    first, code = u8(data, lo), be16(data, lo + 2)
    if first >> 6 != 0 or code < SMALLEST_ETHERTYPE:
        return NOT_IP, lo, NO_KIND, 0
    return code, lo + GENEVE_HEADER + (first & 0x3F) * 4, _GENEVE, be24(data, lo + 4)


@kernel
def _open_l2tp(data: Any, lo: int, hi: int) -> tuple[int, int, int, int]:
    """Read the header of an L2TPv2 data message."""
    if lo + 2 > hi:
        return CUT, lo, NO_KIND, 0
    flags = be16(data, lo)
    if flags & L2TP_CONTROL or flags & L2TP_VERSION != 2:
        return NOT_IP, lo, NO_KIND, 0
    ids_at = lo + 2 + (2 if flags & L2TP_LENGTH else 0)
    inner = ids_at + 4 + (4 if flags & L2TP_SEQUENCE else 0)
    if flags & L2TP_OFFSET:
        if inner + 2 > hi:
            return CUT, lo, NO_KIND, 0
        inner += 2 + be16(data, inner)
    if inner > hi:
        return CUT, lo, NO_KIND, 0
    return NEXT_PPP, inner, _L2TP, be32(data, ids_at)
