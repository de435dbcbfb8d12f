"""Capture script: a call of a mobile subscriber: GTP-U (TEID 0x1a2b), every other packet with a 5G extension header."""

from __future__ import annotations

import struct

from scapy.layers.inet import UDP
from scapy.packet import Raw

from pcaps.craft import Scene
from pcaps.tunnels.parts import ETHERNET_BYTES, outer, small_call

PORT, TEID, G_PDU = 2152, 0x1A2B, 0xFF
#: Next-extension type of the PDU session container (3GPP TS 29.281 §5.2).
PDU_SESSION = 0x85


def build(scene: Scene) -> None:
    """Play the call."""
    small_call(scene)


def wrap(frame: bytes, number: int) -> bytes:
    """Put outer IP, UDP and GTP-U before IP (3GPP TS 29.281 §5.1)."""
    body = frame[ETHERNET_BYTES:]
    if number % 2:
        body = struct.pack("!HBB", 0, 0, PDU_SESSION) + b"\x01\x10\x09\x00" + body
        header = struct.pack("!BBHI", 0x34, G_PDU, len(body), TEID)
    else:
        header = struct.pack("!BBHI", 0x30, G_PDU, len(body), TEID)
    return bytes(outer(number) / UDP(sport=PORT, dport=PORT) / Raw(header + body))
