"""Kernel module: the RTCP header (RFC 3550 §6.4, RFC 4585, RFC 3611).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|  count  |  packet type  |     length (32-bit words - 1) |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                         SSRC of sender                        |
    +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+

A sender report goes on with 20 bytes about the sender: NTP time 64, RTP time 32, packets 32, bytes 32. Then, in sender
and receiver reports, ``count`` blocks about the sources it hears::

    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                 SSRC of the source reported on                |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    | fraction lost |       cumulative number of packets lost       |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |           extended highest sequence number received           |
    |                      interarrival jitter                      |
    |         middle 32 bits of the last sender report (LSR)        |
    |     delay since that report in 1/65536 s (DLSR)               |
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
#: Report blocks begin here in a receiver and in a sender report, and are this long.
RECEIVER_BLOCKS, SENDER_BLOCKS, BLOCK_BYTES = 8, 28, 24
#: Packets walked in one compound; real ones have three or four.
MAX_PACKETS = 16


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


@kernel
def packet_bytes(data: Any, at: int) -> int:
    """Return the length of the RTCP packet at ``at``, 4 to 262,144 bytes; its first 4 bytes have been captured."""
    return (be16(data, at + 2) + 1) << 2


@kernel
def is_plain(data: Any, lo: int, hi: int, wire_bytes: int) -> bool:
    """Whether the compound at ``lo`` is RTCP in the clear, captured whole.

    Its packets must fill it exactly. SRTCP hides the headers behind the first and adds 14 bytes at least (RFC 3711
    §3.4), so that it passes about once in a million packets.
    """
    end = lo + wire_bytes
    if hi < end:
        return False
    at = lo
    for _ in range(MAX_PACKETS):
        if end - at < HEADER_BYTES:
            return False
        word = be16(data, at)
        if word >> 14 != 2 or word & 0xFF < FIRST_TYPE or word & 0xFF > LAST_TYPE:
            return False
        at += packet_bytes(data, at)
        if at == end:
            return True
    return False


@kernel
def first_block(data: Any, at: int) -> int:
    """Return where the report blocks of the packet at ``at`` begin, 0 for a packet that has none."""
    kind = packet_type(data, at)
    if kind == SENDER_REPORT:
        return at + SENDER_BLOCKS
    return at + RECEIVER_BLOCKS if kind == RECEIVER_REPORT else 0


@kernel
def report_count(data: Any, at: int) -> int:
    """Return how many report blocks the packet at ``at`` says it has, 0 to 31."""
    return u8(data, at) & 0x1F


@kernel
def ntp_middle(data: Any, at: int) -> int:
    """Return the middle 32 bits of the NTP time of the sender report at ``at``, by which its receivers name it."""
    return (be32(data, at + 8) & 0xFFFF) << 16 | be32(data, at + 12) >> 16


@kernel
def block_lost(data: Any, block: int) -> int:
    """Return the cumulative number of packets lost, 24 bits signed: below zero when packets came twice."""
    lost = be32(data, block + 4) & 0xFFFFFF
    return lost - 0x1000000 if lost & 0x800000 else lost


@kernel
def says_goodbye(data: Any, lo: int, hi: int, wire_bytes: int) -> bool:
    """Whether the compound at ``lo``, which has an RTCP packet's shape, ends a source: BYE first, which SRTCP does not
    hide, or behind reports in the clear."""
    if packet_type(data, lo) == GOODBYE:
        return True
    if not is_plain(data, lo, hi, wire_bytes):
        return False
    at = lo
    while at < lo + wire_bytes:
        if packet_type(data, at) == GOODBYE:
            return True
        at += packet_bytes(data, at)
    return False
