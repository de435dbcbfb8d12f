"""The packet loop on a wire whose packets and clock a test sets, in the test's own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from flowclass.capture.block import PacketBlock
from flowclass.capture.ring import RingSource
from flowclass.capture.ringsocket import RingSettings
from flowclass.capture.source import open_source
from flowclass.daemon.batch import Batch
from flowclass.daemon.order import Command, Order
from flowclass.daemon.worker import Worker
from flowclass.flow.state import MeterSettings
from flowclass.metrics.row import Row
from flowclass.record.packet import PACKET_REF

Chooser = Callable[[np.ndarray], bool]


def played(capture: Path, shift_ns: int = 0, keep: Chooser | None = None) -> Iterator[PacketBlock]:
    """Give the blocks of a capture by a clock set by ``shift_ns``, of all frames or those that ``keep`` wants."""
    source = open_source([str(capture)])
    for block in source.blocks():
        refs = block.refs.copy()
        if keep is not None:
            ends = zip(refs["offset"].tolist(), refs["caplen"].tolist(), strict=True)
            refs = refs[[keep(block.data[lo : lo + length]) for lo, length in ends]]
        refs["ts_ns"] += shift_ns
        yield PacketBlock(block.data.copy(), refs, block.now_ns + shift_ns, block.first_frame)
    source.close()


def silence(begin_ns: int, length_s: float, step_s: float) -> Iterator[PacketBlock]:
    """Give the blocks without packets of a wire that has fallen silent."""
    nothing = np.zeros(1, np.uint8)
    for i in range(1, round(length_s / step_s) + 1):
        yield PacketBlock(nothing, np.zeros(0, PACKET_REF), begin_ns + round(i * step_s * 1e9), 1)


class Played(RingSource):
    """A ring's place taken by blocks."""

    def __init__(self, blocks: Sequence[PacketBlock]) -> None:
        self.name, self.problems, self.partial = "played", [], False
        self.seen = self.dropped = self.freezes = self.sequence = 0
        self._blocks = blocks
        self.left = len(blocks)

    def blocks(self) -> Iterator[PacketBlock]:
        """Give the blocks."""
        for block in self._blocks:
            self.left -= 1
            yield block

    def count(self) -> None:
        """There is no kernel to ask."""

    def stop(self) -> None:
        """It ends by itself."""

    def close(self) -> None:
        """There is nothing to close."""


class Loop(Worker):
    """A worker with a scripted wire."""

    source: Played

    def _open(self, capture: Command) -> RingSource:
        return self.source


class Desk:
    """The supervisor's side: one command to capture, one to stop once all blocks were given."""

    def __init__(self, source: Played, take: Callable[[Batch], None]) -> None:
        self._commands = [Command("stop"), Command("capture")]
        self._source = source
        self._take = take

    def get(self) -> Command | None:
        """Return the next command."""
        is_due = len(self._commands) > 1 or not self._source.left
        return self._commands.pop() if self._commands and is_due else None

    def put(self, batch: Batch, *, patient: bool) -> bool:
        """Take a batch."""
        self._take(batch)
        return True


def run(
    blocks: Sequence[PacketBlock],
    settings: MeterSettings,
    take: Callable[[Batch], None],
    *,
    all_flows: bool = True,
    words: bool = True,
) -> Row:
    """Let a worker read blocks, hand what it tells to ``take``, and return its counters."""
    source, row = Played(blocks), Row()
    desk = Desk(source, take)
    worker = Loop(Order(RingSettings("played"), "ring", settings, None, all_flows, words), row, desk, desk)
    worker.source = source
    worker.run()
    return row
