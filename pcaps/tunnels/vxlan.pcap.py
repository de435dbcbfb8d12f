"""Capture script: a call of a virtual machine: VXLAN, network 77."""

from __future__ import annotations

from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from pcaps.craft import Scene
from pcaps.tunnels.parts import outer_udp, small_call

PORT = 4789


def build(scene: Scene) -> None:
    """Play the call."""
    small_call(scene)


def wrap(frame: bytes, number: int) -> bytes:
    """Put outer IP, UDP and VXLAN before the frame (RFC 7348 §5)."""
    return bytes(outer_udp(frame, number, PORT) / VXLAN(flags=8, vni=77) / Raw(frame))
