"""Host module: the service's own counters, beside those of its workers' rows; the supervisor writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from flowclass.capture.device import device_losses
from flowclass.metrics.calls import CallTotals
from flowclass.metrics.row import Row, summed
from flowclass.model.bundle import ModelBundle
from flowclass.networks.prefixfile import Network


@dataclass
class SinkHealth:
    """What a sink did so far.

    Attributes
    ----------
    written, lost : records that it took, and that it failed to take
    overflowed : records that found its queue full
    waiting : records in its queue
    up : whether it took the last ones
    """

    name: str
    written: int = 0
    lost: int = 0
    overflowed: int = 0
    waiting: int = 0
    up: bool = True

    @property
    def total_lost(self) -> int:
        """Records lost for whatever reason."""
        return self.lost + self.overflowed


@dataclass
class LinkHealth:
    """An interface: whether packets can be read from it, and how often it was opened again.

    Attributes
    ----------
    lost_before : what its device had lost before packets were let in
    """

    interface: str
    up: bool = False
    restarts: int = 0
    lost_before: int = 0

    def begin(self) -> None:
        """Packets are let in now."""
        self.up = True
        self.lost_before = device_losses(self.interface)

    @property
    def device_lost(self) -> int:
        """Packets that the device has lost since then."""
        return max(0, device_losses(self.interface) - self.lost_before)


@dataclass
class WorkerHealth:
    """A worker as its supervisor sees it.

    Attributes
    ----------
    interface, number : where it reads, and which of the interface's workers it is, from 0
    row : its counters
    restarts : times it was started again after it had died
    lost_packets, lost_flows : metered packets, and open flow records, that died with it
    """

    interface: str
    number: int
    row: Row
    restarts: int = 0
    lost_packets: int = 0
    lost_flows: int = 0


@dataclass
class Health:
    """The service."""

    links: Sequence[LinkHealth]
    workers: Sequence[WorkerHealth]
    sinks: list[SinkHealth] = field(default_factory=list)
    reloads: int = 0
    reload_failures: int = 0
    reload_ok: bool = True
    started_ns: int = 0

    @property
    def up(self) -> bool:
        """Whether packets can be read from all interfaces."""
        return all(link.up for link in self.links)

    def pulse(self, name: str, interface: str | None = None) -> int:
        """Return the sum of a counter of PULSE over the workers of an interface, or over all."""
        return sum(
            int(worker.row.pulse[name][0])
            for worker in self.workers
            if interface is None or worker.interface == interface
        )

    def latest(self, name: str) -> int:
        """Return the largest value of a field of PULSE."""
        return max((int(worker.row.pulse[name][0]) for worker in self.workers), default=0)


@dataclass
class View:
    """What a scrape looks at.

    Attributes
    ----------
    health : see Health
    table_size : flows that fit into the tables of all workers
    model : the bundle in use
    calls : what became of calls
    networks : gives those of the prefix file
    """

    health: Health
    table_size: int
    model: ModelBundle
    calls: CallTotals = field(default_factory=CallTotals)
    networks: Callable[[], Sequence[Network]] = tuple

    def account(self) -> tuple[np.void, np.ndarray]:
        """Return STATS and TOTAL[applications, kinds] over all workers."""
        return summed([worker.row for worker in self.health.workers])
