"""Host module: OpenCall, a call that may yet grow."""

from __future__ import annotations

import numpy as np

from flowclass.calls.leg import LEG, NS_PER_S, Leg, Span
from flowclass.calls.signalling import Signalling
from flowclass.calls.source import AUDIO, sources_of
from flowclass.calls.ties import DIALOG, TIE, Host, Tie

#: Media that is silent for longer belongs to the next call (FACTS §3.1: 8 to 10 s).
JOIN_GAP_NS = 10 * NS_PER_S
#: Both ways at least this long: a call that was answered.
TALK_LEAST_NS = NS_PER_S


def span(one: Span | None, other: Span | None) -> Span | None:
    """Return what covers both."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def overlap(one: Span, other: Span) -> int:
    """Return for how long both last, in ns; negative is the gap between them."""
    return min(one[1], other[1]) - max(one[0], other[0])


class OpenCall:
    """Media flows of one call, and the signalling that goes with them.

    Parameters
    ----------
    leg : the first of its flows

    Attributes
    ----------
    legs : its flows by number
    media : first and last media packet of all legs in ns, either way
    hosts, ties : of all its legs
    order : begin of its media, and the number of the flow that it began in: a total order that no run changes
    is_one_socket : whether the application uses one socket a call, so that an address alone joins nothing
    is_attached : whether it has grown no further since signalling was looked for (calls.waiting)
    signalling, tied : what goes with it, and what of that shares a tie with it rather than an address
    """

    __slots__ = ("hosts", "is_attached", "is_one_socket", "legs", "media", "order", "signalling", "tied", "ties")

    def __init__(self, leg: Leg) -> None:
        self.legs: dict[int, Leg] = {leg.number: leg}
        self.media: Span = leg.media
        self.hosts: set[Host] = {leg.host}
        self.ties: set[Tie] = set(leg.ties)
        self.order: tuple[int, int] = (leg.media[0], leg.number)
        self.is_one_socket: bool = leg.is_one_socket and leg.packets > 0
        self.is_attached: bool = False
        self.signalling: list[Signalling] = []
        self.tied: list[Signalling] = []

    def add(self, leg: Leg) -> None:
        """Take a flow, or a further piece of one, whose streams' counts go on from the piece before."""
        before = self.legs.get(leg.number)
        if before is not None:
            leg.go_on_from(before)
        self.legs[leg.number] = leg
        self.media = min(self.media[0], leg.media[0]), max(self.media[1], leg.media[1])
        self.hosts.add(leg.host)
        self.ties.update(leg.ties)
        self._grown()

    def absorb(self, other: OpenCall) -> None:
        """Take all of another call: a flow has bridged the two."""
        self.legs.update(other.legs)
        self.media = min(self.media[0], other.media[0]), max(self.media[1], other.media[1])
        self.hosts |= other.hosts
        self.ties |= other.ties
        self.signalling += [one for one in other.signalling if one not in self.signalling]
        self.tied += [one for one in other.tied if one not in self.tied]
        self._grown()

    def _grown(self) -> None:
        """Note what follows from all legs."""
        legs = self.legs.values()
        self.is_attached = False
        self.order = min([(leg.media[0], leg.number) for leg in legs])
        self.is_one_socket = sum([leg.packets if leg.is_one_socket else -leg.packets for leg in legs]) > 0

    @property
    def all_ties(self) -> set[Tie]:
        """Its ties, and the ids of signalling that is tied to it."""
        return self.ties.union(*[one.ids for one in self.tied]) if self.tied else self.ties

    @property
    def dialogs(self) -> list[int]:
        """Its SIP dialogs, by number."""
        some = [tie for tie in self.ties if tie[0] == DIALOG]
        return np.frombuffer(b"".join(some), TIE)["number"].tolist() if some else []

    @property
    def goes_on(self) -> bool:
        """Whether a further piece of one of its flows will come."""
        return any([leg.goes_on for leg in self.legs.values()])

    @property
    def speech(self) -> Span | None:
        """When its audio went both ways, by its RTP streams; None where none tells."""
        up = down = None
        for leg in self.legs.values():
            upward = np.frombuffer(leg.row, LEG)["up"][0]
            for one in sources_of(leg.sources):
                if one.kind == AUDIO:
                    way = (one.first_ns, one.last_ns)
                    up, down = (span(up, way), down) if one.direction == upward else (up, span(down, way))
        if up is None or down is None or overlap(up, down) < TALK_LEAST_NS:
            return None
        return max(up[0], down[0]), min(up[1], down[1])
