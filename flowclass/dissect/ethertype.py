"""Kernel module: what comes next in a frame, as one integer; constants only.

An EtherType (0x0600 up, IANA ieee-802-numbers), one of the smaller ``NEXT_`` codes, ``NOTHING``, or, below zero, a
Status with a minus sign: the walk ends there.
"""

from __future__ import annotations

from flowclass.record.packet import TunnelKind
from flowclass.record.status import Status

NOTHING = 0
NEXT_IP = 1  #: IPv4 or IPv6, told by the first nibble
NEXT_ETHERNET = 2
NEXT_PPP = 3
NEXT_LLC = 4
NEXT_WLAN = 5
NEXT_PSEUDOWIRE = 6  #: Ethernet under MPLS

#: Smaller values of the Ethernet type field are lengths (IEEE 802.3 §3.2.6).
SMALLEST_ETHERTYPE = 0x0600
IPV4 = 0x0800
IPV6 = 0x86DD
ARP = 0x0806
VLAN = 0x8100
VLAN_SERVICE = 0x88A8
VLAN_OLD_1 = 0x9100
VLAN_OLD_2 = 0x9200
VNTAG = 0x8926
MPLS = 0x8847
MPLS_MULTICAST = 0x8848
PPPOE_SESSION = 0x8864
JUMBO_LLC = 0x8870
BRIDGED_ETHERNET = 0x6558

NO_KIND = int(TunnelKind.NONE)
NOT_IP = -int(Status.NOT_IP)
CUT = -int(Status.LINK_TRUNCATED)
UNSUPPORTED = -int(Status.LINK_UNSUPPORTED)
TOO_DEEP = -int(Status.NESTING_TOO_DEEP)
