"""Kernel module: the flow table: find, insert and remove rows of HOT by biflow key.

The index is open addressing with linear probing: a slot holds 32 bits of the keyed hash as a tag and the row number
plus one, so that a probe reads one cache line and compares keys only where tags agree. The tag's low bits are the
home slot, so removal, which shifts the run back (Knuth, TAOCP vol. 3, §6.4 algorithm R) and leaves no tombstones for
a flood to pile up, reads nothing but the index.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.flow.rows import BODY, LINE_BYTES
from flowclass.jit import int64, kernel, prefetch

TAG_SHIFT = np.uint64(32)
TAG_MASK = np.uint64(0xFFFFFFFF00000000)
ROW_MASK = np.uint64(0x00000000FFFFFFFF)
EMPTY = np.uint64(0)
ONE = np.uint64(1)
BODY_BYTES = BODY.itemsize
BODY_LINES = BODY_BYTES // LINE_BYTES


@kernel
def first_slot(index: Any, hash_: Any) -> int:
    """Return the slot at which the probe for a hash, or for an entry's tag, begins."""
    return int64((hash_ >> TAG_SHIFT) & np.uint64(index.size - 1))


@kernel
def likely_row(index: Any, hash_: Any) -> int:
    """Return the first row whose tag agrees, or -1; keys are not compared: good enough to prefetch by."""
    mask = int64(index.size - 1)
    slot = first_slot(index, hash_)
    tag = hash_ & TAG_MASK
    while index[slot] != EMPTY:
        if index[slot] & TAG_MASK == tag:
            return int64(index[slot] & ROW_MASK) - 1
        slot = (slot + 1) & mask
    return -1


@kernel
def direction_of(flow: Any, pkt: Any) -> int:
    """Return 0 when the packet goes the flow's way, 1 when against it, -1 when it belongs to another flow."""
    if flow["proto"] != pkt["proto"]:
        return -1
    if (
        flow["src_lo"] == pkt["src_lo"]
        and flow["dst_lo"] == pkt["dst_lo"]
        and flow["sport"] == pkt["sport"]
        and flow["dport"] == pkt["dport"]
        and flow["src_hi"] == pkt["src_hi"]
        and flow["dst_hi"] == pkt["dst_hi"]
    ):
        return 0
    if (
        flow["src_lo"] == pkt["dst_lo"]
        and flow["dst_lo"] == pkt["src_lo"]
        and flow["sport"] == pkt["dport"]
        and flow["dport"] == pkt["sport"]
        and flow["src_hi"] == pkt["dst_hi"]
        and flow["dst_hi"] == pkt["src_hi"]
    ):
        return 1
    return -1


@kernel
def find(state: Any, pkt: Any) -> tuple[int, int]:
    """Return (row, direction) of the packet's flow, or (-1, 0); ``pkt["flow"]`` is a row worth trying first, or -1."""
    row = int64(pkt["flow"])
    if row >= 0 and state.hot[row]["in_use"]:
        direction = direction_of(state.hot[row], pkt)
        if direction >= 0:
            return row, direction
    index = state.index
    mask = int64(index.size - 1)
    slot = first_slot(index, pkt["hash"])
    tag = pkt["hash"] & TAG_MASK
    while index[slot] != EMPTY:
        if index[slot] & TAG_MASK == tag:
            row = int64(index[slot] & ROW_MASK) - 1
            direction = direction_of(state.hot[row], pkt)
            if direction >= 0:
                return row, direction
        slot = (slot + 1) & mask
    return -1, 0


@kernel
def insert(state: Any, pkt: Any) -> int:
    """Take a free row for the packet's flow, key it and clear its body; return the row, or -1 when none is free."""
    meter = state.meter[0]
    row = int64(meter["free_row"])
    if row >= 0:
        meter["free_row"] = state.hot[row]["next_free"]
    elif meter["high_row"] < state.hot.size:
        row = int64(meter["high_row"])
        meter["high_row"] = row + 1
    else:
        return -1
    meter["live"] += 1
    flow = state.hot[row]
    flow["src_hi"] = pkt["src_hi"]
    flow["src_lo"] = pkt["src_lo"]
    flow["dst_hi"] = pkt["dst_hi"]
    flow["dst_lo"] = pkt["dst_lo"]
    flow["sport"] = pkt["sport"]
    flow["dport"] = pkt["dport"]
    flow["proto"] = pkt["proto"]
    flow["version"] = pkt["version"]
    flow["hash"] = pkt["hash"]
    flow["packets"] = 0
    flow["in_use"] = 1
    flow["closed"] = 0
    state.body_bytes[row * BODY_BYTES : (row + 1) * BODY_BYTES] = 0
    index = state.index
    mask = int64(index.size - 1)
    slot = first_slot(index, pkt["hash"])
    while index[slot] != EMPTY:
        slot = (slot + 1) & mask
    index[slot] = (pkt["hash"] & TAG_MASK) | np.uint64(row + 1)
    return row


@kernel
def fetch_body(body_bytes: Any, row: int) -> None:
    """Fetch all lines of a BODY row."""
    start = row * BODY_BYTES
    for line in range(BODY_LINES):
        prefetch(body_bytes, start + line * LINE_BYTES)


@kernel
def remove(state: Any, row: int) -> None:
    """Take a row out of the index and put it on the free chain."""
    index = state.index
    mask = int64(index.size - 1)
    flow = state.hot[row]
    slot = first_slot(index, flow["hash"])
    entry = np.uint64(row + 1)
    while index[slot] & ROW_MASK != entry:
        slot = (slot + 1) & mask
    hole = slot
    while True:
        slot = (slot + 1) & mask
        if index[slot] == EMPTY:
            break
        home = first_slot(index, index[slot])
        # The entry may move into the hole unless its home lies cyclically after the hole.
        if ((slot - home) & mask) >= ((slot - hole) & mask):
            index[hole] = index[slot]
            hole = slot
    index[hole] = EMPTY
    flow["in_use"] = 0
    meter = state.meter[0]
    flow["next_free"] = meter["free_row"]
    meter["free_row"] = row
    meter["live"] -= 1
