"""The packet loop on a clock that somebody sets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowclass.capture.block import LiveClock, PacketBlock
from flowclass.capture.ring import RingSource
from flowclass.capture.ringsocket import RingSettings
from flowclass.capture.source import open_source
from flowclass.daemon.batch import Batch
from flowclass.daemon.order import Command, Order
from flowclass.daemon.worker import Worker
from flowclass.flow.state import MeterSettings
from flowclass.metrics.row import Row
from flowclass.pipeline import analyze
from flowclass.record.status import EndReason

CALL = Path(__file__).parents[2] / "pcaps" / "viber" / "call-2024.pcap"
HOUR_NS = 3600 * 1_000_000_000
IDLE_S = 2.0
STEP_NS = 500_000_000


class Played(RingSource):
    """A ring's place taken by a capture, played twice: the second time by a clock that was set by ``shift_ns``."""

    def __init__(self, shift_ns: int) -> None:
        self.name, self.problems, self.partial = "played", [], False
        self.seen = self.dropped = self.sequence = 0
        self._shift_ns = shift_ns

    def blocks(self) -> Iterator[PacketBlock]:
        """Give the capture twice, and then a silent wire for longer than the idle timeout."""
        frame, now = 1, 0
        for shift in (0, self._shift_ns):
            source = open_source([str(CALL)])
            for block in source.blocks():
                refs = block.refs.copy()
                refs["ts_ns"] += shift
                now = int(refs["ts_ns"][-1])
                yield PacketBlock(block.data, refs, now, frame)
                frame += len(refs)
            source.close()
        for i in range(1, 10):
            yield PacketBlock(block.data, block.refs[:0], now + i * STEP_NS, frame)

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
    """The supervisor's side: one command to capture, one to stop when the wire is told of as lost."""

    def __init__(self) -> None:
        self.commands = [Command("capture")]
        self.flows: list[dict[str, int]] = []

    def get(self) -> Command | None:
        """Return the next command."""
        return self.commands.pop() if self.commands else None

    def put(self, batch: Batch, *, patient: bool) -> bool:
        """Take a batch."""
        for flow in batch.flows:
            self.flows.append({"packets": int(flow["packets"].sum()), "reason": int(flow["end_reason"])})
        if batch.note.startswith("lost"):
            self.commands.append(Command("stop"))
        return True


def flows_in(capture: Path) -> int:
    """Return how many flows a capture holds."""
    counts: list[int] = []
    analyze([str(capture)], lambda flows, *_: counts.append(len(flows)), settings=MeterSettings(seed=1))
    return sum(counts)


@pytest.mark.parametrize("shift_ns", [HOUR_NS, -HOUR_NS])
def test_a_clock_that_is_set_splits_flows_and_loses_nothing(shift_ns: int) -> None:
    desk, row = Desk(), Row()
    order = Order(RingSettings("played"), "ring", MeterSettings(idle_timeout_s=IDLE_S, seed=1), None, True)
    worker = Loop(order, row, desk, desk)
    worker.source = Played(shift_ns)
    worker.run()
    stats = row.stats[0]
    assert sum(flow["packets"] for flow in desk.flows) == int(stats["packets_read"]) == int(stats["packets_metered"])
    assert row.ended_packets == int(stats["packets_read"])
    assert row.open_records == 0
    # All were ended by the clock, on a wire that fell silent, and none by the end of the capture.
    assert {flow["reason"] for flow in desk.flows} <= {EndReason.IDLE_TIMEOUT, EndReason.END_OF_FLOW}
    # Once for each play: a clock that jumps does not cut a flow into more than two.
    assert len(desk.flows) == 2 * flows_in(CALL)


def test_between_packets_the_clock_is_that_of_time_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LiveClock()
    before = clock.idle()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert 0 <= clock.idle() - before < HOUR_NS
