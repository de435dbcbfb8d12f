"""Kernel module: features of the first payload packets in order, both directions together.

Called by ``features.row``. Reads ``sequence_size`` (sign = direction) and ``sequence_gap_ms`` of BODY; only the
size without sign and the *changes* of direction are used.
"""

from __future__ import annotations

from typing import Any

from flowclass.features.common import ratio
from flowclass.features.feature import Feature
from flowclass.flow.rows import SEQUENCE_LENGTH
from flowclass.jit import kernel

_EARLY = "Guarino et al., ComNet 2022: size, direction and gap of the first packets"
#: First packets whose size is a feature of its own: set-up exchanges are told by request and answer lengths.
FIRST_SIZES = 4

FEATURES = (
    Feature("seq_length", "", "payload packets in the sequence, at most 20", _EARLY),
    *(
        Feature(f"seq_size_{k + 1}", "byte", f"size of payload packet {k + 1}; 0 when there is none", _EARLY)
        for k in range(FIRST_SIZES)
    ),
    Feature("seq_turns", "", "share of packets in another direction than the one before", _EARLY),
    Feature("seq_longest_run", "", "most packets in a row in one direction, as share of the sequence", _EARLY),
    Feature("seq_same_size", "", "share of packets exactly as long as the one before, either direction", _EARLY),
    Feature("seq_echoes", "", "share of packets as long as the one before, which came the other way", _EARLY),
    Feature("seq_distinct", "", "distinct sizes, as share of the sequence", "FACTS §2.4: distinct sizes"),
    Feature("seq_size_change", "byte", "mean absolute change of size from packet to packet", _EARLY),
    Feature("seq_gap_mean", "ms", "mean time since the payload packet before", _EARLY),
    Feature("seq_gap_max", "ms", "longest time since the payload packet before", _EARLY),
    Feature("seq_bursts", "", "share of packets within 1 ms of the one before", _EARLY),
)


@kernel
def fill(body: Any, row: Any, at: int) -> None:
    """Write the sequence features of one flow into ``row[at:]``."""
    length = min(int(body["window_packets"]), SEQUENCE_LENGTH)
    turns = 0
    run = 0
    longest = 0
    same = 0
    echoes = 0
    distinct = 0
    change = 0
    bursts = 0
    gap_sum = 0.0
    gap_max = 0.0
    before = 0
    for k in range(length):
        signed = int(body["sequence_size"][k])
        size = abs(signed)
        seen = False
        for j in range(k):
            if abs(int(body["sequence_size"][j])) == size:
                seen = True
                break
        distinct += 0 if seen else 1
        turned = k > 0 and (signed < 0) != (before < 0)
        run = 1 if turned else run + 1
        longest = max(longest, run)
        if k > 0:
            gap = float(body["sequence_gap_ms"][k])
            gap_sum += gap
            gap_max = max(gap_max, gap)
            bursts += 1 if gap < 1.0 else 0
            turns += 1 if turned else 0
            change += abs(size - abs(before))
            if size == abs(before):
                same += 1
                echoes += 1 if turned else 0
        before = signed
    steps = float(length - 1)
    row[at] = float(length)
    for k in range(FIRST_SIZES):
        row[at + 1 + k] = float(abs(int(body["sequence_size"][k]))) if k < length else 0.0
    row[at + 5] = ratio(float(turns), steps)
    row[at + 6] = ratio(float(longest), float(length))
    row[at + 7] = ratio(float(same), steps)
    row[at + 8] = ratio(float(echoes), steps)
    row[at + 9] = ratio(float(distinct), float(length))
    row[at + 10] = ratio(float(change), steps)
    row[at + 11] = ratio(gap_sum, steps)
    row[at + 12] = gap_max
    row[at + 13] = ratio(float(bursts), steps)
