"""Kernel module: features of payload sizes: level and spread by direction, and the histogram of both together.

Called by ``features.row``. Reads the window statistics of BODY only.
"""

from __future__ import annotations

import itertools
from typing import Any

from flowclass.features.common import ratio, spread
from flowclass.features.feature import Feature, both
from flowclass.flow.rows import SIZE_BINS, SIZE_EDGES
from flowclass.jit import kernel

_BRANCH = "Branch et al., NOSSDAV 2009: packet length near the speech frame's size"
_TABLE = "FACTS §2.4: mean, spread and distinct sizes of real calls"


def _bins() -> tuple[Feature, ...]:
    edges = ["0", *(str(edge) for edge in SIZE_EDGES), "more"]
    return tuple(
        Feature(f"size_bin_{lo}", "", f"share of payload packets of {lo} to below {hi} bytes", _BRANCH)
        for lo, hi in itertools.pairwise(edges)
    )


FEATURES = (
    *both("size", "mean", "byte", "mean payload size; 0 without packets", _TABLE),
    *both("size", "sd", "byte", "standard deviation of payload size", _TABLE),
    *both("size", "min", "byte", "smallest payload; 0 without packets", _TABLE),
    *both("size", "max", "byte", "largest payload", _TABLE),
    *both("size", "repeats", "", "share of packets as long as the one before them", "constant bit rate codecs"),
    Feature("size_bytes_ratio", "", "payload bytes, quiet over busy direction", "FACTS §2.4: direction symmetry"),
    Feature("size_packets_ratio", "", "payload packets, fewer over more", "FACTS §2.4: direction symmetry"),
    Feature("size_packets", "", "payload packets in the window", "how much the other features rest on"),
    *_bins(),
)


@kernel
def fill(body: Any, busy: int, row: Any, at: int) -> None:
    """Write the size features of one flow into ``row[at:]``."""
    total = 0
    for i in range(2):
        window = body["window"][busy if i == 0 else 1 - busy]
        count = int(window["packets"])
        total += count
        row[at + i] = ratio(float(window["size_sum"]), float(count))
        row[at + 2 + i] = spread(float(window["size_sum"]), window["size_squares"], count)
        row[at + 4 + i] = float(window["size_min"]) if count > 0 else 0.0
        row[at + 6 + i] = float(window["size_max"])
        row[at + 8 + i] = ratio(float(window["size_repeats"]), float(count - 1))
    a = body["window"][busy]
    b = body["window"][1 - busy]
    fewer = min(int(a["packets"]), int(b["packets"]))
    more = max(int(a["packets"]), int(b["packets"]))
    row[at + 10] = ratio(float(b["size_sum"]), float(a["size_sum"]))
    row[at + 11] = ratio(float(fewer), float(more))
    row[at + 12] = float(total)
    for k in range(SIZE_BINS):
        row[at + 13 + k] = ratio(float(a["size_bins"][k]) + float(b["size_bins"][k]), float(total))
