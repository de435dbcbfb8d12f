"""Kernel module: fragments of IP packets: the first one's ports are kept, so that later ones join its flow.

Called by ``packet`` for fragments only. The table is bounded: sets of four entries, the oldest of a set gives way.
Nothing is reassembled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.hash import biflow_hash
from flowclass.jit import kernel
from flowclass.record.field import Field, dtype_of

#: A first fragment is remembered this long (FACTS §4; RFC 791 §3.2 and Linux's ipfrag_time both say about 30 s).
FRAGMENT_LIFETIME_NS = 30_000_000_000
#: Entries that a key may lie in.
WAYS = 4

FRAGMENT_FIELDS = (
    Field("src_hi", "u8", "source address, high word"),
    Field("src_lo", "u8", "source address, low word"),
    Field("dst_hi", "u8", "destination address, high word"),
    Field("dst_lo", "u8", "destination address, low word"),
    Field("ts_ns", "i8", "time of the first fragment; 0 in an empty entry", "ns"),
    Field("ip_id", "u4", "identification"),
    Field("sport", "u2", "the first fragment's source port"),
    Field("dport", "u2", "its destination port"),
    Field("key_proto", "u1", "protocol as every fragment shows it (IPv6: next header of the fragment header)"),
    Field("proto", "u1", "transport protocol found in the first fragment"),
    Field("in_use", "u1", "1 once written"),
)
FRAGMENT = dtype_of(FRAGMENT_FIELDS)


def new_fragments(entries: int = 4096) -> np.ndarray:
    """Return an empty table of fragments.

    Parameters
    ----------
    entries : a power of two, at least 4; 56 bytes each

    Raises
    ------
    ValueError
        when ``entries`` is no power of two or too small
    """
    if entries < WAYS or entries & (entries - 1):
        raise ValueError(f"a fragment table has a power of two of entries, at least {WAYS}, not {entries}")
    return np.zeros(entries, FRAGMENT)


@kernel
def _first_way(pkt: Any, key_proto: int, fragments: Any, seed: Any) -> int:
    """Return the first index of the set that the packet's key lies in."""
    ip_id = int(pkt["ip_id"])
    key = biflow_hash(
        pkt["src_hi"], pkt["src_lo"], pkt["dst_hi"], pkt["dst_lo"], ip_id & 0xFFFF, ip_id >> 16, key_proto, seed
    )
    return int(key & np.uint64(len(fragments) - 1)) & ~(WAYS - 1)


@kernel
def _matches(entry: Any, pkt: Any, key_proto: int) -> bool:
    """Whether the entry belongs to the packet's original datagram and is still alive."""
    age = int(pkt["ts_ns"]) - int(entry["ts_ns"])
    return (
        entry["in_use"] == 1
        and entry["src_lo"] == pkt["src_lo"]
        and entry["dst_lo"] == pkt["dst_lo"]
        and entry["ip_id"] == pkt["ip_id"]
        and entry["key_proto"] == key_proto
        and entry["src_hi"] == pkt["src_hi"]
        and entry["dst_hi"] == pkt["dst_hi"]
        and -FRAGMENT_LIFETIME_NS <= age <= FRAGMENT_LIFETIME_NS
    )


@kernel
def remember_first(pkt: Any, key_proto: int, fragments: Any, seed: Any) -> None:
    """Keep the ports of a first fragment; ``pkt`` has its addresses, id, protocol and ports.

    Notes
    -----
    An entry of the same key is overwritten (identifications come round again), else an empty or the oldest one.
    """
    base = _first_way(pkt, key_proto, fragments, seed)
    chosen = base
    for way in range(base, base + WAYS):
        if _matches(fragments[way], pkt, key_proto):
            chosen = way
            break
        if fragments[way]["in_use"] < fragments[chosen]["in_use"] or (
            fragments[way]["in_use"] == fragments[chosen]["in_use"]
            and fragments[way]["ts_ns"] < fragments[chosen]["ts_ns"]
        ):
            chosen = way
    entry = fragments[chosen]
    entry["src_hi"] = pkt["src_hi"]
    entry["src_lo"] = pkt["src_lo"]
    entry["dst_hi"] = pkt["dst_hi"]
    entry["dst_lo"] = pkt["dst_lo"]
    entry["ts_ns"] = pkt["ts_ns"]
    entry["ip_id"] = pkt["ip_id"]
    entry["sport"] = pkt["sport"]
    entry["dport"] = pkt["dport"]
    entry["key_proto"] = key_proto
    entry["proto"] = pkt["proto"]
    entry["in_use"] = 1


@kernel
def join_first(pkt: Any, key_proto: int, fragments: Any, seed: Any) -> bool:
    """Give a later fragment the protocol and ports of its first.

    Returns
    -------
    False when the first has not been seen, or too long ago; ``pkt`` is then unchanged.
    """
    base = _first_way(pkt, key_proto, fragments, seed)
    for way in range(base, base + WAYS):
        entry = fragments[way]
        if _matches(entry, pkt, key_proto):
            pkt["sport"] = entry["sport"]
            pkt["dport"] = entry["dport"]
            pkt["proto"] = entry["proto"]
            return True
    return False
