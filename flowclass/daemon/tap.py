"""Host module: Tap, an interface as the supervisor holds it: its rings, which outlive workers, and its way back.

The supervisor opens the rings and keeps a hold of them, so that a worker's death loses none of what is in its ring:
the successor goes on where it stopped, and the other workers' shares stay what they were.
"""

from __future__ import annotations

import socket
import time

from flowclass.capture.device import INTERFACES
from flowclass.capture.libpcap import LibpcapSource
from flowclass.capture.ringsocket import RingSettings, admit, is_up, linktype_of, open_rings
from flowclass.daemon.order import Command
from flowclass.errors import CaptureError
from flowclass.journal import Level, Log
from flowclass.metrics.health import LinkHealth

#: Seconds until a lost interface is tried again: the first time, and at most.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
RING, LIBPCAP, AUTO = "ring", "libpcap", "auto"


class Tap:
    """One interface.

    Parameters
    ----------
    settings : how to capture
    workers : packet loops that share it; one for libpcap, which cannot share
    method : ``ring``, ``libpcap`` or ``auto``
    clients : see ``capture.steer``
    log : told of loss and return

    Attributes
    ----------
    health : see LinkHealth
    method : ``ring`` or ``libpcap``
    workers : packet loops

    Raises
    ------
    CaptureError
        The interface cannot be captured from.
    UsageError
        The filter is wrong.
    """

    def __init__(self, settings: RingSettings, workers: int, method: str, clients: tuple[str, ...], log: Log) -> None:
        self.settings = settings
        self.method = method_of(settings.interface, method)
        self.workers = workers if self.method == RING else 1
        self.health = LinkHealth(settings.interface)
        self._clients = clients
        self._log = log
        self._generation = 0
        self._is_lost = False
        self._pause_s, self._retry_at = FIRST_PAUSE_S, 0.0
        self._rings = self._open()

    @property
    def is_open(self) -> bool:
        """Whether packets are let in."""
        return self.health.up

    def admit(self) -> None:
        """Let packets in."""
        for ring in self._rings:
            admit(ring, self.settings)
        self.health.begin()

    def command(self, number: int, sequence: int = 0, skip: int = 0) -> Command:
        """Return the command to read a worker's share, from where the worker before stopped."""
        ring = self._rings[number].dup() if self.method == RING else None
        return Command("capture", ring=ring, generation=self._generation, sequence=sequence, skip=skip)

    def lose(self, generation: int, problem: str) -> None:
        """A worker says that the interface is gone; of an opening before this one that is no news."""
        if generation != self._generation or not self.health.up:
            return
        self._log(problem)
        self.health.up, self._is_lost = False, True
        self.close()
        self._retry_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def recover(self) -> bool:
        """Try, when it is time, to open a lost interface again; return whether it is there again just now."""
        if not self._is_lost or time.monotonic() < self._retry_at:
            return False
        try:
            if self.method == RING and not is_up(self.settings.interface):
                raise CaptureError(f"{self.settings.interface} is down")
            self._rings = self._open()
            self.admit()
        except CaptureError:
            self._retry_at = time.monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return False
        self._pause_s, self._is_lost = FIRST_PAUSE_S, False
        self.health.restarts += 1
        self._log(f"{self.settings.interface}: capturing again", Level.INFO)
        return True

    def close(self) -> None:
        """Let go of the rings."""
        for ring in self._rings:
            ring.close()
        self._rings = []

    def _open(self) -> list[socket.socket]:
        self._generation += 1
        if self.method == RING:
            return open_rings(self.settings, self.workers, self._clients)
        # What only its reader can open is tried, so that the first failure is told at once.
        LibpcapSource(self.settings).close()
        return []


def method_of(interface: str, chosen: str) -> str:
    """Return how to capture from an interface.

    Raises
    ------
    CaptureError
        There is no such interface, and no device of libpcap's by that name is to be tried.
    """
    if chosen != AUTO:
        return chosen
    # `any` is a device of libpcap's own.
    if interface != "any" and not (INTERFACES / interface).exists():
        raise CaptureError(f"{interface}: no such network interface")
    try:
        linktype_of(interface)
    except CaptureError:
        return LIBPCAP
    return RING
