"""Kernel module: WALK and INTERFACE, the scratch rows that the record walkers share, and their status codes.

``index_pcap`` and ``index_pcapng`` read and write one WALK row; the readers turn its status into words.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from flowclass.dissect.load import be16, be32, le16
from flowclass.jit import kernel
from flowclass.record.field import Field, dtype_of

#: Largest frame believed, in bytes: libpcap's MAXIMUM_SNAPLEN and Wireshark's WTAP_MAX_PACKET_SIZE_STANDARD.
MAXIMUM_CAPLEN = 262_144
#: Largest length on the wire believed: what PACKET_REF's i4 holds.
MAXIMUM_WIRELEN = 2**31 - 1
#: Largest pcapng block that has to be in memory at once (a frame, its header and options); others are skipped unread.
MAXIMUM_BLOCK = 524_288
#: Times beyond ±2^62 ns (the year 2116; 32-bit seconds end in 2106) are not believed, so sums never overflow.
MAXIMUM_TIME_NS = 2**62
NS_PER_S = 1_000_000_000


class WalkStatus(IntEnum):
    """Why a walker came back."""

    MORE = 0  #: the next record is not whole in the buffer yet
    FULL = 1  #: no room for another PACKET_REF row
    AT_SECTION = 2  #: pcapng: a section header is next, the host reads it
    AT_INTERFACE = 3  #: pcapng: an interface description is next and whole, the host reads it
    SKIP = 4  #: pcapng: ``skip`` bytes beyond the buffer are of no use
    BAD_CAPLEN = 5  #: ``detail`` bytes captured: more than MAXIMUM_CAPLEN, or than the block holds
    BAD_WIRELEN = 6  #: ``detail`` bytes on the wire
    BAD_BLOCK_LENGTH = 7  #: pcapng: a block of ``detail`` bytes
    BAD_TRAILER = 8  #: pcapng: the length at the block's end, ``detail``, is not the one at its start
    BAD_INTERFACE = 9  #: pcapng: interface ``detail`` was never described


WALK_FIELDS = (
    Field("position", "i8", "next record in the buffer; moved by the walker", "byte"),
    Field("end", "i8", "end of the bytes in the buffer", "byte"),
    Field("clock_ns", "i8", "latest time met so far", "ns"),
    Field("packets", "i8", "rows written by this call"),
    Field("skip", "i8", "bytes after the buffer's end to pass over", "byte"),
    Field("detail", "i8", "the offending value of a BAD status"),
    Field("bad_times", "i8", "pcapng: packets of this call whose time does not fit; they take the clock"),
    Field("bad_time_at", "i8", "pcapng: where the first of them is in the buffer", "byte"),
    Field("big_endian", "i8", "1 when the file's (section's) integers are big-endian"),
    Field("header_bytes", "i8", "pcap: length of a record header", "byte"),
    Field("tick_ns", "i8", "pcap: unit of the time's fraction", "ns"),
    Field("lengths", "i8", "pcap: 0 captured then wire length, 1 the reverse, 2 whichever is shorter is captured"),
    Field("linktype", "i4", "pcap: LINKTYPE_ value"),
    Field("interface", "i4", "added to every interface index"),
)

INTERFACE_FIELDS = (
    Field("linktype", "i8", "LINKTYPE_ value"),
    Field("snaplen", "i8", "most bytes captured of a frame, 0 for no limit", "byte"),
    Field("binary_digits", "i8", "time unit is 2^-binary_digits s; -1 for a decimal unit"),
    Field("multiplier", "i8", "decimal unit: ns = ticks * multiplier // divisor"),
    Field("divisor", "i8", "see multiplier"),
    Field("ticks_limit", "i8", "the most ticks whose time is believed, where multiplied"),
    Field("offset_ns", "i8", "added to every time (if_tsoffset)", "ns"),
)

WALK = dtype_of(WALK_FIELDS)
INTERFACE = dtype_of(INTERFACE_FIELDS)


@kernel
def load32(data: Any, index: int, big_endian: int) -> int:
    """Return the 32-bit integer at ``index`` in the file's byte order; the caller has checked the four bytes."""
    word = be32(data, index)
    if big_endian:
        return word
    # swapped back: LLVM makes one plain load of be32 and this, le32 takes four
    return (word >> 24) | ((word >> 8) & 0xFF00) | ((word << 8) & 0xFF0000) | ((word << 24) & 0xFF000000)


@kernel
def load16(data: Any, index: int, big_endian: int) -> int:
    """Return the 16-bit integer at ``index`` in the file's byte order; the caller has checked the two bytes."""
    if big_endian:
        return be16(data, index)
    return le16(data, index)
