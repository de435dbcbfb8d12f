"""Capture script: a call behind a VLAN tag (12) and an MPLS label (3)."""

from __future__ import annotations

from scapy.contrib.mpls import MPLS
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from pcaps.craft import Scene
from pcaps.tunnels.parts import ETHERNET_BYTES, small_call


def build(scene: Scene) -> None:
    """Play the call."""
    small_call(scene)


def wrap(frame: bytes, number: int) -> bytes:
    """Put VLAN and MPLS between Ethernet and IP (IEEE 802.1Q, RFC 3032)."""
    ethernet = Ether(frame[:ETHERNET_BYTES])
    shim = Ether(src=ethernet.src, dst=ethernet.dst) / Dot1Q(vlan=12, type=0x8847) / MPLS(label=3, s=1, ttl=63)
    return bytes(shim / Raw(frame[ETHERNET_BYTES:]))
