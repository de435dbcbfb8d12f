"""Host module: Trips, round trips between the probe and one end of a call."""

from __future__ import annotations

from typing import NamedTuple


class Trips(NamedTuple):
    """Round trips between the probe and one end of a call, in ns."""

    number: int
    least_ns: int
    sum_ns: int


#: All that are none are the same object, since calls wait in their thousands.
NO_TRIPS = Trips(0, 0, 0)
#: None to the other end, and none to the client.
NEITHER = (NO_TRIPS, NO_TRIPS)
