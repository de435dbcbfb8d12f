"""Kernel module: link layers: where a frame's content begins and what it is.

Called by ``packet``: ``open_link`` once a frame by its link type, ``open_layer`` for each header that is not IP.
Link types: https://www.tcpdump.org/linktypes.html.

Ethernet, with 802.2 LLC and SNAP when the type is a length (IEEE 802.3 §3.2, RFC 1042); VLAN tag (IEEE 802.1Q §9)

    +-------------+--------+------+              +--------------+------+
    | destination | source | type | ...          | PCP 4, id 12 | type | ...
    | 6           | 6      | 2    |              | bits         | 2    |
    +-------------+--------+------+--+--+--+-----+------+-------+------+
                           |length|AA|AA|03|OUI 3|type 2| ...
                           +------+--+--+--+-----+------+

Linux cooked v1, 16 bytes              v2, 20 bytes                      BSD loopback
    kind 2 | ARPHRD 2 | 10 | type 2        type 2 | 6 | ARPHRD 2 | 10        address family 4, writer's byte order
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.ethertype import (
    BRIDGED_ETHERNET,
    CUT,
    IPV4,
    IPV6,
    JUMBO_LLC,
    MPLS,
    MPLS_MULTICAST,
    NEXT_ETHERNET,
    NEXT_IP,
    NEXT_LLC,
    NEXT_PPP,
    NEXT_PSEUDOWIRE,
    NO_KIND,
    NOT_IP,
    PPPOE_SESSION,
    SMALLEST_ETHERTYPE,
    UNSUPPORTED,
    VLAN,
    VLAN_OLD_1,
    VLAN_OLD_2,
    VLAN_SERVICE,
    VNTAG,
)
from flowclass.dissect.load import be16, be24, be32, le16, le32, u8
from flowclass.dissect.mpls import open_mpls
from flowclass.dissect.ppp import open_ppp, open_pppoe, open_serial
from flowclass.dissect.wlan import open_radiotap, open_wlan
from flowclass.jit import kernel
from flowclass.record.packet import TunnelKind

# LINKTYPE_ values.
LINK_NULL = 0
LINK_ETHERNET = 1
LINK_PPP = 9
LINK_DLT_RAW = (12, 14)  # DLT_RAW of BSD and of OpenBSD, found in old files
LINK_PPP_HDLC = 50
LINK_PPP_ETHERNET = 51
LINK_RAW = 101
LINK_CISCO_HDLC = 104
LINK_WLAN = 105
LINK_LOOP = 108
LINK_LINUX_COOKED = 113
LINK_RADIOTAP = 127
LINK_PPI = 192
LINK_IPV4 = 228
LINK_IPV6 = 229
LINK_NFLOG = 239
LINK_LINUX_COOKED_2 = 276

ETHERNET_HEADER = 14
ETHERTYPE_AT = 12
VLAN_TAG = 4
LLC_HEADER = 3
SNAP_HEADER = 8
#: LLC service access points of SNAP (RFC 1042) and of IP itself (RFC 948), both with control 03 (UI).
LLC_SNAP = 0xAAAA03
LLC_IP = 0x060603
#: SNAP organisation codes behind which the type is an EtherType: RFC 1042, and the bridges' of IEEE 802.1H.
OUI_ETHERTYPE = 0x000000
OUI_BRIDGE = 0x0000F8
AF_INET = 2
#: AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
AF_INET6 = (10, 23, 24, 28, 30)
COOKED_HEADER = 16
COOKED_2_HEADER = 20
#: "Protocol" of a cooked frame that begins with 802.2 LLC (ETH_P_802_2).
COOKED_LLC = 4
#: ARPHRD_NETLINK: the protocol is a netlink family, no EtherType.
ARPHRD_NETLINK = 824
NFLOG_HEADER = 4
NFLOG_PAYLOAD = 9
PPI_HEADER = 8

_VLAN = int(TunnelKind.VLAN)
_VNTAG = int(TunnelKind.VNTAG)
_PSEUDOWIRE = int(TunnelKind.PSEUDOWIRE)


@kernel
def open_link(data: Any, linktype: int, lo: int, hi: int) -> tuple[int, int]:
    """Begin a frame.

    Parameters
    ----------
    data : uint8[:], the block
    linktype : LINKTYPE_ value
    lo, hi : captured bytes of the frame

    Returns
    -------
    what comes next (see ``ethertype``), and its position
    """
    if linktype == LINK_PPI:
        if lo + PPI_HEADER > hi:
            return CUT, lo
        linktype = le32(data, lo + 4)
        lo += max(PPI_HEADER, le16(data, lo + 2))
    if linktype == LINK_ETHERNET:
        return NEXT_ETHERNET, lo
    if linktype == LINK_RAW or linktype == LINK_DLT_RAW[0] or linktype == LINK_DLT_RAW[1]:
        return NEXT_IP, lo
    if linktype == LINK_IPV4:
        return IPV4, lo
    if linktype == LINK_IPV6:
        return IPV6, lo
    if linktype == LINK_LINUX_COOKED:
        return _open_cooked(data, lo, hi, COOKED_HEADER, 14, 2)
    if linktype == LINK_LINUX_COOKED_2:
        return _open_cooked(data, lo, hi, COOKED_2_HEADER, 0, 8)
    if linktype == LINK_NULL or linktype == LINK_LOOP:
        return _open_loopback(data, lo, hi)
    if linktype == LINK_PPP_ETHERNET:
        return PPPOE_SESSION, lo
    if linktype == LINK_PPP or linktype == LINK_PPP_HDLC or linktype == LINK_CISCO_HDLC:
        return open_serial(data, lo, hi, linktype != LINK_CISCO_HDLC)
    if linktype == LINK_WLAN:
        return open_wlan(data, lo, hi, False)
    if linktype == LINK_RADIOTAP:
        return open_radiotap(data, lo, hi)
    if linktype == LINK_NFLOG:
        return _open_nflog(data, lo, hi)
    return UNSUPPORTED, lo


@kernel
def _open_cooked(data: Any, lo: int, hi: int, header: int, type_at: int, hardware_at: int) -> tuple[int, int]:
    """Read a Linux cooked header of either version."""
    if lo + header > hi:
        return CUT, lo
    code = be16(data, lo + type_at)
    if be16(data, lo + hardware_at) == ARPHRD_NETLINK:
        return NOT_IP, lo
    if code == COOKED_LLC:
        code = NEXT_LLC
    elif code < SMALLEST_ETHERTYPE:
        code = NOT_IP
    return code, lo + header


@kernel
def _open_loopback(data: Any, lo: int, hi: int) -> tuple[int, int]:
    """Read a 4-byte address family in whichever byte order gives a small number."""
    if lo + 4 > hi:
        return CUT, lo
    family = min(be32(data, lo), le32(data, lo))
    if family == AF_INET:
        return IPV4, lo + 4
    for inet6 in AF_INET6:
        if family == inet6:
            return IPV6, lo + 4
    return NOT_IP, lo


@kernel
def _open_nflog(data: Any, lo: int, hi: int) -> tuple[int, int]:
    """Find the payload among the type-length-values of a netfilter log frame, in the writer's byte order."""
    position = lo + NFLOG_HEADER
    while position + 4 <= hi:
        length, kind = le16(data, position), le16(data, position + 2) & 0x7FFF
        if kind > 0xFF:
            length, kind = be16(data, position), be16(data, position + 2)
        if kind == NFLOG_PAYLOAD:
            return NEXT_IP, position + 4
        if length < 4:
            return NOT_IP, lo
        position += (length + 3) & ~3
    return CUT, lo


@kernel
def open_layer(data: Any, code: int, lo: int, hi: int, wire_hi: int) -> tuple[int, int, int, int]:
    """Read one header that is not IP.

    Parameters
    ----------
    data : uint8[:], the block
    code : what begins at ``lo``: an EtherType or ``NEXT_`` code, or a negative Status, handed back
    lo, hi : captured bytes
    wire_hi : end on the wire

    Returns
    -------
    what comes next, its position, TunnelKind of this header (NONE when it is no tunnel), tunnel id
    """
    if code < 0:
        return code, lo, NO_KIND, 0
    if code == VLAN or code == VLAN_SERVICE or code == VLAN_OLD_1 or code == VLAN_OLD_2:
        if lo + VLAN_TAG > hi:
            return CUT, lo, NO_KIND, 0
        return type_or_length(be16(data, lo + 2)), lo + VLAN_TAG, _VLAN, be16(data, lo) & 0xFFF
    if code == NEXT_IP:
        return _tell_ip(data, lo, hi)
    if code == NEXT_ETHERNET or code == BRIDGED_ETHERNET or code == NEXT_PSEUDOWIRE:
        if lo + ETHERNET_HEADER > hi:
            return CUT, lo, NO_KIND, 0
        kind = _PSEUDOWIRE if code == NEXT_PSEUDOWIRE else NO_KIND
        return type_or_length(be16(data, lo + ETHERTYPE_AT)), lo + ETHERNET_HEADER, kind, 0
    if code == MPLS or code == MPLS_MULTICAST:
        return open_mpls(data, lo, hi, wire_hi)
    if code == PPPOE_SESSION:
        return open_pppoe(data, lo, hi)
    if code == NEXT_PPP:
        return open_ppp(data, lo, hi)
    if code == VNTAG:
        if lo + VLAN_TAG + 2 > hi:
            return CUT, lo, NO_KIND, 0
        # Destination virtual interface: 14 bits behind direction and pointer.
        return type_or_length(be16(data, lo + 4)), lo + VLAN_TAG + 2, _VNTAG, be16(data, lo) & 0x3FFF
    if code < SMALLEST_ETHERTYPE or code == JUMBO_LLC:
        return _open_llc(data, lo, hi)
    return NOT_IP, lo, NO_KIND, 0


@kernel
def type_or_length(code: int) -> int:
    """Return what follows an Ethernet header with this type field."""
    return code if code >= SMALLEST_ETHERTYPE else NEXT_LLC


@kernel
def _tell_ip(data: Any, lo: int, hi: int) -> tuple[int, int, int, int]:
    """Tell IPv4 from IPv6 by the version nibble."""
    if lo >= hi:
        return CUT, lo, NO_KIND, 0
    version = u8(data, lo) >> 4
    if version == 4:
        return IPV4, lo, NO_KIND, 0
    if version == 6:
        return IPV6, lo, NO_KIND, 0
    return NOT_IP, lo, NO_KIND, 0


@kernel
def _open_llc(data: Any, lo: int, hi: int) -> tuple[int, int, int, int]:
    """Read 802.2 LLC, and SNAP behind it."""
    if lo + LLC_HEADER > hi:
        return CUT, lo, NO_KIND, 0
    llc = be24(data, lo)
    if llc == LLC_IP:
        return NEXT_IP, lo + LLC_HEADER, NO_KIND, 0
    if llc != LLC_SNAP:
        return NOT_IP, lo, NO_KIND, 0
    if lo + SNAP_HEADER > hi:
        return CUT, lo, NO_KIND, 0
    oui = be24(data, lo + 3)
    code = be16(data, lo + 6)
    if (oui != OUI_ETHERTYPE and oui != OUI_BRIDGE) or code < SMALLEST_ETHERTYPE:
        return NOT_IP, lo, NO_KIND, 0
    return code, lo + SNAP_HEADER, NO_KIND, 0
