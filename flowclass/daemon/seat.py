"""Host module: Seat, a worker's place: a worker that dies is replaced, and what it took along is counted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flowclass.daemon.batch import Batch
from flowclass.daemon.member import Member
from flowclass.daemon.order import Command, Order
from flowclass.daemon.tap import Tap
from flowclass.daemon.worker import ENDED, LOST, PROBLEM, READY, RELOADED
from flowclass.errors import CaptureError
from flowclass.journal import Log
from flowclass.metrics.health import WorkerHealth
from flowclass.metrics.row import Phase

#: Seconds until a dead worker is started again: the first time, and at most.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
#: A worker that ran this long had been started well: the next pause is short again.
SETTLED_S = 60.0
#: Compiling the kernels must not take longer.
STARTING_S = 180.0


@dataclass
class Told:
    """What a worker has said of itself.

    Attributes
    ----------
    ready : whether its kernels are warm
    ended : whether it has handed on all it had, and stopped
    """

    ready: bool = False
    ended: bool = False


class Seat:
    """One worker's place.

    Parameters
    ----------
    tap : its interface
    number : which of the interface's workers it is
    member : who works
    order : what to do
    log : told of deaths

    Attributes
    ----------
    health : see WorkerHealth
    """

    def __init__(self, tap: Tap, number: int, member: Member, order: Order, log: Log) -> None:
        self.tap = tap
        self.number = number
        self.member = member
        self.order = order
        self.health = WorkerHealth(tap.settings.interface, number, member.row)
        self.told = Told()
        self.is_running = False
        self.reload_problem = ""
        self._log = log
        self._pause_s, self._start_at, self._started_at = FIRST_PAUSE_S, 0.0, 0.0
        self._beats = -1
        self._skip = 0
        self._received = 0

    @property
    def name(self) -> str:
        """What the log calls it."""
        return f"{self.tap.settings.interface} worker {self.number}"

    def start(self) -> None:
        """Start the worker."""
        self.told = Told()
        self.is_running = True
        self._started_at = time.monotonic()
        self.member.start(self.order)

    def capture(self) -> None:
        """Let the worker read its share of the interface, from where the one before it stopped."""
        pulse = self.member.row.pulse[0]
        self.member.tell(self.tap.command(self.number, int(pulse["block"]), self._skip))
        self._skip = 0

    def batches(self) -> Iterator[Batch]:
        """Give what the worker has told; keep its notes."""
        for batch in self.member.batches():
            self._received += len(batch.flows)
            if batch.note:
                self._note(batch.note)
            yield batch

    def _note(self, note: str) -> None:
        what, _, text = note.partition(" ")
        if what == READY:
            self.told.ready = True
        elif what == ENDED:
            self.told.ended = True
        elif what == LOST:
            generation, _, problem = text.partition(" ")
            self.tap.lose(int(generation), problem)
        elif what == PROBLEM:
            self.reload_problem = text
        elif what == RELOADED:
            self.reload_problem = ""

    def is_dead(self) -> bool:
        """Whether the worker has ended, in order or not."""
        return self.is_running and not self.member.is_alive()

    def bury(self) -> None:
        """Clear away a dead worker and count what it took along."""
        why = self.member.bury()
        self.is_running = False
        if self.told.ended:
            return
        health, row = self.health, self.member.row
        stats, pulse = row.stats[0], row.pulse[0]
        # A packet in hand was read and not yet booked.
        for unit in ("packets", "bytes"):
            booked = int(stats[f"{unit}_metered"]) + int(stats[f"ignored_{unit}"].sum())
            stats[f"{unit}_metered"] += np.uint64(max(0, int(stats[f"{unit}_read"]) - booked))
        lost = int(stats["packets_metered"]) - row.ended_packets - health.lost_packets
        flows = row.open_records - health.lost_flows
        health.lost_packets += lost
        health.lost_flows += flows
        # What it had given and nobody got.
        pulse["unhanded"] += pulse["handed"] - np.uint64(self._received)
        pulse["handed"] = self._received
        pulse["live_flows"] = 0
        self._skip = int(stats["packets_read"]) - int(pulse["read_before"])
        if time.monotonic() - self._started_at > SETTLED_S:
            self._pause_s = FIRST_PAUSE_S
        self._start_at = time.monotonic() + self._pause_s
        self._log(
            f"{self.name} died ({why}): {flows} flows with {lost} packets are lost; starting it again in "
            f"{self._pause_s:g} s"
        )
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def restart_when_due(self) -> bool:
        """Start a dead worker again once its pause is over; return whether that is now."""
        if self.is_running or self.told.ended or time.monotonic() < self._start_at:
            return False
        self.health.restarts += 1
        self.start()
        return True

    def tell(self, command: Command) -> None:
        """Give a command to a worker that runs; one that does not take it is replaced, and the next has its order."""
        if not self.is_running:
            return
        try:
            self.member.tell(command)
        except CaptureError as error:
            self._log(f"{self.name}: {error}")
            self.member.kill()

    @property
    def captures(self) -> bool:
        """Whether the worker reads, or there is nothing to read from."""
        return bool(self.member.row.pulse["phase"][0] == Phase.CAPTURING) or not self.tap.is_open

    def note_fed(self) -> None:
        """The watchdog was fed: from here on the packet loop has to go round again."""
        self._beats = self._beats_now()

    def _beats_now(self) -> int:
        return int(self.member.row.pulse["beats"][0])

    def has_advanced(self) -> bool:
        """Whether the packet loop has gone round since ``note_fed``, or is excused: it starts, or will be started."""
        if not self.is_running:
            return True
        if not self.told.ready:
            return time.monotonic() - self._started_at < STARTING_S
        return self._beats != self._beats_now()
