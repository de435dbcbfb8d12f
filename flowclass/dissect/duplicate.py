"""Kernel module: packets that a port mirror delivered twice.

Called by the meter behind ``dissect_packet``. A mirror of both sides of a switch shows each packet twice within
microseconds (FACTS §4). The copy is counted as an anomaly and metered all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.hash import multiply_fold
from flowclass.jit import kernel
from flowclass.record.field import Field, dtype_of
from flowclass.record.status import Anomaly, Status

#: Two sightings of the same packet no further apart are a mirror's doing (FACTS §4).
DUPLICATE_WINDOW_NS = 2_000_000
#: Entries of the table: 64 kB, a window of 2 ms at two million packets a second.
RECENT_ENTRIES = 4096

RECENT_FIELDS = (
    Field("signature", "u8", "keyed hash of what tells this packet from all others; 0 in an empty entry"),
    Field("ts_ns", "i8", "when it was seen last", "ns"),
)
RECENT = dtype_of(RECENT_FIELDS)

_OK = int(Status.OK)
_DUPLICATE = 1 << Anomaly.DUPLICATE
_NOTHING = np.uint64(0)
_SHIFT16 = np.uint64(16)
_SHIFT32 = np.uint64(32)
_SHIFT48 = np.uint64(48)


def new_recent(entries: int = RECENT_ENTRIES) -> np.ndarray:
    """Return an empty table of recent packets.

    Parameters
    ----------
    entries : a power of two; 16 bytes each

    Raises
    ------
    ValueError
        when ``entries`` is no power of two
    """
    if entries < 1 or entries & (entries - 1):
        raise ValueError(f"a table of recent packets has a power of two of entries, not {entries}")
    return np.zeros(entries, RECENT)


@kernel
def is_duplicate(pkt: Any, recent: Any) -> bool:
    """Whether the same packet was seen within ``DUPLICATE_WINDOW_NS``; sets the DUPLICATE anomaly when so.

    Parameters
    ----------
    pkt : PACKET, dissected
    recent : RECENT[2**n] from ``new_recent``, updated

    Notes
    -----
    Judged only where the sender numbers its packets: IPv4 with an identification and a transport checksum.
    WhatsApp really sends its Allocate twice within 0.2 ms (FACTS §1.3); a fresh identification tells those apart.
    IPv6 has no such number and is never judged. Time to live is left out: a router may lie between the two sides.
    """
    if pkt["version"] != 4 or pkt["ip_id"] == 0 or pkt["checksum"] == 0 or pkt["status"] != _OK:
        return False
    numbers = (
        (np.uint64(pkt["ip_id"]) << _SHIFT48) | (np.uint64(pkt["checksum"]) << _SHIFT32) | np.uint64(pkt["tcp_seq"])
    )
    sender = pkt["src_lo"] ^ (np.uint64(pkt["sport"]) << _SHIFT48) ^ (np.uint64(pkt["ip_bytes"]) << _SHIFT16)
    signature = multiply_fold(pkt["hash"] ^ numbers, pkt["hash"] ^ sender)
    entry = recent[int(signature & np.uint64(len(recent) - 1))]
    apart = int(pkt["ts_ns"]) - int(entry["ts_ns"])
    found = entry["signature"] == signature and -DUPLICATE_WINDOW_NS <= apart <= DUPLICATE_WINDOW_NS
    entry["signature"] = signature
    entry["ts_ns"] = pkt["ts_ns"]
    if found and signature != _NOTHING:
        pkt["anomalies"] |= _DUPLICATE
        return True
    return False
