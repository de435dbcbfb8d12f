"""Kernel module: features of the gaps between packets of one direction: the frame clock of a codec shows here.

Called by ``features.row``. Gaps come from the capture's clock; the time of day is never a feature.
"""

from __future__ import annotations

import itertools
from typing import Any

from flowclass.features.common import ratio, spread
from flowclass.features.feature import Feature, both
from flowclass.flow.rows import GAP_BINS, GAP_EDGES_MS
from flowclass.jit import kernel

_BRANCH = "Branch et al., NOSSDAV 2009: inter-arrival times"
_CLOCKS = "FACTS §1: frame clocks of 20, 60, 120 and 160 ms"


def _bins() -> tuple[Feature, ...]:
    edges = ["0", *(str(edge) for edge in GAP_EDGES_MS), "more"]
    return tuple(
        Feature(f"gap_bin_{lo}", "", f"share of gaps of {lo} to below {hi} ms", _CLOCKS)
        for lo, hi in itertools.pairwise(edges)
    )


FEATURES = (
    *both("gap", "mean", "ms", "mean gap between payload packets; 0 below two", _BRANCH),
    *both("gap", "sd", "ms", "standard deviation of the gap", _BRANCH),
    *both("gap", "min", "ms", "smallest gap", _BRANCH),
    *both("gap", "max", "ms", "largest gap", _BRANCH),
    *both("gap", "rate", "byte/s", "payload bytes a second while packets came; 0 below two packets", _BRANCH),
    *_bins(),
)


@kernel
def fill(body: Any, busy: int, row: Any, at: int) -> None:
    """Write the timing features of one flow into ``row[at:]``."""
    gaps = 0
    for i in range(2):
        window = body["window"][busy if i == 0 else 1 - busy]
        count = max(int(window["packets"]) - 1, 0)
        gaps += count
        row[at + i] = ratio(window["gap_sum_ms"], float(count))
        row[at + 2 + i] = spread(window["gap_sum_ms"], window["gap_squares"], count)
        row[at + 4 + i] = window["gap_min_ms"]
        row[at + 6 + i] = window["gap_max_ms"]
        row[at + 8 + i] = ratio(float(window["size_sum"]) * 1000.0, window["gap_sum_ms"]) if count > 0 else 0.0
    a = body["window"][busy]
    b = body["window"][1 - busy]
    for k in range(GAP_BINS):
        row[at + 10 + k] = ratio(float(a["gap_bins"][k]) + float(b["gap_bins"][k]), float(gaps))
