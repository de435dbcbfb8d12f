"""Host module: EndedCall, a call to which nothing more will come: whose it was, and when media came each way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowclass.calls.dialog import Dialog
from flowclass.calls.leg import Leg, Span
from flowclass.calls.opencall import OpenCall, extent, overlap, span
from flowclass.calls.parties import carries, client_of, is_towards, near_end, sources_of
from flowclass.calls.signalling import Signalling
from flowclass.calls.source import Source


@dataclass(slots=True)
class EndedCall:
    """A call to which nothing more will come.

    Attributes
    ----------
    every : its legs, the first to begin first
    legs : those of one end, where both ends are seen
    sides : the same as the client of the call sees them
    signalling : what went with it, and ``tied`` what of that shares a tie with it
    dialog : what SIP said of it
    up, down : first and last media each way
    media : the same of both
    talk : when there was media both ways, None for never
    """

    every: list[Leg]
    legs: list[Leg]
    client: str
    sides: list[Leg]
    signalling: list[Signalling]
    tied: list[Signalling]
    dialog: Dialog | None
    up: Span | None
    down: Span | None
    media: Span
    talk: Span | None

    @classmethod
    def of(cls, call: OpenCall, dialog: Dialog | None) -> EndedCall:
        """Return a call as it is when it is over."""
        every = list(call.legs.values())
        if len(every) > 1:
            every.sort(key=lambda leg: (extent(leg)[0], leg.number))
        legs = near_end(every)
        client = client_of(legs)
        sides = [leg if is_towards(leg, client) else leg.turned() for leg in legs]
        up, down = _media_each_way(sides)
        # In which order flows are told of depends on how busy the link is.
        signalling = call.signalling
        if len(signalling) > 1:
            signalling.sort(key=lambda one: (one.first_ns, one.flow_ids))
        media = span(up, down) or call.media
        talk = None
        if up is not None and down is not None and overlap(up, down) >= 0:
            talk = max(up[0], down[0]), min(up[1], down[1])
        return cls(every, legs, client, sides, signalling, call.tied, dialog, up, down, media, talk)

    def sources(self) -> tuple[list[Source], list[int]]:
        """Return its sources, with what RTCP on ports of its own says of them, and for each the way from the client."""
        found: list[Source] = []
        upward: list[int] = []
        for leg in self.sides:
            found += leg.sources
            upward += [leg.up] * len(leg.sources)
        for unit in self.signalling:
            is_turned = self.client != unit.client and self.client in unit.host
            for one, up in unit.reports:
                found.append(one)
                upward.append(1 - up if is_turned else up)
        return found, upward

    def start_ns(self, setup_ns: int) -> int:
        """Return when it was begun: with its first packet, of media or set-up; what of it is longer is cut."""
        begin = self.media[0]
        # What has gone on since the call before on the same sockets does not tell when this one began.
        after = max([leg.after_ns for leg in self.every if leg.after_ns < begin])
        firsts = [leg.first_ns for leg in self.every] + [one.first_ns for one in self.tied]
        first = min([first for first in firsts if first > after], default=begin)
        start = min(max(first, begin - setup_ns), begin)
        return start if self.dialog is None else min(start, self.dialog.first_ns)

    @property
    def flow_ids(self) -> list[int]:
        """The ids of its flows: of media, of its SIP dialog, of other signalling."""
        numbers = [leg.flow_id for leg in self.every]
        if self.dialog is not None:
            numbers += sorted(self.dialog.flow_ids)
        if self.signalling:
            numbers += [flow for _, flow in sorted([pair for one in self.signalling for pair in one.flow_ids])]
        return list(dict.fromkeys(numbers))

    @property
    def screens(self) -> set[int]:
        """SSRCs of shared screens, if they are video."""
        return {one.ssrc for leg in self.legs if leg.is_screen for one in leg.sources}


def _media_each_way(legs: Sequence[Leg]) -> tuple[Span | None, Span | None]:
    """Return first and last media up and down; beside RTP, what has none is its reports, before and after the talk."""
    if len(legs) == 1:
        return legs[0].media
    sources = sources_of(legs)
    up = down = None
    for leg in legs:
        if carries(leg, sources) or not sources:
            up, down = span(up, leg.media[0]), span(down, leg.media[1])
    return up, down
