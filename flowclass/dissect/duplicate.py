"""Kernel module: packets that a port mirror delivered twice.

Called by the meter behind ``dissect_packet``. A mirror of both sides of a switch shows each packet twice within
microseconds (FACTS §4). The copy is counted as an anomaly and metered all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.hash import multiply_fold
from flowclass.jit import int64, kernel
from flowclass.record.status import Anomaly, Status

#: Two sightings of the same packet no further apart are a mirror's doing (FACTS §4).
DUPLICATE_WINDOW_NS = 2_000_000
#: Entries of the table: a window of 2 ms at two million packets a second, in 32 kB that stay in the second-level cache.
RECENT_ENTRIES = 4096
#: An entry is one word: the upper half of the packet's signature, 0 in an empty one, and its time in ticks of 2^10 ns.
TICK_BITS = 10
WINDOW_TICKS = DUPLICATE_WINDOW_NS >> TICK_BITS

_OK = int(Status.OK)
_DUPLICATE = 1 << Anomaly.DUPLICATE
_SIGNATURE, _TICKS = np.uint64(0xFFFFFFFF00000000), np.uint64(0xFFFFFFFF)
_SHIFT16 = np.uint64(16)
_SHIFT32 = np.uint64(32)
_SHIFT48 = np.uint64(48)


def new_recent(entries: int = RECENT_ENTRIES) -> np.ndarray:
    """Return an empty table of recent packets.

    Parameters
    ----------
    entries : a power of two; 8 bytes each

    Raises
    ------
    ValueError
        when ``entries`` is no power of two
    """
    if entries < 1 or entries & (entries - 1):
        raise ValueError(f"a table of recent packets has a power of two of entries, not {entries}")
    return np.zeros(entries, np.uint64)


@kernel
def is_duplicate(pkt: Any, recent: Any) -> bool:
    """Whether the same packet was seen within ``DUPLICATE_WINDOW_NS``; sets the DUPLICATE anomaly when so.

    Parameters
    ----------
    pkt : PACKET, dissected
    recent : uint64[2**n] from ``new_recent``, updated

    Notes
    -----
    Judged only where the sender numbers its packets: IPv4 with an identification and a transport checksum.
    WhatsApp really sends its Allocate twice within 0.2 ms (FACTS §1.3); a fresh identification tells those apart.
    IPv6 has no such number and is never judged. Time to live is left out: a router may lie between the two sides.
    Times are compared modulo 73 minutes: that far apart, two packets would have to agree in 32 bits of a keyed hash.
    """
    if pkt["version"] != 4 or pkt["ip_id"] == 0 or pkt["checksum"] == 0 or pkt["status"] != _OK:
        return False
    numbers = (
        (np.uint64(pkt["ip_id"]) << _SHIFT48) | (np.uint64(pkt["checksum"]) << _SHIFT32) | np.uint64(pkt["tcp_seq"])
    )
    sender = pkt["src_lo"] ^ (np.uint64(pkt["sport"]) << _SHIFT48) ^ (np.uint64(pkt["ip_bytes"]) << _SHIFT16)
    signature = multiply_fold(pkt["hash"] ^ numbers, pkt["hash"] ^ sender)
    ticks = np.uint64(int64(pkt["ts_ns"]) >> TICK_BITS) & _TICKS
    at = int64(signature & np.uint64(recent.size - 1))
    before = recent[at]
    recent[at] = (signature & _SIGNATURE) | ticks
    if (before ^ signature) & _SIGNATURE != 0 or before & _SIGNATURE == 0:
        return False
    # One of the two differences is small, whichever packet came first; the other wraps around.
    if (ticks - before) & _TICKS > WINDOW_TICKS and (before - ticks) & _TICKS > WINDOW_TICKS:
        return False
    pkt["anomalies"] |= _DUPLICATE
    return True
