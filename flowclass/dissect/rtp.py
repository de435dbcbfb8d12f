"""Kernel module: the RTP header (RFC 3550 §5.1).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                           timestamp                           |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |           synchronization source (SSRC) identifier            |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
    |            contributing source (CSRC) identifiers             |

One packet that fits is nothing: three of four such packets in the wild are no RTP (FACTS §2.2). The meter confirms a
stream by several packets in sequence.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be16, be32, u8
from flowclass.jit import fused, kernel

#: Length of the fixed header.
HEADER_BYTES = 12
#: Payload types below this are statically assigned (RFC 3551 §6).
STATIC_TYPES_END = 35
#: Payload types from here on are dynamic (RFC 3551 §6); those between would be mistaken for RTCP (RFC 5761 §4).
DYNAMIC_TYPES = 96
#: Bits of the first byte.
VERSION_2, PADDING, EXTENSION, CSRC_COUNT = 0x80, 0x20, 0x10, 0x0F


@fused
def rtp_shape(data: Any, lo: int, hi: int, wire_bytes: int) -> int:
    """Return the length of the RTP header at ``lo``, or 0 when the bytes cannot be RTP.

    Parameters
    ----------
    data : uint8[:]
        The block.
    lo, hi : int
        Captured range.
    wire_bytes : int
        Length on the wire, ``>= hi - lo``; lengths are judged by it.

    Returns
    -------
    int
        Header length in bytes, CSRCs and extension included (an extension that was not captured counts 4 bytes).
    """
    captured = hi - lo
    if captured < HEADER_BYTES:
        return 0
    word = be16(data, lo)
    if word >> 14 != 2:
        return 0
    payload_type_ = word & 0x7F
    if STATIC_TYPES_END <= payload_type_ < DYNAMIC_TYPES:
        return 0
    header = HEADER_BYTES + ((word >> 6) & 0x3C)
    if word & 0x1000:
        if captured >= header + 4:
            header += be16(data, lo + header + 2) << 2
        header += 4
    if header > wire_bytes:
        return 0
    if word & 0x2000 and captured == wire_bytes:
        padding = u8(data, hi - 1)
        if padding == 0 or padding > wire_bytes - header:
            return 0
    return header


@kernel
def sequence_number(data: Any, lo: int) -> int:
    """Return the 16-bit sequence number of the RTP packet at ``lo``."""
    return be16(data, lo + 2)


@kernel
def timestamp(data: Any, lo: int) -> int:
    """Return the 32-bit timestamp, in ticks of the payload's clock."""
    return be32(data, lo + 4)


@kernel
def ssrc(data: Any, lo: int) -> int:
    """Return the synchronisation source."""
    return be32(data, lo + 8)


@kernel
def payload_type(data: Any, lo: int) -> int:
    """Return the 7-bit payload type."""
    return u8(data, lo + 1) & 0x7F


@kernel
def marker(data: Any, lo: int) -> int:
    """Return the marker bit, 0 or 1."""
    return u8(data, lo + 1) >> 7


@kernel
def extension_profile(data: Any, lo: int, hi: int) -> int:
    """Return the profile word of the header extension; 0 without one or when it was not captured."""
    first = u8(data, lo)
    at = lo + HEADER_BYTES + ((first & CSRC_COUNT) << 2)
    if not first & EXTENSION or at + 2 > hi:
        return 0
    return be16(data, at)
