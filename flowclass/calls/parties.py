"""Host module: whose calls they are: their clients, which of their legs are to be counted, which application it was."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.columns import Runs, begins_of_runs

#: Packets a flow must have carried to count for the call's path: ICE tries many, one is used.
PATH_PACKETS = 10


def is_near_end(legs: Any, of: Runs, media: Any, leg_of: Any) -> Any:
    """Return bool[n]: which legs are of one end, where both ends of a relayed call are on this side of the probe.

    The other end's leg carries the same sources the other way round; counting it too would double the call.

    Parameters
    ----------
    legs, of : LEG[n], and whose they are
    media, leg_of : MEDIA[k], and int64[k] which leg each is of
    """
    is_near = np.ones(len(legs), bool)
    is_heavy = media["packets"] >= PATH_PACKETS
    media, leg_of = media[is_heavy], leg_of[is_heavy]
    is_upward = media["direction"] == legs["up"][leg_of]
    source = of.owner[leg_of] << 32 | media["ssrc"]
    both = np.intersect1d(source[is_upward], source[~is_upward])
    for call in np.unique(both >> 32).tolist():
        _leave_far_end(legs, of.slices[call], media["ssrc"], leg_of, is_upward, is_near)
    return is_near


def _leave_far_end(legs: Any, mine: slice, ssrc: Any, leg_of: Any, is_upward: Any, is_near: Any) -> None:
    """Take the legs of the other end of one call out of ``is_near``."""
    sources: dict[int, bool] = {}
    for place in range(mine.start, mine.stop):
        leg, some = legs[place], leg_of == place
        ways = dict(zip(ssrc[some].tolist(), is_upward[some].tolist(), strict=True))
        turned = [sources[one] != upward for one, upward in ways.items() if one in sources]
        if (
            place > mine.start
            and turned
            and all(turned)
            and leg["relayed"] != 0
            and not _is_peer(legs[mine.start], leg)
        ):
            is_near[place] = False
            continue
        sources.update(ways)


def _is_peer(leg: Any, other: Any) -> bool:
    """Whether the client of another leg is the peer of one."""
    return bool(leg["peer_hi"] == other["client_hi"] and leg["peer_lo"] == other["client_lo"])


def client_legs(legs: Any, of: Runs) -> Any:
    """Return int64[calls]: the leg that shows the client: the first over a relay, else the first to begin."""
    relayed = of.first(legs["relayed"] == 1)
    return np.where(relayed < len(legs), relayed, of.begins)


def is_towards(legs: Any, client_hi: Any, client_lo: Any) -> Any:
    """Return bool[n]: whose up is the call's: not those whose other end is the call's client."""
    is_client = (legs["client_hi"] == client_hi) & (legs["client_lo"] == client_lo)
    return is_client | (legs["peer_hi"] != client_hi) | (legs["peer_lo"] != client_lo)


def named(legs: Any, of: Runs) -> tuple[Any, Any]:
    """Return the application with most packets of each call, and the confidence of its largest flow."""
    packets, app = legs["packets"].sum(axis=1), legs["app"].astype(np.int64)
    order = np.lexsort((app, of.owner))
    begins = begins_of_runs(of.owner[order], app[order])
    total = np.add.reduceat(packets[order], begins)
    call, candidate = of.owner[order][begins], app[order][begins]
    best = np.lexsort((candidate, -total, call))
    chosen = candidate[best][begins_of_runs(call[best])]
    is_chosen = app == chosen[of.owner]
    largest = np.lexsort((legs["flow_id"], packets, is_chosen, of.owner))
    # The last of each call.
    return chosen, legs["confidence"][largest[of.begins + of.counts - 1]]
