"""Kernel module: find the frames in pcap bytes.

Called by ``pcapfile.PcapReader`` once a buffer. Reads nothing outside [position, end).

::

    record header (draft-ietf-opsawg-pcap §5; all 32 bits)      Kuznetzov's modified form adds
    | seconds | µs or ns | captured length | wire length |      | ifindex | protocol 16, type 8, pad 8 |
"""

from __future__ import annotations

from typing import Any

from flowclass.capture.walk import MAXIMUM_CAPLEN, MAXIMUM_WIRELEN, NS_PER_S, WalkStatus, load32
from flowclass.jit import entry

_MORE, _FULL = int(WalkStatus.MORE), int(WalkStatus.FULL)
_BAD_CAPLEN, _BAD_WIRELEN = int(WalkStatus.BAD_CAPLEN), int(WalkStatus.BAD_WIRELEN)


@entry
def index_pcap(data: Any, refs: Any, walk: Any) -> int:
    """Write one PACKET_REF row for each whole record.

    Parameters
    ----------
    data : uint8[:], the read buffer
    refs : PACKET_REF[:], overwritten from row 0
    walk : WALK[1]; ``position``, ``clock_ns``, ``packets`` and ``detail`` are updated

    Returns
    -------
    A WalkStatus: MORE, FULL, BAD_CAPLEN or BAD_WIRELEN; ``position`` is then the record not taken.

    Notes
    -----
    A wire length below the captured one (some writers put 0) is raised to it. A fraction above one second is
    carried into the seconds, as libpcap does; nothing overflows: 2^32 s is 4.3e18 ns.
    """
    row = walk[0]
    position, end, clock = int(row["position"]), int(row["end"]), int(row["clock_ns"])
    big, header, tick, lengths = row["big_endian"], int(row["header_bytes"]), int(row["tick_ns"]), row["lengths"]
    linktype, interface = row["linktype"], row["interface"]
    count, status = 0, _FULL
    while count < refs.shape[0]:
        if end - position < header:
            status = _MORE
            break
        caplen, wirelen = load32(data, position + 8, big), load32(data, position + 12, big)
        if lengths and (lengths == 1 or caplen > wirelen):
            caplen, wirelen = wirelen, caplen
        if caplen > MAXIMUM_CAPLEN:
            row["detail"] = caplen
            status = _BAD_CAPLEN
            break
        if wirelen > MAXIMUM_WIRELEN:
            row["detail"] = wirelen
            status = _BAD_WIRELEN
            break
        if end - position - header < caplen:
            status = _MORE
            break
        ts = load32(data, position, big) * NS_PER_S + load32(data, position + 4, big) * tick
        clock = max(clock, ts)
        ref = refs[count]
        ref["ts_ns"] = ts
        ref["offset"] = position + header
        ref["caplen"] = caplen
        ref["wirelen"] = max(caplen, wirelen)
        ref["linktype"] = linktype
        ref["interface"] = interface
        position += header + caplen
        count += 1
    row["position"] = position
    row["clock_ns"] = clock
    row["packets"] = count
    return status
