"""Host module: whose call it is: its client, which of its legs are to be counted, which application carried it."""

from __future__ import annotations

from collections.abc import Sequence

from flowclass.calls.figures import PATH_PACKETS
from flowclass.calls.leg import Leg


def near_end(legs: Sequence[Leg]) -> list[Leg]:
    """Return the legs of one end, where both ends of a relayed call are on this side of the probe.

    The other end's leg carries the same sources the other way round; counting it too would double the call.
    """
    if len(legs) == 1:
        return [*legs]
    kept: list[Leg] = []
    sources: dict[int, bool] = {}
    for leg in legs:
        ways = {one.ssrc: one.direction == leg.up for one in leg.sources if one.packets >= PATH_PACKETS}
        turned = [sources[ssrc] != upward for ssrc, upward in ways.items() if ssrc in sources]
        if kept and turned and all(turned) and leg.relayed and leg.client != kept[0].peer:
            continue
        kept.append(leg)
        sources.update(ways)
    return kept


def sources_of(legs: Sequence[Leg]) -> set[int]:
    """Return the SSRCs of the call's RTP: a source that moves from the relay to the peer counts as one."""
    packets: dict[int, int] = {}
    for leg in legs:
        for one in leg.sources:
            packets[one.ssrc] = packets.get(one.ssrc, 0) + one.packets
    return {source for source, count in packets.items() if count >= PATH_PACKETS}


def carries(leg: Leg, sources: set[int]) -> bool:
    """Whether a leg carried RTP of one of these sources, and not its reports alone."""
    return any(one.packets and one.ssrc in sources for one in leg.sources)


def client_of(legs: Sequence[Leg]) -> str:
    """Return the client of a call: of its relay legs, which show it, and else of the leg that began first."""
    for leg in legs:
        if leg.relayed:
            return leg.client
    return legs[0].client


def is_towards(leg: Leg, client: str) -> bool:
    """Whether a leg's up is the call's: not when its other end is the call's client."""
    return leg.client == client or leg.peer != client


def named(legs: Sequence[Leg]) -> tuple[int, float]:
    """Return the application with most packets, and the confidence of its largest flow."""
    if len(legs) == 1:
        return legs[0].app, legs[0].confidence
    packets: dict[int, int] = {}
    for leg in legs:
        packets[leg.app] = packets.get(leg.app, 0) + sum(leg.packets)
    app = min(packets, key=lambda app: (-packets[app], app))
    largest = max((leg for leg in legs if leg.app == app), key=lambda leg: (sum(leg.packets), leg.flow_id))
    return app, largest.confidence
