"""Kernel module: packet references from one block of an AF_PACKET ring, which stays where the kernel wrote it.

Layout: ``struct tpacket_block_desc`` and ``struct tpacket3_hdr`` of linux/if_packet.h (TPACKET_V3), host byte order.
"""

from __future__ import annotations

from typing import Any

from flowclass.jit import entry, int64, kernel

NS_PER_S = 1_000_000_000
#: Words (32 bits) of a block's header.
BLOCK_STATUS, BLOCK_PACKETS, BLOCK_FIRST = 2, 3, 4
#: First of the two words of the block's number, which the kernel counts up.
BLOCK_SEQUENCE = 6
#: Words of a packet's header.
_NEXT, _SECONDS, _NANOSECONDS, _CAPLEN, _WIRELEN, _STATUS, _MAC, _VLAN_TCI, _VLAN_TPID = 0, 1, 2, 3, 4, 5, 6, 8, 9
#: A ``sockaddr_ll`` follows the header of 48 bytes; its third word holds hatype, pkttype and halen.
_ADDRESS = 12
_TYPES = _ADDRESS + 2
#: Shortest way from one packet of a block to the next: header, address, and not one byte of frame.
SMALLEST_STEP = 68
VLAN_VALID, TPID_VALID = 1 << 4, 1 << 6
#: if_packet.h: PACKET_OUTGOING.
OUTGOING = 4
TAG_BYTES = 4
MAC_PAIR_BYTES = 12
DEFAULT_TPID = 0x8100


@kernel
def _first_half(word: int, little: bool) -> int:
    """Return the first of two 16-bit fields that a host word holds in memory."""
    return word & 0xFFFF if little else word >> 16


@kernel
def _mac_step(little: bool) -> int:
    """Return what to take off a host word so that its first half falls by TAG_BYTES."""
    return TAG_BYTES if little else TAG_BYTES << 16


@kernel
def _put_tag(data: Any, offset: int, tpid: int, tci: int) -> None:
    """Move a frame's two addresses to ``offset``, TAG_BYTES before where they are, and write the tag behind them."""
    for i in range(MAC_PAIR_BYTES):
        data[offset + i] = data[offset + i + TAG_BYTES]
    data[offset + 12], data[offset + 13] = tpid >> 8, tpid & 0xFF
    data[offset + 14], data[offset + 15] = tci >> 8, tci & 0xFF


@entry
def index_ring(data: Any, words: Any, start: int, size: int, skip_outgoing: bool, linktype: int, refs: Any) -> int:
    """Write one PACKET_REF row for each packet of a ring block that the kernel has handed over.

    Parameters
    ----------
    data : uint8[:], the whole ring
    words : uint32[:], the same memory; the header of a frame is changed where a tag was put back
    start, size : place and bytes of the block in the ring
    skip_outgoing : leave out what this host sent (the loopback interface shows each packet twice)
    linktype : LINKTYPE of the interface
    refs : PACKET_REF[:], overwritten from row 0; at least ``size / SMALLEST_STEP`` rows

    Returns
    -------
    int
        Rows written.

    Notes
    -----
    A VLAN tag that the network card took off is put back, into the TAG_BYTES that the ring reserves before each
    frame: otherwise frames of one flow would differ between cards.
    """
    base = start // 4
    packets = int64(words[base + BLOCK_PACKETS])
    position = int64(words[base + BLOCK_FIRST])
    little = data[start] != 0  # the block begins with its version, a small number: it tells the byte order
    count = 0
    for _ in range(packets):
        if position + SMALLEST_STEP > size or count >= refs.shape[0]:
            break
        at = base + position // 4
        status = int64(words[at + _STATUS])
        offset = start + position + _first_half(int64(words[at + _MAC]), little)
        caplen, wirelen = int64(words[at + _CAPLEN]), int64(words[at + _WIRELEN])
        outgoing = data[(at + _TYPES) * 4 + 2] == OUTGOING
        following = int64(words[at + _NEXT])
        if offset + caplen <= start + size and not (skip_outgoing and outgoing):
            if status & VLAN_VALID and caplen >= MAC_PAIR_BYTES:
                tpid = _first_half(int64(words[at + _VLAN_TPID]), little) if status & TPID_VALID else DEFAULT_TPID
                offset -= TAG_BYTES
                _put_tag(data, offset, tpid, int64(words[at + _VLAN_TCI]) & 0xFFFF)
                caplen += TAG_BYTES
                wirelen += TAG_BYTES
                # Whoever reads this block again, after a reader that died in it, must find the tag put back.
                words[at + _STATUS] = status & ~VLAN_VALID
                words[at + _MAC] = int64(words[at + _MAC]) - _mac_step(little)
                words[at + _CAPLEN], words[at + _WIRELEN] = caplen, wirelen
            ref = refs[count]
            ref["ts_ns"] = int64(words[at + _SECONDS]) * NS_PER_S + int64(words[at + _NANOSECONDS])
            ref["offset"] = offset
            ref["caplen"] = caplen
            ref["wirelen"] = max(caplen, wirelen)
            ref["linktype"] = linktype
            ref["interface"] = 0
            count += 1
        if following <= 0:
            break
        position += following
    return count
