"""Kernel module: sets of port numbers as bit tables, for the modules that name services by form and port."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.jit import int64, kernel


def port_set(*groups: set[int]) -> np.ndarray:
    """Return the bit table (uint8[8192]) of the ports in all groups."""
    table = np.zeros(8192, np.uint8)
    for port in set().union(*groups):
        table[port >> 3] |= 1 << (port & 7)
    return table


@kernel
def service_port(pkt: Any, table: Any) -> int:
    """Return the packet's destination port if it is in the set, else its source port if that is, else 0."""
    port = int64(pkt["dport"])
    if table[port >> 3] >> (port & 7) & 1:
        return port
    port = int64(pkt["sport"])
    if table[port >> 3] >> (port & 7) & 1:
        return port
    return 0


#: Class bits of a STUN message type: 0 request, 0x0010 indication, 0x0100 success, 0x0110 error (RFC 8489 §5).
ANSWER_BIT = 0x0100


@kernel
def is_stun_server(pkt: Any, msg: Any, port: int) -> bool:
    """Whether a STUN message goes to a server that listens on ``port``, or is its answer."""
    is_answer = int64(msg["stun_type"]) & ANSWER_BIT
    return bool(pkt["sport"] == port if is_answer else pkt["dport"] == port)
