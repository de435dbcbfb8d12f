"""Kernel module: addresses lately resolved to an application's host name: a bounded, forgetful table.

A DNS answer, or the server name of a TLS hello, teaches (client, address) → application; a flow between the two that
begins soon after carries the hint as a weak reason. It never decides: shared addresses and spoofed answers are common
(USERS §2.10).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.hash import multiply_fold
from flowclass.jit import int64, kernel
from flowclass.record.field import Field, dtype_of

RESOLVED_ENTRIES = 16_384
#: How long an answer counts; phones keep connections to an address for minutes beyond its DNS time to live.
REMEMBER_NS = 600 * 1_000_000_000

RESOLVED = dtype_of(
    (
        Field("pair", "u8", "hash of client and resolved address, the same in both orders"),
        Field("until_ns", "i8", "time until which the hint counts", "ns"),
        Field("app", "u1", "App of the host name"),
    )
)


#: Fractional digits of pi and e: arbitrary odd words, so that small or equal addresses do not multiply to nothing.
_PI, _E = np.uint64(0x243F6A8885A308D3), np.uint64(0xB7E151628AED2A6B)


@kernel
def pair_hash(a_hi: Any, a_lo: Any, b_hi: Any, b_lo: Any) -> Any:
    """Return a hash of two addresses that does not depend on their order."""
    return multiply_fold(a_hi ^ _PI, a_lo ^ _E) + multiply_fold(b_hi ^ _PI, b_lo ^ _E)


@kernel
def learn_answers(pkt: Any, msg: Any, resolved: Any) -> None:
    """Remember the addresses of a DNS answer whose name belongs to an application."""
    if msg["name_app"] == 0:
        return
    for i in range(int64(msg["dns_answers"])):
        pair = pair_hash(pkt["dst_hi"], pkt["dst_lo"], msg["dns_hi"][i], msg["dns_lo"][i])
        entry = resolved[int64(pair & np.uint64(RESOLVED_ENTRIES - 1))]
        entry["pair"] = pair
        entry["until_ns"] = pkt["ts_ns"] + REMEMBER_NS
        entry["app"] = msg["name_app"]


@kernel
def learn_server(pkt: Any, msg: Any, resolved: Any) -> None:
    """Remember the address to which a TLS hello goes whose server name belongs to an application."""
    if msg["name_app"] == 0:
        return
    pair = pair_hash(pkt["src_hi"], pkt["src_lo"], pkt["dst_hi"], pkt["dst_lo"])
    entry = resolved[int64(pair & np.uint64(RESOLVED_ENTRIES - 1))]
    entry["pair"] = pair
    entry["until_ns"] = pkt["ts_ns"] + REMEMBER_NS
    entry["app"] = msg["name_app"]


@kernel
def resolved_app(pkt: Any, resolved: Any) -> int:
    """Return the App whose host name one end of the packet has just resolved to the other end, or 0."""
    pair = pair_hash(pkt["src_hi"], pkt["src_lo"], pkt["dst_hi"], pkt["dst_lo"])
    entry = resolved[int64(pair & np.uint64(RESOLVED_ENTRIES - 1))]
    if entry["pair"] == pair and entry["until_ns"] >= pkt["ts_ns"]:
        return int64(entry["app"])
    return 0
