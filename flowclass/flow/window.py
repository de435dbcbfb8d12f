"""Kernel module: the statistics window of an open flow: sizes, gaps, sequence, changing bytes.

Called by the meter for each payload packet of a flow while fewer than WINDOW_PACKETS have been seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.load import be64
from flowclass.flow.rows import GAP_BINS, GAP_EDGES_MS, SEQUENCE_LENGTH, SIZE_BINS, SIZE_EDGES
from flowclass.jit import int64, kernel
from flowclass.record.message import MessageKind

NS_PER_MS = 1e6
#: Bytes compared from packet to packet: two 64-bit words.
COMPARED_BYTES = 16
U1_MAX = 255
U2_MAX = 65535

_SIZE_EDGES = np.array(SIZE_EDGES, np.int64)
_GAP_EDGES_MS = np.array(GAP_EDGES_MS, np.float64)
_LARGEST_BINNED_SIZE = int(SIZE_EDGES[-1])
#: Bin of every size below the last edge: one load instead of a search.
_SIZE_BIN_OF = np.searchsorted(_SIZE_EDGES, np.arange(_LARGEST_BINNED_SIZE), side="right").astype(np.uint8)
_LARGEST_BINNED_GAP_MS = int(GAP_EDGES_MS[-1])
#: The same for gaps, by whole milliseconds (the edges are whole).
_GAP_BIN_OF = np.searchsorted(_GAP_EDGES_MS, np.arange(_LARGEST_BINNED_GAP_MS), side="right").astype(np.uint8)


@kernel
def count_up(bins: Any, i: int) -> None:
    """Add one to an 8-bit counter that stops at 255."""
    if bins[i] < U1_MAX:
        bins[i] += 1


@kernel
def size_bin(size: int) -> int:
    """Return the bin of a payload size in SIZE_EDGES."""
    return int64(_SIZE_BIN_OF[size]) if size < _LARGEST_BINNED_SIZE else SIZE_BINS - 1


@kernel
def gap_bin(gap_ms: float) -> int:
    """Return the bin of a gap in GAP_EDGES_MS."""
    return int64(_GAP_BIN_OF[int64(gap_ms)]) if gap_ms < _LARGEST_BINNED_GAP_MS else GAP_BINS - 1


@kernel
def add_to_window(data: Any, pkt: Any, msg: Any, direction: int, body: Any) -> None:
    """Add one payload packet to the window of ``body``, the flow's BODY row."""
    ts_ns = int64(pkt["ts_ns"])
    previous_ns = int64(body["payload_ns"])
    body["payload_ns"] = ts_ns
    size = min(int64(pkt["payload_bytes"]), U2_MAX)
    place = int64(body["window_packets"])
    body["window_packets"] = place + 1
    if place < SEQUENCE_LENGTH:
        body["sequence_size"][place] = min(size, 32767) * (1 - 2 * direction)
        body["sequence_gap_ms"][place] = max(ts_ns - previous_ns, 0) / NS_PER_MS if previous_ns > 0 else 0.0
    window = body["window"][direction]
    lo = int64(pkt["payload_lo"])
    first = window["packets"] == 0
    window["packets"] += 1
    window["size_sum"] += size
    window["size_squares"] += size * size
    if first:
        window["size_min"] = size
        window["size_first"] = size
    else:
        gap_ms = max(ts_ns - int64(window["last_ns"]), 0) / NS_PER_MS
        window["gap_sum_ms"] += gap_ms
        window["gap_squares"] += gap_ms * gap_ms
        if window["packets"] == 2 or gap_ms < window["gap_min_ms"]:
            window["gap_min_ms"] = gap_ms
        if gap_ms > window["gap_max_ms"]:
            window["gap_max_ms"] = gap_ms
        count_up(window["gap_bins"], gap_bin(gap_ms))
        if size < window["size_min"]:
            window["size_min"] = size
        if size == window["size_last"]:
            window["size_repeats"] += 1
    if size > window["size_max"]:
        window["size_max"] = size
    window["size_last"] = size
    window["last_ns"] = ts_ns
    count_up(window["size_mod16"], size & 15)
    count_up(window["size_bins"], size_bin(size))
    if int64(pkt["payload_hi"]) - lo >= COMPARED_BYTES:
        low, high = be64(data, lo), be64(data, lo + 8)
        if window["compared"] == 0:
            window["compared"] = 1
            window["first8"] = low
            window["first16"] = high
        else:
            window["changed8"] |= low ^ window["first8"]
            window["changed16"] |= high ^ window["first16"]
    _count_message(msg, pkt, window)


@kernel
def _count_message(msg: Any, pkt: Any, window: Any) -> None:
    """Count what kind of message the packet was; counters cannot pass WINDOW_PACKETS, so none overflows."""
    kind = msg["kind"]
    if kind == MessageKind.STUN or kind == MessageKind.STUN_CLASSIC:
        window["stun"] += 1
    elif kind == MessageKind.RTP:
        window["rtp_shaped"] += 1
    elif kind == MessageKind.RTCP:
        window["rtcp_shaped"] += 1
    if msg["media_hi"] > msg["media_lo"] and msg["media_lo"] != pkt["payload_lo"]:
        window["wrapped_media"] += 1
