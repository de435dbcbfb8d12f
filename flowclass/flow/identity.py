"""Kernel module: flow_id, the name of a flow that is the same in every run over the same packets."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.hash import biflow_hash, multiply_fold
from flowclass.jit import kernel

#: Key of flow_id: the hexadecimal digits of pi, because an id must be the same in every run, unlike the table's hash.
ID_SEED = np.array([0x243F6A8885A308D3, 0x13198A2E03707344], np.uint64)
_ONE = np.uint64(1)


@kernel
def flow_id(flow: Any, body: Any) -> Any:
    """Return the id of a live flow (HOT and BODY row): a hash of its key and of the time of its first packet."""
    key_hash = biflow_hash(
        flow["src_hi"],
        flow["src_lo"],
        flow["dst_hi"],
        flow["dst_lo"],
        flow["sport"],
        flow["dport"],
        flow["proto"],
        ID_SEED,
    )
    return multiply_fold(key_hash | _ONE, np.uint64(body["origin_ns"]) ^ ID_SEED[0])
