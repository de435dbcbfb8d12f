"""Host module: Trips, round trips between the probe and one end of a call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips between the probe and one end of a call, in ns."""

    count: int
    least_ns: int
    sum_ns: int

    def __add__(self, other: Trips) -> Trips:
        """Return both together."""
        if not self.count or not other.count:
            return self if self.count else other
        return Trips(self.count + other.count, min(self.least_ns, other.least_ns), self.sum_ns + other.sum_ns)

    @property
    def mean_s(self) -> float | None:
        """Their mean, None without any."""
        return self.sum_ns / self.count / NS_PER_S if self.count else None

    @property
    def least_s(self) -> float | None:
        """The smallest, None without any."""
        return self.least_ns / NS_PER_S if self.count else None


NO_TRIPS = Trips(0, 0, 0)


def trips_of(count: int, least_ns: int, sum_ns: int) -> Trips:
    """Return round trips; all that are none are the same object, since calls wait in their thousands."""
    return Trips(count, least_ns, sum_ns) if count else NO_TRIPS


def together(every: Iterable[Trips]) -> Trips:
    """Return all of several."""
    return sum((one for one in every if one is not NO_TRIPS), NO_TRIPS)
