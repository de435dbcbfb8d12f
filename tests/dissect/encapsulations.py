"""One frame of each encapsulation, crafted by scapy, with what its innermost packet must look like.

``ENCAPSULATIONS`` maps a name to (link type, frame, tunnel path). The innermost packet is always UDP
10.1.0.1:40000 → 10.2.0.2:50000 (or 2001:db8::1 → 2001:db8::2) with the payload ``CONTENT``.
"""

from __future__ import annotations

import struct
from typing import Any

from scapy.compat import raw
from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.contrib.gtp import GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.mpls import MPLS, EoMCW
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.layers.l2 import GRE, GRE_PPTP, LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.vxlan import VXLAN

from flowclass.record.packet import TunnelKind

CONTENT = b"twenty bytes of text"
SPORT, DPORT = 40000, 50000
_MAC = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}

Layer = tuple[TunnelKind, int]


def ether(**fields: Any) -> Any:
    """Return an Ethernet header with locally administered addresses."""
    return Ether(**_MAC, **fields)


def udp4() -> Any:
    """Return the innermost packet, IPv4."""
    return IP(src="10.1.0.1", dst="10.2.0.2", id=7) / UDP(sport=SPORT, dport=DPORT) / CONTENT


def udp6() -> Any:
    """Return the innermost packet, IPv6."""
    return IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=SPORT, dport=DPORT) / CONTENT


def outer() -> Any:
    """Return an IPv4 header for a tunnel."""
    return IP(src="192.0.2.1", dst="192.0.2.2")


def outer6() -> Any:
    """Return an IPv6 header for a tunnel."""
    return IPv6(src="2001:db8:f::1", dst="2001:db8:f::2")


def _wlan(control: int, flags: int, extra: bytes = b"") -> bytes:
    return bytes([control, flags, 0, 0]) + b"\2" * 18 + b"\0\0" + extra


_SNAP = b"\xaa\xaa\x03\0\0\0\x08\0"
_INNER = ether() / udp4()
_GTP = outer() / UDP(sport=2152, dport=2152)
_L2TP = outer() / UDP(sport=1701, dport=1701)


def _frame(packet: Any) -> bytes:
    return bytes(raw(packet))


def _both(tunnel: TunnelKind, number: int = 0) -> list[Layer]:
    return [(tunnel, number)]


K = TunnelKind
ENCAPSULATIONS: dict[str, tuple[int, bytes, list[Layer]]] = {
    "ethernet": (1, _frame(ether() / udp4()), []),
    "ethernet-padded": (1, _frame(ether() / udp4()) + bytes(24), []),
    "ethernet-ipv6": (1, _frame(ether() / udp6()), []),
    "ip-options": (1, _frame(ether() / IP(src="10.1.0.1", dst="10.2.0.2", options=b"\1" * 8) / udp4().payload), []),
    "llc-snap": (1, _frame(Dot3(**_MAC) / LLC() / SNAP() / udp4()), []),
    "ipv6-extensions": (
        1,
        _frame(
            ether()
            / IPv6(src="2001:db8::1", dst="2001:db8::2")
            / IPv6ExtHdrHopByHop()
            / IPv6ExtHdrRouting()
            / IPv6ExtHdrDestOpt()
            / udp6().payload
        ),
        [],
    ),
    "vlan": (1, _frame(ether() / Dot1Q(vlan=12) / udp4()), _both(K.VLAN, 12)),
    "vlan-snap": (
        1,
        _frame(ether() / Dot1Q(vlan=12, type=len(udp4()) + 8)) + _SNAP + _frame(udp4()),
        _both(K.VLAN, 12),
    ),
    "qinq": (1, _frame(ether() / Dot1AD(vlan=100) / Dot1Q(vlan=4094) / udp6()), [(K.VLAN, 100), (K.VLAN, 4094)]),
    "vntag": (1, _frame(ether(type=0x8926)) + b"\x00\x21\x00\x05\x08\x00" + _frame(udp4()), _both(K.VNTAG, 0x21)),
    "mpls": (
        1,
        _frame(ether(type=0x8847) / MPLS(label=3000, s=0) / MPLS(label=17, s=1) / udp4()),
        [(K.MPLS, 3000), (K.MPLS, 17)],
    ),
    "mpls-ipv6": (1, _frame(ether(type=0x8847) / MPLS(label=2, s=1) / udp6()), _both(K.MPLS, 2)),
    "pseudowire-control-word": (
        1,
        _frame(ether(type=0x8847) / MPLS(label=40, s=1) / EoMCW(seq=1) / _INNER),
        [(K.MPLS, 40), (K.PSEUDOWIRE, 0)],
    ),
    "pseudowire": (
        1,
        _frame(ether(type=0x8847) / MPLS(label=40, s=1)) + _frame(_INNER),
        [(K.MPLS, 40), (K.PSEUDOWIRE, 0)],
    ),
    "pppoe": (1, _frame(ether(type=0x8864) / PPPoE(sessionid=0x1234) / PPP() / udp4()), _both(K.PPPOE, 0x1234)),
    "pppoe-in-qinq": (
        1,
        _frame(ether() / Dot1AD(vlan=5) / Dot1Q(vlan=6, type=0x8864) / PPPoE(sessionid=9) / PPP() / udp6()),
        [(K.VLAN, 5), (K.VLAN, 6), (K.PPPOE, 9)],
    ),
    "gre": (1, _frame(ether() / outer() / GRE() / udp4()), _both(K.GRE)),
    "gre-all-options": (
        1,
        _frame(
            ether()
            / outer()
            / GRE(chksum_present=1, key_present=1, seqnum_present=1, key=77, sequence_number=1)
            / udp6()
        ),
        _both(K.GRE, 77),
    ),
    "gre-over-ipv6": (1, _frame(ether() / outer6() / GRE() / udp4()), _both(K.GRE)),
    "gre-bridged": (1, _frame(ether() / outer() / GRE(proto=0x6558) / _INNER), _both(K.GRE)),
    "gre-mpls": (
        1,
        _frame(ether() / outer() / GRE(proto=0x8847) / MPLS(label=5, s=1) / udp4()),
        [(K.GRE, 0), (K.MPLS, 5)],
    ),
    "pptp": (
        1,
        _frame(
            ether()
            / outer()
            / GRE_PPTP(seqnum_present=1, acknum_present=1, call_id=0x55, sequence_number=1, ack_number=2)
            / HDLC()
            / PPP()
            / udp4()
        ),
        _both(K.PPTP, 0x55),
    ),
    "erspan-1": (1, _frame(ether() / outer() / GRE(proto=0x88BE) / _INNER), _both(K.ERSPAN)),
    "erspan-2": (
        1,
        _frame(
            ether()
            / outer()
            / GRE(proto=0x88BE, seqnum_present=1, sequence_number=3)
            / ERSPAN_II(session_id=100, vlan=3)
            / _INNER
        ),
        _both(K.ERSPAN, 100),
    ),
    "erspan-3": (
        1,
        _frame(
            ether()
            / outer()
            / GRE(proto=0x22EB, seqnum_present=1, sequence_number=3)
            / ERSPAN_III(session_id=101, vlan=3)
            / _INNER
        ),
        _both(K.ERSPAN, 101),
    ),
    "vxlan": (
        1,
        _frame(ether() / outer() / UDP(sport=55555, dport=4789) / VXLAN(vni=70000) / _INNER),
        _both(K.VXLAN, 70000),
    ),
    "vxlan-linux": (1, _frame(ether() / outer() / UDP(sport=5, dport=8472) / VXLAN(vni=1) / _INNER), _both(K.VXLAN, 1)),
    "vxlan-gpe": (
        1,
        _frame(ether() / outer() / UDP(dport=4790) / (b"\x0c\0\0\1\0\0\5\0" + _frame(udp4()))),
        _both(K.VXLAN, 5),
    ),
    "vxlan-vlan": (
        1,
        _frame(ether() / outer6() / UDP(dport=4789) / VXLAN(vni=9) / ether() / Dot1Q(vlan=8) / udp6()),
        [(K.VXLAN, 9), (K.VLAN, 8)],
    ),
    "geneve": (
        1,
        _frame(ether() / outer() / UDP(sport=55555, dport=6081) / GENEVE(vni=33) / _INNER),
        _both(K.GENEVE, 33),
    ),
    "geneve-options": (
        1,
        _frame(
            ether()
            / outer()
            / UDP(sport=55555, dport=6081)
            / GENEVE(vni=34, options=[GeneveOptions(classid=1, type=2, data=b"8 bytes!")])
            / _INNER
        ),
        _both(K.GENEVE, 34),
    ),
    "gtpu": (
        1,
        _frame(ether() / _GTP / GTP_U_Header(teid=0x1A2B3C4D, gtp_type=255) / udp4()),
        _both(K.GTPU, 0x1A2B3C4D),
    ),
    "gtpu-sequence": (
        1,
        _frame(ether() / _GTP / GTP_U_Header(teid=6, gtp_type=255, S=1, seq=9) / udp6()),
        _both(K.GTPU, 6),
    ),
    "gtpu-5g": (
        1,
        _frame(ether() / _GTP / GTP_U_Header(teid=7, gtp_type=255, E=1) / GTPPDUSessionContainer(QFI=1) / udp4()),
        _both(K.GTPU, 7),
    ),
    "gtpu-pdcp": (
        1,
        _frame(
            ether()
            / _GTP
            / (
                b"\x36\xff"  # version 1, E and S
                + struct.pack("!HI", 8 + len(udp4()), 8)
                + bytes.fromhex("001200c0 01090400")
                + _frame(udp4())
            )
        ),
        _both(K.GTPU, 8),
    ),
    "ipip": (1, _frame(ether() / outer() / udp4()), _both(K.IPIP)),
    "6in4": (1, _frame(ether() / outer() / udp6()), _both(K.IP6IN4)),
    "4in6": (1, _frame(ether() / outer6() / udp4()), _both(K.IP4IN6)),
    "6in6": (1, _frame(ether() / outer6() / udp6()), _both(K.IP6IN6)),
    "l2tp": (
        1,
        _frame(ether() / _L2TP / (b"\x00\x02\x00\x07\x00\x09\xff\x03\x00\x21" + _frame(udp4()))),
        _both(K.L2TP, 7 << 16 | 9),
    ),
    "l2tp-all-options": (
        1,
        _frame(
            ether()
            / _L2TP
            / (b"\x4a\x02" + struct.pack("!H", 22 + len(udp6())) + b"\0\7\0\x0a\0\1\0\0\0\4pad!\x57" + _frame(udp6()))
        ),
        _both(K.L2TP, 7 << 16 | 10),
    ),
    "raw": (101, _frame(udp4()), []),
    "raw-ipv6": (12, _frame(udp6()), []),
    "ipv4": (228, _frame(udp4()), []),
    "ipv6": (229, _frame(udp6()), []),
    "null": (0, struct.pack("<I", 2) + _frame(udp4()), []),
    "null-big-endian-ipv6": (0, struct.pack(">I", 30) + _frame(udp6()), []),
    "loop": (108, struct.pack(">I", 24) + _frame(udp6()), []),
    "cooked": (113, _frame(CookedLinux(lladdrtype=1, lladdrlen=6, src=b"\2" * 6, proto=0x0800) / udp4()), []),
    "cooked-vlan": (113, bytes(14) + b"\x81\0\0\x0c\x08\0" + _frame(udp4()), _both(K.VLAN, 12)),
    "cooked-2": (276, _frame(CookedLinuxV2(proto=0x86DD, lladdrtype=1, src=b"\2" * 6) / udp6()), []),
    "ppp": (9, _frame(HDLC() / PPP() / udp4()), []),
    "ppp-bare": (9, b"\x00\x57" + _frame(udp6()), []),
    "ppp-compressed": (50, b"\x21" + _frame(udp4()), []),
    "cisco-hdlc": (104, b"\x0f\x00\x08\x00" + _frame(udp4()), []),
    "cisco-hdlc-as-ppp": (50, b"\x8f\x00\x86\xdd" + _frame(udp6()), []),
    "pppoe-link": (51, _frame(PPPoE(sessionid=4) / PPP() / udp4()), _both(K.PPPOE, 4)),
    "nflog": (
        239,
        b"\2\0\0\0" + struct.pack("<HH", 5, 10) + b"x\0\0\0" + struct.pack("<HH", 4 + len(udp4()), 9) + _frame(udp4()),
        [],
    ),
    "wlan": (105, _wlan(0x08, 0x01) + _SNAP + _frame(udp4()), []),
    "wlan-qos-four-addresses": (105, _wlan(0x88, 0x03, b"\2" * 6 + b"\0\0") + _SNAP + _frame(udp4()), []),
    "wlan-qos-ht": (105, _wlan(0x88, 0x81, b"\0\0" + b"\0" * 4) + _SNAP + _frame(udp4()), []),
    "wlan-aggregated": (105, _wlan(0x88, 0x02, b"\x80\0" + b"\2" * 12 + b"\0\x50") + _SNAP + _frame(udp4()), []),
    "radiotap": (127, struct.pack("<BBHI", 0, 0, 8, 0) + _wlan(0x08, 0x02) + _SNAP + _frame(udp4()), []),
    "radiotap-padded": (
        127,
        struct.pack("<BBHIIQB", 0, 0, 25, 0x80000003, 0, 1, 0x20)[:12]
        + bytes(4)
        + struct.pack("<QB", 1, 0x20)
        + _wlan(0x88, 0x02, b"\0\0" + b"\0\0")
        + _SNAP
        + _frame(udp4()),
        [],
    ),
    "ppi": (192, struct.pack("<BBHI", 0, 0, 8, 105) + _wlan(0x08, 0x02) + _SNAP + _frame(udp4()), []),
}
