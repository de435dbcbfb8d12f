"""Host module: whose call it is: its client, which of its legs are to be counted, which application carried it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flowclass.calls.figures import PATH_PACKETS
from flowclass.calls.leg import Leg
from flowclass.calls.stream import PLACES

_SSRC, _DIRECTION, _PACKETS = PLACES["ssrc"], PLACES["direction"], PLACES["packets"]


def near_end(legs: Sequence[Leg]) -> list[Leg]:
    """Return the legs of one end, where both ends of a relayed call are on this side of the probe.

    The other end's leg carries the same sources the other way round; counting it too would double the call.
    """
    kept: list[Leg] = []
    sources: dict[int, bool] = {}
    for leg in legs:
        ways = {row[_SSRC]: row[_DIRECTION] == leg.up for row in leg.streams if row[_PACKETS] >= PATH_PACKETS}
        turned = [sources[ssrc] != upward for ssrc, upward in ways.items() if ssrc in sources]
        if kept and turned and all(turned) and leg.relayed and leg.client != kept[0].peer:
            continue
        kept.append(leg)
        sources.update(ways)
    return kept


def sources_of(legs: Sequence[Leg]) -> set[int]:
    """Return the SSRCs of the call's RTP: a source that moves from the relay to the peer counts as one."""
    packets = Counter[int]()
    for leg in legs:
        for row in leg.streams:
            packets[row[_SSRC]] += row[_PACKETS]
    return {source for source, count in packets.items() if count >= PATH_PACKETS}


def carries(leg: Leg, sources: set[int]) -> bool:
    """Whether a leg carried RTP of one of these sources, and not its reports alone."""
    return any(row[_PACKETS] and row[_SSRC] in sources for row in leg.streams)


def client_of(legs: Sequence[Leg]) -> str:
    """Return the client of a call: of its relay legs, which show it, and else of the leg that began first."""
    sure = [leg.client for leg in legs if leg.relayed] or [leg.client for leg in legs]
    return Counter(sure).most_common(1)[0][0] if len(set(sure)) == 1 else sure[0]


def is_towards(leg: Leg, client: str) -> bool:
    """Whether a leg's up is the call's: not when its other end is the call's client."""
    return leg.client == client or leg.peer != client


def named(legs: Sequence[Leg]) -> tuple[int, float]:
    """Return the application with most packets, and the confidence of its largest flow."""
    packets: Counter[int] = Counter()
    for leg in legs:
        packets[leg.app] += sum(leg.packets)
    app = min(packets, key=lambda app: (-packets[app], app))
    largest = max((leg for leg in legs if leg.app == app), key=lambda leg: (sum(leg.packets), leg.flow_id))
    return app, largest.confidence
