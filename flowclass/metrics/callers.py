"""Host module: Callers, what the metrics say of calls in progress, from what the workers see of their live tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from flowclass.calls.active import CLIENT
from flowclass.networks.networkmap import OTHER
from flowclass.record.verdict import App

#: How long the callers of a worker that died do not count as new: its successor starts within a minute at most
#: (``daemon.seat``), with an empty table, and has to find out about their calls again.
HELD_NS = 120 * 1_000_000_000
#: Gives the network's name of each CLIENT, None without a prefix file.
Namer = Callable[[Any], list[str] | None]


class Callers:
    """Clients with media of a call by (application, network); the supervisor feeds it, scrapes read it.

    A client that several workers see counts once.

    Attributes
    ----------
    active : clients now
    started : times that one came to be counted
    """

    def __init__(self) -> None:
        self.active: dict[tuple[str, str], int] = {}
        self.started: dict[tuple[str, str], int] = {}
        self._told: dict[Hashable, np.ndarray] = {}
        self._held: list[tuple[int, np.ndarray]] = []
        self._now_ns = 0

    def take(self, worker: Hashable, callers: np.ndarray, now_ns: int, name: Namer) -> None:
        """Take CLIENT[k], all clients that a worker sees at ``now_ns`` of the capture's clock."""
        self._now_ns = now_ns
        self._held = [(until_ns, held) for until_ns, held in self._held if 0 <= until_ns - now_ns <= HELD_NS]
        before = _together([*self._told.values(), *(held for _, held in self._held)])
        self._told[worker] = callers
        # New mappings, not the old ones changed: a scrape may be reading them.
        started = Counter(self.started)
        started.update(_count(np.setdiff1d(np.unique(callers), before, assume_unique=True), name))
        self.started = dict(started)
        self._recount(name)

    def forget(self, worker: Hashable, name: Namer) -> None:
        """The worker has died: its clients are not seen, but they are not new either when its successor sees them."""
        self._held.append((self._now_ns + HELD_NS, self._told.pop(worker, np.zeros(0, CLIENT))))
        self._recount(name)

    def _recount(self, name: Namer) -> None:
        # Series that have been stay, at 0.
        self.active = dict.fromkeys(self.started, 0) | _count(_together(self._told.values()), name)


def _together(parts: Any) -> np.ndarray:
    """Return the CLIENTs of several arrays, once each."""
    return np.unique(np.concatenate([np.zeros(0, CLIENT), *parts]))


def _count(callers: np.ndarray, name: Namer) -> Counter[tuple[str, str]]:
    """Return how many CLIENTs there are by (application, network)."""
    names = name(callers) or [OTHER.name] * len(callers)
    apps = [App(number).name.lower() for number in callers["app"].tolist()]
    return Counter(zip(apps, names, strict=True))
