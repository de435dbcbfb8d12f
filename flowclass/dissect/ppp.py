"""Kernel module: PPP, Cisco HDLC and PPPoE.

Called by ``link``; results are what ``flowclass.dissect.link.open_link`` and ``open_layer`` return.

PPP (RFC 1661 §2, RFC 1662 §3.1)       Cisco HDLC                        PPPoE session (RFC 2516 §4)

    [FF 03] | protocol 1-2 | ...       0F or 8F | 00 | type 2 | ...      11 | 00 | session 2 | length 2 | PPP
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.ethertype import CUT, IPV4, IPV6, MPLS, NEXT_PPP, NO_KIND, NOT_IP, SMALLEST_ETHERTYPE
from flowclass.dissect.load import be16, u8
from flowclass.jit import kernel
from flowclass.record.packet import TunnelKind

PPPOE_HEADER = 6
PPP_ADDRESS_CONTROL = 0xFF03
PPP_IPV4 = 0x0021
PPP_IPV6 = 0x0057
PPP_MPLS = 0x0281
PPP_MPLS_MULTICAST = 0x0283
CISCO_UNICAST = 0x0F
CISCO_BROADCAST = 0x8F
CISCO_HDLC_HEADER = 4

_PPPOE = int(TunnelKind.PPPOE)


@kernel
def open_serial(data: Any, lo: int, hi: int, may_be_ppp: bool) -> tuple[int, int]:
    """Tell PPP from Cisco HDLC by the address byte, no PPP protocol: captures of either come under each link type."""
    if lo >= hi:
        return CUT, lo
    address = u8(data, lo)
    if address == CISCO_UNICAST or address == CISCO_BROADCAST:
        if lo + CISCO_HDLC_HEADER > hi:
            return CUT, lo
        code = be16(data, lo + 2)
        return (code if code >= SMALLEST_ETHERTYPE else NOT_IP), lo + CISCO_HDLC_HEADER
    return (NEXT_PPP if may_be_ppp else NOT_IP), lo


@kernel
def open_ppp(data: Any, lo: int, hi: int) -> tuple[int, int, int, int]:
    """Read a PPP header: address and control may be left out, and the protocol be compressed to its odd low byte."""
    if lo + 2 <= hi and be16(data, lo) == PPP_ADDRESS_CONTROL:
        lo += 2
    if lo >= hi:
        return CUT, lo, NO_KIND, 0
    protocol = u8(data, lo)
    lo += 1
    if not protocol & 1:
        if lo >= hi:
            return CUT, lo, NO_KIND, 0
        protocol = (protocol << 8) | u8(data, lo)
        lo += 1
    code = NOT_IP
    if protocol == PPP_IPV4:
        code = IPV4
    elif protocol == PPP_IPV6:
        code = IPV6
    elif protocol == PPP_MPLS or protocol == PPP_MPLS_MULTICAST:
        code = MPLS
    return code, lo, NO_KIND, 0


@kernel
def open_pppoe(data: Any, lo: int, hi: int) -> tuple[int, int, int, int]:
    """Read a PPPoE session header."""
    if lo + PPPOE_HEADER > hi:
        return CUT, lo, NO_KIND, 0
    return NEXT_PPP, lo + PPPOE_HEADER, _PPPOE, be16(data, lo + 2)
