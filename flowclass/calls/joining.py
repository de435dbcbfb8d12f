"""Host module: CallIndex, the open calls: which of them a flow belongs to, and which are one call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter

from flowclass.calls.leg import NS_PER_S, Span
from flowclass.calls.live import LiveFlows
from flowclass.calls.opencall import JOIN_GAP_NS, OpenCall, overlap
from flowclass.calls.ties import DIALOG, PIECES, Host, Tie

#: Two speaking at one address for this long at once are two calls, not a call that changes its path.
TWO_CALLS_NS = 10 * NS_PER_S
#: Calls of one address that are near each other in time and wait for each other; more are many people behind it, and
#: what is complete of them is given out.
MAX_NEIGHBOURS = 32
#: Flows of one call: what joins more is a replay, or an id or source that is nobody's, and would hold memory for ever.
MAX_LEGS = 512


class CallIndex:
    """Open calls by what joins flows to them.

    Attributes
    ----------
    merged : calls that turned out to be of others
    """

    def __init__(self) -> None:
        self._calls: dict[OpenCall, None] = {}
        # What is one call's alone, as nearly all is, has the same tuple of it everywhere.
        self._by_tie: dict[Tie, tuple[OpenCall, ...]] = {}
        self._by_host: dict[Host, tuple[OpenCall, ...]] = {}
        self.merged = 0

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[OpenCall]:
        return iter(list(self._calls))

    def tied(self, ties: Iterable[Tie], when: Span) -> list[OpenCall]:
        """Return the calls that share a tie with media and are near it in time, but for those that have too much."""
        found: dict[OpenCall, None] = {}
        for tie in ties:
            calls = self._by_tie.get(tie)
            if calls is None:
                continue
            for call in calls:
                # A dialog goes on however long nothing came: a call on hold.
                is_near = tie[0] == DIALOG or overlap(call.media, when) >= -JOIN_GAP_NS
                if tie[0] == PIECES or (is_near and len(call.legs) < MAX_LEGS):
                    found[call] = None
        return list(found)

    def at(self, hosts: Iterable[Host]) -> list[OpenCall]:
        """Return the calls of some hosts."""
        found: dict[OpenCall, None] = {}
        for host in hosts:
            found.update(dict.fromkeys(self._by_host.get(host, ())))
        return list(found)

    def put(self, call: OpenCall, ties: Iterable[Tie], hosts: Iterable[Host]) -> None:
        """Take a call with some ties and hosts of it."""
        self._calls[call] = None
        alone = (call,)
        self._note(self._by_tie, ties, alone)
        self._note(self._by_host, hosts, alone)

    def remove(self, call: OpenCall) -> None:
        """Forget a call."""
        del self._calls[call]
        self._drop(self._by_tie, call.ties, call)
        self._drop(self._by_host, call.hosts, call)

    @staticmethod
    def _note(index: dict[bytes, tuple[OpenCall, ...]], keys: Iterable[bytes], alone: tuple[OpenCall]) -> None:
        for key in keys:
            calls = index.setdefault(key, alone)
            if calls is not alone and alone[0] not in calls:
                index[key] = calls + alone

    @staticmethod
    def _drop(index: dict[bytes, tuple[OpenCall, ...]], keys: Iterable[bytes], call: OpenCall) -> None:
        for key in keys:
            calls = index.pop(key)
            if len(calls) > 1:
                index[key] = tuple([one for one in calls if one is not call])

    def merge(self, calls: list[OpenCall]) -> OpenCall:
        """Make several calls one: a flow, or an address, has bridged them."""
        call = calls[0]
        for other in calls[1:]:
            self.remove(other)
            call.absorb(other)
            self.put(call, other.ties, other.hosts)
            self.merged += 1
        return call

    def complete(self, over: list[OpenCall], live: LiveFlows | None) -> Iterator[OpenCall]:
        """Yield, joined, those of the calls ``over`` to which nothing live belongs, the first to begin first.

        Each must be removed before the next is asked for.
        """
        if live is not None:
            over = [
                call
                for call in over
                if not live.may_join(
                    call.hosts, call.all_ties, call.media[1] + JOIN_GAP_NS, by_host=not call.is_one_socket
                )
            ]
        complete = set(over)
        for call in sorted(over, key=attrgetter("order")):
            if call not in complete:
                continue
            if self._is_alone(call):
                yield call
                continue
            same = self._same(call)
            if not complete.issuperset(same):
                complete.difference_update(same)
                continue
            if len(same) > 1:
                complete.difference_update(same)
                call = self.merge(same)
                complete.add(call)
            neighbours = self._neighbours(call)
            if len(neighbours) > MAX_NEIGHBOURS:
                neighbours = [one for one in neighbours if one in complete]
            if not complete.issuperset(neighbours):
                # One of them goes on: whether it is the same call is not to be said yet.
                complete.difference_update(neighbours)
                continue
            complete.difference_update(neighbours)
            yield from self._resolve(neighbours)

    def _is_alone(self, call: OpenCall) -> bool:
        """Whether no other call shares with it what could make the two one: what most calls are."""
        if not call.is_one_socket and any([len(self._by_host[host]) > 1 for host in call.hosts]):
            return False
        by_tie = self._by_tie
        for unit in call.tied:
            for shared in unit.ties:
                calls = by_tie.get(shared)
                if calls is not None and (len(calls) > 1 or calls[0] is not call):
                    return False
        return True

    def _same(self, call: OpenCall) -> list[OpenCall]:
        """Return the call and those that signalling ties to it: one credential at several sockets."""
        if not call.tied:
            return [call]
        found, todo = {call: None}, [call]
        while todo:
            one = todo.pop()
            ties = set[Tie]().union(*[unit.ties for unit in one.tied])
            for other in self.tied(ties, one.media):
                if other not in found:
                    found[other] = None
                    todo.append(other)
        return list(found)

    def _neighbours(self, call: OpenCall) -> list[OpenCall]:
        """Return the call and those of the same address that are near it, or near one of them, in time."""
        found, todo = {call: None}, [call]
        while todo:
            one = todo.pop()
            if one.is_one_socket:
                continue
            for other in self.at(one.hosts):
                if other in found or other.is_one_socket or (one.dialogs and other.dialogs):
                    # Of two dialogs it is known that they are two.
                    continue
                if overlap(one.media, other.media) >= -JOIN_GAP_NS:
                    found[other] = None
                    todo.append(other)
        return list(found)

    def _resolve(self, calls: list[OpenCall]) -> list[OpenCall]:
        """Join calls of one address, unless two of them speak at once: then there are several people behind it."""
        if len(calls) == 1:
            return calls
        calls.sort(key=attrgetter("order"))
        speeches = [(call, speech) for call in calls if (speech := call.speech) is not None]
        several = any(
            overlap(one, other) > TWO_CALLS_NS
            for place, (_, one) in enumerate(speeches)
            for _, other in speeches[place + 1 :]
        )
        if not several:
            return [self.merge(calls)]
        speakers = [call for call, _ in speeches]
        # Legs that do not speak (video, a shared screen) go to the speaker that they lie beside for longest.
        for call in calls:
            if call not in speakers:
                self.merge([max(speakers, key=lambda speaker: overlap(speaker.media, call.media)), call])
        return speakers
