"""Kernel module: totals of flows by application and kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.jit import entry, int64
from flowclass.record.field import Field, dtype_of
from flowclass.record.verdict import App, DecidedBy, Kind

#: Upper edges, inclusive, of the histograms; the last bin of each is open. Confidence: where labels begin to be worth
#: acting on. Packets: the views that the model is trained on.
CONFIDENCE_EDGES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
LATENCY_EDGES = (1, 2, 3, 5, 10, 20, 50, 100)
#: Seconds: from the first packet of a set-up, through an app's ring time, to a call joined in its middle.
LATENCY_S_EDGES = (0.0, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
MS_PER_S = 1000
_EVIDENCE = int(DecidedBy.EVIDENCE)

TOTAL_FIELDS = (
    Field("flows", "i8", "flows"),
    Field("packets", "i8", "packets, both directions"),
    Field("bytes", "i8", "IP bytes, both directions", "byte"),
    Field("confidence", "f8", "sum of confidences"),
    Field("voice_like_s", "i8", "seconds in which tunnels were like speech", "s"),
    Field("confidence_bins", "i8", "flows by confidence (CONFIDENCE_EDGES)", shape=(len(CONFIDENCE_EDGES) + 1,)),
    Field("latency_packets", "i8", "sum of the packets at which verdicts stood"),
    Field(
        "latency_bins", "i8", "first pieces of flows by that packet (LATENCY_EDGES)", shape=(len(LATENCY_EDGES) + 1,)
    ),
    Field("latency_s", "f8", "sum of the times from first packets to where evidence decided", "s"),
    Field(
        "latency_s_bins",
        "i8",
        "first pieces of flows that evidence decided, by that time (LATENCY_S_EDGES)",
        shape=(len(LATENCY_S_EDGES) + 1,),
    ),
)
TOTAL = dtype_of(TOTAL_FIELDS)


def new_totals() -> np.ndarray:
    """Return TOTAL[applications, kinds], zeroed."""
    return np.zeros((len(App), len(Kind)), TOTAL)


@entry
def add_totals(flows: Any, verdicts: Any, totals: Any) -> None:
    """Add FLOW[n] with its VERDICT[n] to TOTAL[applications, kinds]."""
    for i in range(flows.size):
        flow, verdict = flows[i], verdicts[i]
        total = totals[int64(verdict["app"]), int64(verdict["kind"])]
        total["flows"] += 1
        total["packets"] += int64(flow["packets"][0]) + int64(flow["packets"][1])
        total["bytes"] += int64(flow["bytes"][0]) + int64(flow["bytes"][1])
        total["voice_like_s"] += max(int64(flow["voice_like_s"]), 0)
        total["confidence"] += verdict["confidence"]
        place = 0
        while place < len(CONFIDENCE_EDGES) and verdict["confidence"] > np.float32(CONFIDENCE_EDGES[place]):
            place += 1
        total["confidence_bins"][place] += 1
        packet = int64(verdict["decided_at_packet"])
        if packet > 0 and flow["piece"] == 0:
            total["latency_packets"] += packet
            place = 0
            while place < len(LATENCY_EDGES) and packet > LATENCY_EDGES[place]:
                place += 1
            total["latency_bins"][place] += 1
            # What the model decides it decides at the end: that is no latency.
            if verdict["decided_by"] == _EVIDENCE:
                seconds = flow["decided_ms"] / MS_PER_S
                total["latency_s"] += seconds
                place = 0
                while place < len(LATENCY_S_EDGES) and seconds > LATENCY_S_EDGES[place]:
                    place += 1
                total["latency_s_bins"][place] += 1
