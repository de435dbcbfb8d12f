"""Kernel module: TLS ClientHellos split over TCP segments are joined in a small pool of buffers.

A hello is in a buffer only from its first segment to its last, a few milliseconds; then its host name is read and
the buffer is free. The pool is direct-mapped by flow row: a busy buffer refuses a second flow, and that is counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.tls import hello_bytes_needed
from flowclass.jit import int64, kernel
from flowclass.record.field import Field, dtype_of

HELLO_BUFFERS = 256
#: A hello with post-quantum key shares is about 1.8 kB; larger ones than this are left alone.
HELLO_BYTES = 8192
#: A hello starts within the flow's first payload packets (STARTTLS is not followed).
LATEST_START = 2
#: A buffer not completed within this time may be taken over.
STALE_NS = 5 * 1_000_000_000
SEQ_MASK = 0xFFFFFFFF

HELLO = dtype_of(
    (
        Field("row", "i4", "flow that fills the buffer, plus 1; 0 when free"),
        Field("filled", "i4", "bytes so far", "byte"),
        Field("needed", "i4", "bytes of the whole hello, record header included", "byte"),
        Field("next_seq", "u4", "TCP sequence number of the next byte"),
        Field("direction", "u1", "direction that sends it"),
        Field("since_ns", "i8", "time of the first segment", "ns"),
    )
)


@kernel
def _copy_segment(data: Any, pkt: Any, hello: Any, buffer: Any) -> None:
    """Append the packet's payload to the buffer, up to what the hello needs."""
    lo = int64(pkt["payload_lo"])
    filled = int64(hello["filled"])
    take = min(int64(pkt["payload_hi"]) - lo, int64(hello["needed"]) - filled)
    for i in range(take):
        buffer[filled + i] = data[lo + i]
    hello["filled"] = filled + take
    hello["next_seq"] = (int64(pkt["tcp_seq"]) + take) & SEQ_MASK


@kernel
def join_hello(data: Any, pkt: Any, direction: int, state: Any, row: int) -> int:
    """Begin or go on joining a split ClientHello.

    Returns
    -------
    int
        The buffer that holds it once it is whole, with ``state.hello_packet`` describing it as a packet; else -1.
    """
    body = state.body[row]
    at = row % HELLO_BUFFERS
    hello = state.hellos[at]
    if body["hello"] == 0:
        if body["payload_packets"] > LATEST_START:
            return -1
        lo, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
        needed = hello_bytes_needed(data, lo, hi)
        if needed <= hi - lo or needed > HELLO_BYTES or hi - lo < pkt["payload_bytes"]:
            return -1
        if hello["row"] != 0 and pkt["ts_ns"] - hello["since_ns"] < STALE_NS:
            state.stats[0]["hellos_refused"] += np.uint64(1)
            return -1
        if hello["row"] != 0:
            state.body[int64(hello["row"]) - 1]["hello"] = 0
        body["hello"] = 1
        hello["row"] = row + 1
        hello["filled"] = 0
        hello["needed"] = needed
        hello["direction"] = direction
        hello["since_ns"] = pkt["ts_ns"]
        _copy_segment(data, pkt, hello, state.hello_bytes[at])
    elif hello["direction"] == direction and int64(pkt["tcp_seq"]) == int64(hello["next_seq"]):
        _copy_segment(data, pkt, hello, state.hello_bytes[at])
        if hello["filled"] == hello["needed"]:
            whole = state.hello_packet[0]
            whole["proto"] = pkt["proto"]
            whole["sport"] = pkt["sport"]
            whole["dport"] = pkt["dport"]
            whole["payload_lo"] = 0
            whole["payload_hi"] = hello["needed"]
            whole["payload_bytes"] = hello["needed"]
            release_hello(state.hellos, body, row)
            return at
    return -1


@kernel
def release_hello(hellos: Any, body: Any, row: int) -> None:
    """Free the buffer that a flow was filling, if any."""
    if body["hello"]:
        body["hello"] = 0
        hellos[row % HELLO_BUFFERS]["row"] = 0
