"""Capture script: a call as a port mirror sends it: ERSPAN type II, session 5."""

from __future__ import annotations

import struct

from scapy.layers.l2 import GRE
from scapy.packet import Raw

from pcaps.craft import Scene
from pcaps.tunnels.parts import outer, small_call

ERSPAN_II, SESSION = 0x88BE, 5


def build(scene: Scene) -> None:
    """Play the call."""
    small_call(scene)


def wrap(frame: bytes, number: int) -> bytes:
    """Put outer IP, GRE with a sequence number and ERSPAN's eight bytes before the frame (draft-foschiano-erspan)."""
    header = GRE(proto=ERSPAN_II, seqnum_present=1, sequence_number=number)
    mirror = struct.pack("!HHI", 0x1000, SESSION, 0)
    return bytes(outer(number, protocol=47) / header / Raw(mirror + frame))
