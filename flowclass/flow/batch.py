"""Kernel module: a batch of frames before it is metered: dissected, and asked for in memory.

A flow's rows lie somewhere in tables of many megabytes. They are asked for some packets before they are used, first the
line that says what else the packet will touch, then that.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.packet import dissect_any
from flowclass.dissect.plain import dissect_plain
from flowclass.flow.rows import BODY, LINE_BYTES, STREAM, WINDOW, offset_of
from flowclass.flow.study import OPEN
from flowclass.flow.table import BODY_BYTES, first_slot, likely_row
from flowclass.jit import fused, int64, kernel, prefetch, unit
from flowclass.record.status import Status

STREAM_BYTES = STREAM.itemsize
WINDOWS_AT = offset_of(BODY, "window")
WINDOW_BYTES = WINDOW.itemsize
#: Packets between asking for a flow's first lines, for the rest of it, and metering: long enough for a row to come
#: from memory, short enough that all rows on their way stay in a 32 kB first-level cache (bench/kernels).
FETCH_FLOW_AHEAD = 24
FETCH_REST_AHEAD = 12


@unit
def dissect_odd(state: Any, frame: int, k: int) -> int:
    """Dissect ``state.refs[frame]``, which is not plain, into ``state.packets[k]``; return its Status."""
    return dissect_any(state.data, state.refs[frame], state.packets[k], state.fragments, state.seed)


@fused
def dissect_batch(state: Any, start: int, count: int) -> None:
    """Dissect ``refs[start : start + count]`` into ``packets[:count]``, and fetch where the index has their flows."""
    for k in range(count):
        pkt = state.packets[k]
        plain = dissect_plain(state.data, state.refs[start + k], pkt, state.seed)
        if plain or dissect_odd(state, start + k, k) == Status.OK:
            prefetch(state.index, first_slot(state.index, pkt["hash"]))


@kernel
def fetch_flow(state: Any, k: int) -> None:
    """Fetch the first lines of the flow that ``state.packets[k]`` most likely belongs to, and note its row."""
    pkt = state.packets[k]
    if pkt["status"] != Status.OK:
        return
    row = likely_row(state.index, pkt["hash"])
    pkt["flow"] = row
    if row >= 0:
        prefetch(state.hot, row)
        prefetch(state.body_bytes, row * BODY_BYTES)


@kernel
def fetch_rest(state: Any, k: int) -> None:
    """Fetch what else the packet will touch, as its flow's first line tells: a window, or its media stream."""
    pkt = state.packets[k]
    row = int64(pkt["flow"])
    if pkt["status"] != Status.OK or row < 0:
        return
    if pkt["payload_bytes"] <= 0:
        return
    body = state.body[row]
    flow = state.hot[row]
    direction = 0 if flow["src_lo"] == pkt["src_lo"] and flow["sport"] == pkt["sport"] else 1
    if body["stage"] == OPEN:
        window = row * BODY_BYTES + WINDOWS_AT + direction * WINDOW_BYTES
        prefetch(state.body_bytes, row * BODY_BYTES + LINE_BYTES)
        prefetch(state.body_bytes, window)
        prefetch(state.body_bytes, window + LINE_BYTES)
    if body["stream_hint"][direction] > 0:
        stream = (int64(body["stream_hint"][direction]) - 1) * STREAM_BYTES
        prefetch(state.stream_bytes, stream)
        prefetch(state.stream_bytes, stream + LINE_BYTES)


@fused
def fetch_first(state: Any, count: int) -> None:
    """Fetch what the first of ``packets[:count]`` will touch."""
    for k in range(min(count, FETCH_FLOW_AHEAD)):
        fetch_flow(state, k)
    for k in range(min(count, FETCH_REST_AHEAD)):
        fetch_rest(state, k)


@fused
def fetch_ahead(state: Any, k: int, count: int) -> None:
    """Fetch what packets a little after ``packets[k]`` will touch, as far as the batch has them."""
    if k + FETCH_FLOW_AHEAD < count:
        fetch_flow(state, k + FETCH_FLOW_AHEAD)
    if k + FETCH_REST_AHEAD < count:
        fetch_rest(state, k + FETCH_REST_AHEAD)
