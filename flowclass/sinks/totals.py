"""Kernel module: totals of flows by application and kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.jit import entry, int64
from flowclass.record.field import Field, dtype_of
from flowclass.record.verdict import App, Kind

TOTAL_FIELDS = (
    Field("flows", "i8", "flows"),
    Field("packets", "i8", "packets, both directions"),
    Field("bytes", "i8", "IP bytes, both directions", "byte"),
    Field("confidence", "f8", "sum of confidences"),
    Field("voice_like_s", "i8", "seconds in which tunnels were like speech", "s"),
)
TOTAL = dtype_of(TOTAL_FIELDS)


def new_totals() -> np.ndarray:
    """Return TOTAL[applications, kinds], zeroed."""
    return np.zeros((len(App), len(Kind)), TOTAL)


@entry
def add_totals(flows: Any, verdicts: Any, totals: Any) -> None:
    """Add FLOW[n] with its VERDICT[n] to TOTAL[applications, kinds]."""
    for i in range(flows.size):
        flow = flows[i]
        total = totals[int64(verdicts[i]["app"]), int64(verdicts[i]["kind"])]
        total["flows"] += 1
        total["packets"] += int64(flow["packets"][0]) + int64(flow["packets"][1])
        total["bytes"] += int64(flow["bytes"][0]) + int64(flow["bytes"][1])
        total["confidence"] += verdicts[i]["confidence"]
        total["voice_like_s"] += max(int64(flow["voice_like_s"]), 0)
