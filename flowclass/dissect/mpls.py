"""Kernel module: the MPLS label stack and what lies under it.

Called by ``link``, one label at a time.

MPLS label stack entry (RFC 3032 §2.1)      Pseudowire control word (RFC 4385 §3)

    +----------------------+---+-+-------+      +----+-----+--+------+----------------+
    |  label, 20 bits      |TC |S| TTL 8 |      |0000|flags|FR|length|sequence number |
    +----------------------+---+-+-------+      +----+-----+--+------+----------------+

Nothing says what follows the last label. IP shows its version in the first nibble (RFC 4928 §3); Ethernet follows
with or without a control word, which the EtherType behind the two MAC addresses tells.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.ethertype import (
    ARP,
    CUT,
    IPV4,
    IPV6,
    MPLS,
    NEXT_IP,
    NEXT_PSEUDOWIRE,
    NO_KIND,
    NOT_IP,
    PPPOE_SESSION,
    VLAN,
    VLAN_SERVICE,
)
from flowclass.dissect.load import be16, be32, u8
from flowclass.jit import kernel
from flowclass.record.packet import TunnelKind

LABEL_BYTES = 4
BOTTOM_OF_STACK = 0x100
CONTROL_WORD = 4
#: The EtherType behind two MAC addresses.
TYPE_AT = 12

_MPLS = int(TunnelKind.MPLS)


@kernel
def _is_ethernet(data: Any, lo: int, hi: int) -> bool:
    """Whether the bytes at ``lo`` look like an Ethernet header: a well-known type in its place."""
    if lo + TYPE_AT + 2 > hi:
        return False
    code = be16(data, lo + TYPE_AT)
    return (
        code == IPV4
        or code == IPV6
        or code == ARP
        or code == VLAN
        or code == VLAN_SERVICE
        or code == MPLS
        or code == PPPOE_SESSION
    )


@kernel
def open_mpls(data: Any, lo: int, hi: int, wire_hi: int) -> tuple[int, int, int, int]:
    """Read one label; returns as ``flowclass.dissect.link.open_layer``."""
    if lo + LABEL_BYTES >= hi:
        return CUT, lo, NO_KIND, 0
    entry = be32(data, lo)
    inner = lo + LABEL_BYTES
    if not entry & BOTTOM_OF_STACK:
        return MPLS, inner, _MPLS, entry >> 12
    version = u8(data, inner) >> 4
    if version == 6 or (version == 4 and inner + 4 <= hi and be16(data, inner + 2) <= wire_hi - inner):
        return NEXT_IP, inner, _MPLS, entry >> 12
    if version == 0 and _is_ethernet(data, inner + CONTROL_WORD, hi):
        return NEXT_PSEUDOWIRE, inner + CONTROL_WORD, _MPLS, entry >> 12
    if _is_ethernet(data, inner, hi):
        return NEXT_PSEUDOWIRE, inner, _MPLS, entry >> 12
    return NOT_IP, lo, NO_KIND, 0
