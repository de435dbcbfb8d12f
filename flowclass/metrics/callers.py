"""Host module: Callers, what the metrics say of calls in progress, from what the workers see of their live tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable

import numpy as np

from flowclass.calls.active import CLIENT, distinct, newcomers
from flowclass.networks.networkmap import OTHER
from flowclass.record.verdict import App

#: How long the callers of a worker that died do not count as new: its successor starts within a minute at most
#: (``daemon.seat``), with an empty table, and has to find out about their calls again.
HELD_NS = 120 * 1_000_000_000
#: Gives the name of a network by its number, None without a prefix file.
Namer = Callable[[int], str | None]


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

    def take(self, worker: Hashable, clients: np.ndarray, now_ns: int, name: Namer) -> None:
        """Take CLIENT[c], all distinct clients that a worker sees at ``now_ns`` of the capture's clock."""
        self._now_ns = now_ns
        self._held = [(until_ns, held) for until_ns, held in self._held if 0 <= until_ns - now_ns <= HELD_NS]
        before = _together([*self._told.values(), *(held for _, held in self._held)])
        self._told[worker] = clients
        # New mappings, not the old ones changed: a scrape may be reading them.
        started = Counter(self.started)
        started.update(_count(newcomers(clients, before), name))
        self.started = dict(started)
        self._recount(name)

    def forget(self, worker: Hashable, name: Namer) -> None:
        """The worker has died: its clients are not seen, but they are not new either when its successor sees them."""
        self._held.append((self._now_ns + HELD_NS, self._told.pop(worker, np.zeros(0, CLIENT))))
        self._recount(name)

    def _recount(self, name: Namer) -> None:
        # Series that have been stay, at 0.
        self.active = dict.fromkeys(self.started, 0) | _count(_together(self._told.values()), name)


def _together(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Return the CLIENTs of several arrays, once each."""
    return distinct(np.concatenate([np.zeros(0, CLIENT), *parts]))


def _count(clients: np.ndarray, name: Namer) -> Counter[tuple[str, str]]:
    """Return how many CLIENTs there are by (application, network)."""
    pairs = Counter(zip(clients["app"].tolist(), clients["network"].tolist(), strict=True))
    found = Counter[tuple[str, str]]()
    for (app, network), count in pairs.items():
        found[App(app).name.lower(), name(network) or OTHER.name] += count
    return found
