"""Kernel module: the RTCP header (RFC 3550 §6.4, RFC 4585, RFC 3611).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|  count  |  packet type  |     length (32-bit words - 1) |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                         SSRC of sender                        |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be16, be32, u8
from flowclass.jit import fused, kernel

#: Header and sender SSRC, the part that SRTCP leaves readable (RFC 3711 §3.4).
HEADER_BYTES = 8
#: Packet types that share a port with RTP (RFC 5761 §4).
FIRST_TYPE, LAST_TYPE = 192, 223
#: Sender report, receiver report, source description, goodbye.
SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203


@fused
def rtcp_shape(data: Any, lo: int, hi: int, wire_bytes: int) -> int:
    """Return the RTCP packet type at ``lo``, or 0 when the bytes cannot be RTCP.

    The first packet of a compound must fit ``wire_bytes``; what follows it (more packets, an SRTCP index and tag, or
    the padding of a bandwidth probe) is not judged.
    """
    if hi - lo < HEADER_BYTES or wire_bytes < HEADER_BYTES:
        return 0
    word = be16(data, lo)
    kind = word & 0xFF
    if word >> 14 != 2 or kind < FIRST_TYPE or kind > LAST_TYPE:
        return 0
    if (be16(data, lo + 2) + 1) << 2 > wire_bytes:
        return 0
    return kind


@kernel
def packet_type(data: Any, lo: int) -> int:
    """Return the packet type of the RTCP packet at ``lo``."""
    return u8(data, lo + 1)


@kernel
def sender_ssrc(data: Any, lo: int) -> int:
    """Return the SSRC of its sender."""
    return be32(data, lo + 4)
