"""Host module: OpenCall, a call that may yet grow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from flowclass.calls.leg import Host, Leg, Span
from flowclass.calls.signalling import Signalling
from flowclass.calls.source import AUDIO
from flowclass.calls.ties import Tie

_Key = TypeVar("_Key")
NS_PER_S = 1_000_000_000
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


@dataclass(eq=False, slots=True)
class OpenCall:
    """Media flows of one call, and the signalling that goes with them.

    Attributes
    ----------
    media : first and last media packet of all legs in ns, either way
    hosts, ties : of all its legs
    is_attached : whether it has grown no further since signalling was looked for (calls.waiting)
    signalling, tied : what goes with it, and what of that shares a tie with it rather than an address
    """

    media: Span
    legs: dict[int, Leg] = field(default_factory=dict)
    hosts: set[Host] = field(default_factory=set)
    ties: set[Tie] = field(default_factory=set)
    signalling: list[Signalling] = field(default_factory=list)
    tied: list[Signalling] = field(default_factory=list)
    is_attached: bool = False

    def add(self, leg: Leg) -> None:
        """Take a flow, or a further piece of one, whose streams' counts go on from the piece before."""
        self.is_attached = False
        before = self.legs.get(leg.number)
        if before is not None:
            leg.bytes = (leg.bytes[0] + before.bytes[0], leg.bytes[1] + before.bytes[1])
            if not leg.sources:
                leg.packets = (leg.packets[0] + before.packets[0], leg.packets[1] + before.packets[1])
            leg.media = (span(before.media[0], leg.media[0]), span(before.media[1], leg.media[1]))
        self.legs[leg.number] = leg
        both = extent(leg)
        self.media = min(self.media[0], both[0]), max(self.media[1], both[1])
        self.hosts.add(leg.host)
        self.ties.update(leg.ties)

    def absorb(self, other: OpenCall) -> None:
        """Take all of another call: a flow has bridged the two."""
        self.is_attached = False
        self.legs.update(other.legs)
        self.media = min(self.media[0], other.media[0]), max(self.media[1], other.media[1])
        self.hosts |= other.hosts
        self.ties |= other.ties
        self.signalling += [one for one in other.signalling if one not in self.signalling]
        self.tied += [one for one in other.tied if one not in self.tied]

    @property
    def all_ties(self) -> set[Tie]:
        """Its ties, and the ids of signalling that is tied to it."""
        return self.ties.union(*(one.ids for one in self.tied))

    @property
    def dialogs(self) -> list[int]:
        """Its SIP dialogs, by number."""
        return [number for kind, _, number in self.ties if kind == "dialog"]

    @property
    def goes_on(self) -> bool:
        """Whether a further piece of one of its flows will come."""
        return any(leg.goes_on for leg in self.legs.values())

    @property
    def is_one_socket(self) -> bool:
        """Whether the application uses one socket a call, so that an address alone joins nothing."""
        lead = 0
        for leg in self.legs.values():
            packets = leg.packets[0] + leg.packets[1]
            lead += packets if leg.is_one_socket else -packets
        return lead > 0

    @property
    def order(self) -> tuple[int, int]:
        """Begin of its media, and the id of the flow that it began in: a total order that no run changes."""
        return min([(extent(leg)[0], leg.number) for leg in self.legs.values()])

    @property
    def speech(self) -> Span | None:
        """When its audio went both ways, by its RTP streams; None where none tells."""
        up = down = None
        for leg in self.legs.values():
            for one in leg.sources:
                if one.kind == AUDIO:
                    way = (one.first_ns, one.last_ns)
                    up, down = (span(up, way), down) if one.direction == leg.up else (up, span(down, way))
        if up is None or down is None or overlap(up, down) < TALK_LEAST_NS:
            return None
        return max(up[0], down[0]), min(up[1], down[1])


def extent(leg: Leg) -> Span:
    """Return first and last media of a flow, either way."""
    up, down = leg.media
    if up is None or down is None:
        return up or down or (leg.first_ns, leg.last_ns)
    return min(up[0], down[0]), max(up[1], down[1])
