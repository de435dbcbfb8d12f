"""Capture script: a call of a DSL line: two VLAN tags (100, 7) and PPPoE session 0x2a."""

from __future__ import annotations

from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.packet import Raw

from pcaps.craft import Scene
from pcaps.tunnels.parts import ETHERNET_BYTES, small_call


def build(scene: Scene) -> None:
    """Play the call."""
    small_call(scene)


def wrap(frame: bytes, number: int) -> bytes:
    """Put QinQ, PPPoE and PPP between Ethernet and IP (IEEE 802.1ad, RFC 2516)."""
    ethernet = Ether(frame[:ETHERNET_BYTES])
    tags = Ether(src=ethernet.src, dst=ethernet.dst, type=0x88A8) / Dot1Q(vlan=100) / Dot1Q(vlan=7, type=0x8864)
    body = frame[ETHERNET_BYTES:]
    return bytes(tags / PPPoE(sessionid=0x2A, len=len(body) + 2) / PPP(proto=0x0021) / Raw(body))
