"""Host module: the call that the tunnel captures carry, and the outer packet that most of them share."""

from __future__ import annotations

import zlib

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from pcaps.craft import Scene, mac

NEAR, FAR = "10.200.0.1", "10.200.0.2"
ETHERNET_BYTES = 14


def small_call(scene: Scene) -> None:
    """Play the same short call in every tunnel, so that its flows are equal whatever carries them."""
    scene.play("whatsapp/call-2019", talk=3.0)


def outer(number: int, protocol: int = 17) -> Packet:
    """Return the outer Ethernet and IPv4 headers."""
    return Ether(src=mac(NEAR), dst=mac(FAR)) / IP(src=NEAR, dst=FAR, id=number & 0xFFFF, ttl=64, proto=protocol)


def outer_udp(frame: bytes, number: int, port: int) -> Packet:
    """Return outer headers up to UDP; the source port is made of the inner headers (RFC 7348 §5), no checksum."""
    entropy = 49152 + zlib.crc32(frame[ETHERNET_BYTES + 12 : ETHERNET_BYTES + 24]) % 16384
    return outer(number) / UDP(sport=entropy, dport=port, chksum=0)
