"""PACKET rows against scapy and dpkt: each encapsulation, and plain frames of the corpus."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import dpkt
import pytest
from scapy.config import conf
from scapy.layers.dot11 import Dot11  # noqa: F401  registers 802.11 and radiotap
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet

from flowclass.record.status import Status
from tests.differential.tshark import address
from tests.dissect.encapsulations import ENCAPSULATIONS
from tests.dissect.harness import dissect, dissect_capture

#: Encapsulations whose innermost packet scapy does not reach by itself, and what it does instead.
SCAPY_CANNOT = {
    "cisco-hdlc": "no such link type",
    "cisco-hdlc-as-ppp": "takes it for PPP",
    "gtpu-pdcp": "leaves what follows the extension header unread",
    "l2tp": "leaves the UDP payload unread",
    "l2tp-all-options": "leaves the UDP payload unread",
    "loop": "leaves the payload of this address family unread",
    "nflog": "no such link type",
    "null-big-endian-ipv6": "knows one byte order, takes it for IPv4",
    "ppi": "no such link type",
    "ppp-compressed": "no compressed protocol field",
    "radiotap-padded": "leaves the padding in front of LLC",
    "vntag": "no VN-Tag",
    "vxlan-gpe": "no such port",
    "wlan-aggregated": "no aggregation",
    "wlan-qos-ht": "no HT control",
}


def scapy_innermost(frame: bytes, linktype: int) -> Packet | None:
    """Return the last IP layer that scapy finds."""
    packet = conf.l2types[linktype](frame)
    layers = [layer for layer in packet.iterpayloads() if isinstance(layer, (IP, IPv6))]
    return layers[-1] if layers else None


def agrees_with_scapy(row: Any, ip: Packet) -> None:
    """Assert that the row says what scapy's IP layer says."""
    assert [str(address(row, "src")), str(address(row, "dst"))] == [ip.src, ip.dst]
    assert int(row["ip_bytes"]) == (ip.len if isinstance(ip, IP) else ip.plen + 40)
    assert int(row["hop_limit"]) == (ip.ttl if isinstance(ip, IP) else ip.hlim)
    ports = ip.getlayer(UDP) or ip.getlayer(TCP)
    if ports is not None:
        assert [int(row["sport"]), int(row["dport"]), int(row["checksum"])] == [ports.sport, ports.dport, ports.chksum]


@pytest.mark.parametrize("name", sorted(set(ENCAPSULATIONS) - set(SCAPY_CANNOT)))
def test_encapsulation__equals_scapy(name: str) -> None:
    linktype, frame, _ = ENCAPSULATIONS[name]
    ip = scapy_innermost(frame, linktype)
    assert ip is not None
    agrees_with_scapy(dissect([frame], linktype)[0], ip)


def dpkt_innermost(layer: Any) -> Any:
    """Return the last IP layer that dpkt finds."""
    found = None
    while isinstance(layer, dpkt.Packet):
        if isinstance(layer, (dpkt.ip.IP, dpkt.ip6.IP6)):
            found = layer
        layer = layer.data
    return found


def agrees_with_dpkt(row: Any, ip: Any) -> None:
    """Assert that the row says what dpkt's IP layer says."""
    assert (address(row, "src").packed, address(row, "dst").packed) == (ip.src, ip.dst)
    assert int(row["proto"]) == ip.p
    if isinstance(ip.data, (dpkt.udp.UDP, dpkt.tcp.TCP)):
        assert [int(row["sport"]), int(row["dport"]), int(row["checksum"])] == [
            ip.data.sport,
            ip.data.dport,
            ip.data.sum,
        ]
    if isinstance(ip.data, dpkt.tcp.TCP):
        assert [int(row["tcp_seq"]), int(row["tcp_flags"])] == [ip.data.seq, ip.data.flags & 0xFF]


DPKT_LINKS = {
    1: dpkt.ethernet.Ethernet,
    101: dpkt.ip.IP,
    228: dpkt.ip.IP,
    229: dpkt.ip6.IP6,
    113: dpkt.sll.SLL,
    276: dpkt.sll2.SLL2,
}
DPKT_CAN = (
    "ethernet", "ethernet-padded", "ethernet-ipv6", "ip-options", "llc-snap", "vlan", "qinq", "mpls", "pppoe", "gre",
    "gre-all-options", "ipip", "6in4", "4in6", "6in6", "raw", "ipv4", "ipv6", "cooked", "cooked-2",
)  # fmt: skip


@pytest.mark.parametrize("name", DPKT_CAN)
def test_encapsulation__equals_dpkt(name: str) -> None:
    linktype, frame, _ = ENCAPSULATIONS[name]
    ip = dpkt_innermost(DPKT_LINKS[linktype](frame))
    agrees_with_dpkt(dissect([frame], linktype)[0], ip)


def test_corpus__plain_frames_equal_dpkt(corpus: Path) -> None:
    captures = sorted(path for path in (corpus / "captures").rglob("*.pcap") if path.stat().st_size < 40_000)
    compared = 0
    for path in captures[::15]:
        for data, refs, rows in dissect_capture(path):
            for ref, row in zip(refs, rows, strict=True):
                whole = row["status"] == Status.OK and row["depth"] == row["fragment"] == row["anomalies"] == 0
                if not whole or int(ref["linktype"]) not in DPKT_LINKS:
                    continue
                lo = int(ref["offset"])
                frame = data[lo : lo + int(ref["caplen"])].tobytes()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ip = dpkt_innermost(DPKT_LINKS[int(ref["linktype"])](frame))
                if isinstance(ip, dpkt.ip.IP):
                    agrees_with_dpkt(row, ip)
                    compared += 1
    assert compared > 1000
