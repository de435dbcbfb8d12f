"""Host module: Worker, the packet loop of one ring: read this to see what happens to a packet that nobody kept.

It runs in a thread of the service where that is the only loop, else in a process of its own (``process.py``).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

from flowclass.calls.active import calling
from flowclass.calls.live import snapshot
from flowclass.capture.block import PacketBlock
from flowclass.capture.libpcap import LibpcapSource
from flowclass.capture.ring import RingSource
from flowclass.daemon.batch import Batch, of_calls
from flowclass.daemon.order import Command, Order
from flowclass.errors import FlowclassError
from flowclass.flow.flowmeter import FlowBatch
from flowclass.metrics.row import Phase, Row
from flowclass.model.bundle import ModelBundle, load_default
from flowclass.model.drift import RecentFlows
from flowclass.pipeline import CALLS_SWEEP_NS, Pipeline
from flowclass.sinks.totals import add_totals

NS_PER_S = 1_000_000_000
#: How often silent flows are ended and records handed on.
SWEEP_NS = NS_PER_S
#: How often calls in progress are counted, and recent flows compared with those of training.
ACTIVE_NS, DRIFT_NS = 2 * NS_PER_S, 60 * NS_PER_S
#: Without a ring the loop goes round this often.
PAUSE_S = 0.1
#: Notes to the supervisor; LOST is followed by the generation of the capture that ended and by why.
READY, LOST, ENDED, RELOADED, PROBLEM = "ready", "lost", "ended", "reloaded", "problem"

#: What the kernel counts of a capture, as the source and the row call it.
COUNTED = ("seen", "dropped", "freezes")

LiveSource = RingSource | LibpcapSource


class Inbox(Protocol):
    """Where commands come from."""

    def get(self) -> Command | None:
        """Return the next command if there is one."""


class Outbox(Protocol):
    """Where records go."""

    def put(self, batch: Batch, *, patient: bool) -> bool:
        """Take a batch, whose arrays are the worker's again afterwards; return False when there is no room for it."""


class Worker:
    """Captures from one ring after another until it is told to stop.

    Parameters
    ----------
    order : what to do
    row : its counters; what a worker before it has counted is there already
    inbox, outbox : the supervisor

    Raises
    ------
    FlowclassError
        The model cannot be used.
    """

    def __init__(self, order: Order, row: Row, inbox: Inbox, outbox: Outbox) -> None:
        self._order = order
        self._row = row
        self._pulse = row.pulse[0]
        self._pulse["phase"] = Phase.STARTING
        self._inbox, self._outbox = inbox, outbox
        self._pipeline = Pipeline(
            order.capture.interface,
            lambda flows, verdicts, _: add_totals(flows, verdicts, row.totals),
            settings=order.meter,
            model=bundle_of(order.model),
            on_whole=self._hand,
            stats=row.stats,
            words=order.words,
        )
        self._capture: Command | None = None
        self._source: LiveSource | None = None
        self._stopping = self._orphaned = False
        self._first_ns = self._swept_ns = self._counted_ns = self._shown_ns = 0
        self._both_ways = False
        self._recent, self._compared_ns = RecentFlows(), 0
        self._counted_before = dict.fromkeys(COUNTED, 0)

    def warm(self) -> None:
        """Load or compile the kernels: in the process' first thread while it is alone, where that is fastest."""
        self._pipeline.warm()

    def run(self) -> None:
        """Capture until told to stop; then hand on all live flows."""
        self._tell(READY)
        while not self._stopping:
            self._pulse["phase"] = Phase.WAITING
            while self._capture is None and not self._stopping:
                self._beat(time.time_ns())
                time.sleep(PAUSE_S)
            if self._capture is not None:
                self._read(self._capture)
        if self._orphaned:
            return
        self._pipeline.drain()
        self._pulse["live_flows"] = 0
        self._pulse["phase"] = Phase.ENDED
        self._tell(ENDED)

    def _read(self, capture: Command) -> None:
        """Meter what comes until the interface is lost or the worker is told to stop."""
        self._capture = None
        try:
            source = self._open(capture)
        except FlowclassError as error:
            self._tell(LOST, str(capture.generation), str(error))
            return
        self._source = source
        pulse = self._pulse
        pulse["phase"] = Phase.CAPTURING
        self._counted_before = {name: int(pulse[name]) for name in COUNTED}
        try:
            for block in source.blocks():
                if len(block.refs):
                    self._meter(block, source.sequence)
                self._beat(block.now_ns)
                if self._stopping:
                    source.stop()
            self._count(source)
        finally:
            self._source = None
            source.close()
        if not self._stopping:
            self._tell(LOST, str(capture.generation), "; ".join(source.problems))

    def _open(self, capture: Command) -> LiveSource:
        if self._order.method == "libpcap":
            return LibpcapSource(self._order.capture)
        return RingSource(self._order.capture, capture.ring, sequence=capture.sequence, skip=capture.skip)

    def _meter(self, block: PacketBlock, sequence: int) -> None:
        pulse = self._pulse
        # In this order: a worker that dies in between has read nothing of the block whose number stands here.
        pulse["read_before"] = self._row.stats["packets_read"][0]
        pulse["block"] = sequence
        if not self._first_ns:
            self._first_ns = int(block.refs["ts_ns"][0])
        self._pipeline.add(block)
        pulse["last_packet_ns"] = max(int(pulse["last_packet_ns"]), int(block.refs["ts_ns"][-1]))

    def _beat(self, now_ns: int) -> None:
        """Do what is due: heartbeat, sweep, counts, commands."""
        pulse = self._pulse
        pulse["beats"] += 1
        pulse["now_ns"] = now_ns
        if not 0 <= now_ns - self._swept_ns < SWEEP_NS:
            # A clock that stepped back sweeps at once, and from then on by the new time.
            self._swept_ns = now_ns
            if self._source is not None:
                self._count(self._source)
            self._pipeline.sweep(now_ns)
            self._show(now_ns)
        meter = self._pipeline.meter
        pulse["live_flows"] = meter.live_flows
        if not 0 <= now_ns - self._counted_ns < ACTIVE_NS:
            self._counted_ns = now_ns
            self._give(callers=calling(*meter.live_rows(), now_ns), is_census=1)
        if not 0 <= now_ns - self._compared_ns < DRIFT_NS:
            self._compared_ns = now_ns
            pulse["drift"], pulse["drifted_features"] = self._recent.drift(self._pipeline.model.norms)
            pulse["drift_flows"] = self._recent.count
        # After the last command none comes, or, when the supervisor has gone, the same for ever.
        while not self._stopping and (command := self._inbox.get()) is not None:
            self._obey(command)

    def _count(self, source: LiveSource) -> None:
        """Ask the kernel what it had to drop."""
        try:
            source.count()
        except OSError:
            return
        for name, before in self._counted_before.items():
            self._pulse[name] = before + getattr(source, name)

    def _obey(self, command: Command) -> None:
        if command.what == "capture":
            # What is in the old ring comes first.
            self._capture = command
        elif command.what == "model":
            self._use(command.folder)
        elif command.what == "meter" and command.timeouts is not None:
            self._pipeline.meter.set_timeouts(*command.timeouts)
        elif command.what in ("stop", "die"):
            self._stopping = True
            self._orphaned = command.what == "die"

    def _use(self, folder: str | None) -> None:
        """Take over a model; one that cannot be used changes nothing."""
        try:
            self._pipeline.use(bundle_of(folder))
        except FlowclassError as error:
            self._tell(PROBLEM, str(error))
        else:
            self._tell(RELOADED)

    def _hand(self, batch: FlowBatch, verdicts: Any) -> None:
        """Give ended flows, and what SIP messages said, to the supervisor."""
        flows, media, events = batch.flows, batch.media, batch.events
        self._recent.add(batch.features)
        self._both_ways = self._both_ways or bool((flows["packets"].min(axis=1) > 0).any())
        if not self._order.all_flows:
            flows, verdicts, media = of_calls(flows, verdicts, media)
        if len(flows) or len(events):
            taken = self._give(flows=flows, verdicts=verdicts, media=media, events=events)
            self._pulse["handed" if taken else "unhanded"] += len(flows)

    def _show(self, now_ns: int) -> None:
        """Tell the supervisor the time and, when it is due, which flows may still join calls: all others were given."""
        if 0 <= now_ns - self._shown_ns < CALLS_SWEEP_NS:
            self._tell()
            return
        self._shown_ns = now_ns
        self._give(live=snapshot(*self._pipeline.meter.live_rows()), is_snapshot=1)

    def _tell(self, *note: str) -> None:
        """Tell the supervisor the time, and a note if there is one: its name and more words."""
        self._give(note=" ".join(note))

    def _give(self, **content: Any) -> bool:
        """Give a batch to the supervisor; return whether it was taken."""
        pulse = self._pulse
        batch = Batch(
            now_ns=int(pulse["now_ns"]), first_ns=self._first_ns, last_ns=int(pulse["last_packet_ns"]),
            dropped=int(pulse["dropped"]), both_ways=int(self._both_ways), **content,
        )  # fmt: skip
        return self._outbox.put(batch, patient=self._stopping)


def bundle_of(folder: str | None) -> ModelBundle:
    """Return the model bundle of a folder, or the shipped one.

    Raises
    ------
    FlowclassError
        It cannot be used.
    """
    return load_default() if folder is None else ModelBundle.load(Path(folder))
