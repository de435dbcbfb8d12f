"""Kernel module: find the frames in pcapng bytes.

Called by ``pcapngfile.PcapngReader`` once a buffer. Reads nothing outside [position, end).

::

    block (draft-ietf-opsawg-pcapng §3.1): | type | total length | body, padded to 32 bits | total length |
    enhanced packet body (§4.3):           | interface | time high | time low | captured | wire length | frame | options
    simple packet body (§4.4):             | wire length | frame
    packet body (obsolete, appendix A):    | interface 16, drops 16 | time high | time low | captured | wire length | …
"""

from __future__ import annotations

from typing import Any

from flowclass.capture.walk import (
    MAXIMUM_BLOCK,
    MAXIMUM_CAPLEN,
    MAXIMUM_TIME_NS,
    MAXIMUM_WIRELEN,
    NS_PER_S,
    WalkStatus,
    load16,
    load32,
)
from flowclass.jit import entry, kernel

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
ENHANCED_PACKET = 6
#: Type and two lengths.
BLOCK_OVERHEAD = 12
#: Bytes before the frame, block header included, and the least such block.
_PACKET_HEADER, _SIMPLE_HEADER, _TRAILER = 28, 12, 4
#: Binary fractions are cut to 32 bits (0.2 ns) so that their product with 10^9 stays below 2^62.
_FRACTION_BITS = 32

_MORE, _FULL, _SKIP = int(WalkStatus.MORE), int(WalkStatus.FULL), int(WalkStatus.SKIP)
_AT_SECTION, _AT_INTERFACE = int(WalkStatus.AT_SECTION), int(WalkStatus.AT_INTERFACE)
_BAD_CAPLEN, _BAD_WIRELEN = int(WalkStatus.BAD_CAPLEN), int(WalkStatus.BAD_WIRELEN)
_BAD_BLOCK_LENGTH, _BAD_TRAILER = int(WalkStatus.BAD_BLOCK_LENGTH), int(WalkStatus.BAD_TRAILER)
_BAD_INTERFACE = int(WalkStatus.BAD_INTERFACE)
#: A time that does not fit; no believable time is that early.
_NO_TIME = -(2**63)


@kernel
def ticks_to_ns(high: int, low: int, interface: Any) -> int:
    """Return an interface's time in ns since 1970, or -2^63 when it lies beyond MAXIMUM_TIME_NS.

    Notes
    -----
    The 64 bits are unsigned and the arithmetic is int64: what divides does so in two halves, the checks keep every
    product below 2^63.
    """
    digits, divisor = int(interface["binary_digits"]), int(interface["divisor"])
    if digits >= _FRACTION_BITS:
        below = digits - _FRACTION_BITS
        seconds = high >> below
        fraction = (((high - (seconds << below)) << 32) | low) >> below
        ns = seconds * NS_PER_S + ((fraction * NS_PER_S) >> _FRACTION_BITS)
    elif divisor > 1:
        upper = high // divisor
        ns = (upper << 32) + (((high - upper * divisor) << 32) | low) // divisor
    else:
        ticks = (high << 32) | low
        if high >= 1 << 31 or ticks > interface["ticks_limit"]:
            return _NO_TIME
        if digits >= 0:
            seconds = ticks >> digits
            ns = seconds * NS_PER_S + (((ticks - (seconds << digits)) * NS_PER_S) >> digits)
        else:
            ns = ticks * int(interface["multiplier"])
    # here ns is at most 2^62: 32 bits of seconds, 64 bits of tenths of a ns, or within the limit
    ns += int(interface["offset_ns"])
    if ns > MAXIMUM_TIME_NS or ns < -MAXIMUM_TIME_NS:
        return _NO_TIME
    return ns


@kernel
def check_packet(walk: Any, caplen: int, wirelen: int, room: int) -> int:
    """Return FULL when a frame of ``caplen`` fits the ``room`` in its block and both lengths are believed."""
    if caplen > MAXIMUM_CAPLEN or caplen > room:
        walk["detail"] = caplen
        return _BAD_CAPLEN
    if wirelen > MAXIMUM_WIRELEN:
        walk["detail"] = wirelen
        return _BAD_WIRELEN
    return _FULL


@entry
def index_pcapng(data: Any, refs: Any, walk: Any, interfaces: Any) -> int:  # noqa: C901  see Notes
    """Write one PACKET_REF row for each whole packet block of the section.

    Parameters
    ----------
    data : uint8[:], the read buffer
    refs : PACKET_REF[:], overwritten from row 0
    walk : WALK[1]; all but the last six fields are updated
    interfaces : INTERFACE[:], those described so far in this section

    Returns
    -------
    A WalkStatus; ``position`` is then the block not taken (for SKIP: the buffer's end).

    Notes
    -----
    A simple packet has no time and takes the clock; so does one whose time does not fit (``bad_times`` counts those).
    One long loop on purpose: a helper that is handed arrays costs two reference counts a call.
    """
    row = walk[0]
    position, end, big = int(row["position"]), int(row["end"]), row["big_endian"]
    clock, base = int(row["clock_ns"]), int(row["interface"])
    row["bad_times"] = 0
    count, status = 0, _FULL
    while count < refs.shape[0]:
        if end - position < BLOCK_OVERHEAD:
            status = _MORE
            break
        kind = load32(data, position, big)
        if kind == SECTION_HEADER:
            status = _AT_SECTION
            break
        total = load32(data, position + 4, big)
        packet = kind in (ENHANCED_PACKET, SIMPLE_PACKET, OBSOLETE_PACKET)
        wanted = packet or kind == INTERFACE_DESCRIPTION
        if total < BLOCK_OVERHEAD or total & 3 or (wanted and total > MAXIMUM_BLOCK):
            row["detail"] = total
            status = _BAD_BLOCK_LENGTH
            break
        if end - position < total:
            status = _MORE
            if not wanted:
                row["skip"] = total - (end - position)
                position = end
                status = _SKIP
            break
        if wanted and load32(data, position + total - 4, big) != total:
            row["detail"] = load32(data, position + total - 4, big)
            status = _BAD_TRAILER
            break
        if kind == INTERFACE_DESCRIPTION:
            status = _AT_INTERFACE
            break
        if packet:
            header = _SIMPLE_HEADER if kind == SIMPLE_PACKET else _PACKET_HEADER
            room = total - header - _TRAILER
            if room < 0:
                row["detail"] = total
                status = _BAD_BLOCK_LENGTH
                break
            which, high, low = 0, 0, 0
            if kind == SIMPLE_PACKET:
                wirelen = load32(data, position + 8, big)
                caplen = min(wirelen, room)
            else:
                which = load32(data, position + 8, big)
                if kind == OBSOLETE_PACKET:
                    which = load16(data, position + 8, big)
                high, low = load32(data, position + 12, big), load32(data, position + 16, big)
                caplen, wirelen = load32(data, position + 20, big), load32(data, position + 24, big)
            if which >= interfaces.shape[0]:
                row["detail"] = which
                status = _BAD_INTERFACE
                break
            interface = interfaces[which]
            ts = clock
            if kind != SIMPLE_PACKET:
                ts = ticks_to_ns(high, low, interface)
            elif interface["snaplen"] > 0:
                caplen = min(caplen, int(interface["snaplen"]))
            status = check_packet(row, caplen, wirelen, room)
            if status != _FULL:
                break
            if ts == _NO_TIME:
                if row["bad_times"] == 0:
                    row["bad_time_at"] = position
                row["bad_times"] += 1
                ts = clock
            clock = max(clock, ts)
            ref = refs[count]
            ref["ts_ns"] = ts
            ref["offset"] = position + header
            ref["caplen"] = caplen
            ref["wirelen"] = max(caplen, wirelen)
            ref["linktype"] = interface["linktype"]
            ref["interface"] = base + which
            count += 1
        position += total
    row["clock_ns"] = clock
    row["position"] = position
    row["packets"] = count
    return status
