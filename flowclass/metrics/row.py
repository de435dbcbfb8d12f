"""Host module: Row, the counters of one worker in memory that its supervisor reads.

A worker is the only one to write its row, and nobody waits: a scrape reads what stands there. A row outlives its
worker; the successor goes on counting in it.
"""

from __future__ import annotations

import mmap
import os
from enum import IntEnum

import numpy as np

from flowclass.record.field import Field, dtype_of
from flowclass.record.stats import STATS
from flowclass.record.verdict import App, Kind
from flowclass.sinks.totals import TOTAL


class Phase(IntEnum):
    """What a worker is doing."""

    STARTING = 0  #: compiling or loading kernels
    WAITING = 1  #: it has no ring
    CAPTURING = 2
    ENDED = 3  #: stopped in order


PULSE_FIELDS = (
    Field("beats", "u8", "times the packet loop went round, on a silent wire as well"),
    Field("phase", "u1", "a Phase"),
    Field("now_ns", "i8", "the capture's clock", "ns"),
    Field("last_packet_ns", "i8", "time of the last packet", "ns"),
    Field("seen", "u8", "packets that reached the ring, dropped ones included", "packet"),
    Field("dropped", "u8", "packets that the kernel could not store", "packet"),
    Field("freezes", "u8", "times that the kernel found the ring full"),
    Field("block", "u8", "the kernel's number of the ring block in hand"),
    Field("read_before", "u8", "packets read when that block was begun", "packet"),
    Field("live_flows", "u8", "flows in the table", "flow"),
    Field("handed", "u8", "flow records given to the supervisor", "record"),
    Field("unhanded", "u8", "flow records that it did not take in time", "record"),
    Field("drift", "f8", "mean population stability index of recent flows' features"),
    Field("drifted_features", "u4", "features whose index is above DRIFTED"),
    Field("drift_flows", "u4", "recent flows that were compared", "flow"),
)
PULSE = dtype_of(PULSE_FIELDS)
#: Arrays begin at a multiple of this: a cache line.
ALIGNMENT = 64


class Row:
    """The counters of one worker.

    Parameters
    ----------
    descriptor : of the shared memory, as ``share`` made it; None for memory of this process alone

    Attributes
    ----------
    stats : STATS[1]
    totals : TOTAL[applications, kinds]
    pulse : PULSE[1]
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._memory = mmap.mmap(-1 if descriptor is None else descriptor, ROW_BYTES)
        parts = zip(PARTS, OFFSETS, strict=True)
        self.stats, totals, self.pulse = (np.frombuffer(self._memory, *part, offset) for part, offset in parts)
        self.totals = totals.reshape(len(App), len(Kind))

    @staticmethod
    def share() -> int:
        """Return a descriptor of fresh shared memory for a Row."""
        descriptor = os.memfd_create("flowclass-row")
        os.ftruncate(descriptor, ROW_BYTES)
        return descriptor

    @property
    def ended_packets(self) -> int:
        """Packets of the flow records that were closed."""
        return int(self.totals["packets"].sum())

    @property
    def open_records(self) -> int:
        """Flow records opened and not labelled and counted: those of live flows, and of flows just ended."""
        return int(self.stats["flows_created"][0]) - int(self.totals["flows"].sum())


PARTS = ((STATS, 1), (TOTAL, len(App) * len(Kind)), (PULSE, 1))


def _offsets() -> tuple[list[int], int]:
    """Return where each part begins, and the bytes of all."""
    places, end = [], 0
    for dtype, count in PARTS:
        places.append(end)
        end += -(-dtype.itemsize * count // ALIGNMENT) * ALIGNMENT
    return places, end


OFFSETS, ROW_BYTES = _offsets()


def summed(rows: list[Row]) -> tuple[np.void, np.ndarray]:
    """Return STATS and TOTAL[applications, kinds] over all rows."""
    stats = np.zeros(1, STATS)
    totals = np.zeros((len(App), len(Kind)), TOTAL)
    for row in rows:
        for name in STATS.names or ():
            stats[name] += row.stats[name]
        for name in TOTAL.names or ():
            totals[name] += row.totals[name]
    return stats[0], totals
