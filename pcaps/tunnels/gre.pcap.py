"""Capture script: a call in GRE with a key (0x51)."""

from __future__ import annotations

from scapy.layers.l2 import GRE
from scapy.packet import Raw

from pcaps.craft import Scene
from pcaps.tunnels.parts import ETHERNET_BYTES, outer, small_call


def build(scene: Scene) -> None:
    """Play the call."""
    small_call(scene)


def wrap(frame: bytes, number: int) -> bytes:
    """Put outer IP and GRE before IP (RFC 2784, RFC 2890)."""
    header = GRE(proto=0x0800, key_present=1, key=0x51)
    return bytes(outer(number, protocol=47) / header / Raw(frame[ETHERNET_BYTES:]))
