"""Host module: Assembler, flows in the order in which they end, calls out: one a call, however many flows it had.

Media flows that share a tie (a socket, an id, a source) are one call; of applications that open a socket a medium also
those of one address, unless two of them speak at once. What has no media is signalling: it goes to the call it was
for, and what is left of it was an attempt. The same object serves captures and interfaces; its memory is bounded, and
a call is given out once nothing more can belong to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from flowclass.calls.attempt import clusters_of, is_attempt
from flowclass.calls.describe import Scene, attempt_record, call_record, dialog_record
from flowclass.calls.dialog import Dialogs
from flowclass.calls.emodel import QualitySettings
from flowclass.calls.leg import Host, Leg, Span, legs_of
from flowclass.calls.live import LINGER_NS, LiveFlows
from flowclass.calls.opencall import JOIN_GAP_NS, CallIndex, OpenCall, extent, overlap
from flowclass.calls.record import Call
from flowclass.calls.signalling import Signalling, SignallingStore
from flowclass.record.verdict import App

NS_PER_S = 1_000_000_000
#: Set-up comes this long before media at most: the apps ring for a minute, and relays are asked before.
SETUP_NS = 75 * NS_PER_S
#: Two speaking at one address for this long at once are two calls, not a call that changes its path.
TWO_CALLS_NS = 10 * NS_PER_S
#: Calls of one address that are near each other in time and wait for each other; more are many people behind it, and
#: what is complete of them is given out.
MAX_NEIGHBOURS = 32
#: Calls held at once; beyond it the one that ended first is given out early.
MAX_CALLS = 131_072


class Assembler:
    """Joins flows into calls.

    Parameters
    ----------
    name : capture or interface, for the records
    idle_ns : the meter's idle timeout: how late a flow is told of
    active_ns : the meter's active timeout
    quality : what a MOS assumes of what cannot be seen; defaults for None
    network_name : gives the name of a network by its number; None where calls have none

    Attributes
    ----------
    first_ns : when the capture began
    started, ended : calls with media so far
    attempts : calls without media so far
    early : calls given out early for want of room
    """

    def __init__(
        self,
        name: str,
        idle_ns: int,
        active_ns: int,
        quality: QualitySettings | None = None,
        network_name: Callable[[int], str | None] | None = None,
    ) -> None:
        self._scene = Scene(name, quality=quality or QualitySettings())
        if network_name is not None:
            self._scene.network_name = network_name
        self._hold_ns = idle_ns + JOIN_GAP_NS
        self._active_ns = active_ns
        self._open = CallIndex()
        self._waiting = SignallingStore()
        self._dialogs = Dialogs()
        self._given: dict[Host, deque[Span]] = {}
        self.started = self.ended = self.attempts = self.early = 0

    @property
    def first_ns(self) -> int | None:
        """When the capture began, None before its first packet."""
        return self._scene.first_ns

    @first_ns.setter
    def first_ns(self, value: int | None) -> None:
        self._scene.first_ns = value

    @property
    def both_ways(self) -> bool:
        """Whether any flow had packets both ways; may be told, where only flows of calls are added."""
        return self._scene.both_ways

    @both_ways.setter
    def both_ways(self, value: bool) -> None:
        self._scene.both_ways = value

    @property
    def open_calls(self) -> Iterator[OpenCall]:
        """Calls that may yet grow."""
        return iter(self._open)

    @property
    def shed(self) -> int:
        """Flows without media, and SIP dialogs, that were forgotten for want of room."""
        return self._waiting.shed + self._dialogs.shed

    def note_drop(self, now_ns: int) -> None:
        """Packets were lost before the meter at this time: the quality of calls in progress is void."""
        self._scene.dropped_ns = now_ns

    def add(self, flows: Any, verdicts: Any, media: Any, events: Any = ()) -> None:
        """Take FLOW[n] with VERDICT[n] and MEDIA[k], and SIP_EVENT[e] seen since the flows before."""
        if len(events):
            self._dialogs.add(events)
        if not len(flows):
            return
        self._scene.note(flows)
        for leg in legs_of(flows, verdicts, media):
            if leg.is_media:
                self._add_media(leg)
            else:
                self._waiting.add(leg)

    def _add_media(self, leg: Leg) -> None:
        if leg.host[0] == App.SIP:
            dialog = self._dialogs.at((leg.client, leg.ports[0]), (leg.peer, leg.ports[1]), extent(leg))
            if dialog is not None:
                leg.ties = (*leg.ties, ("dialog", "", dialog.number))
        near = self._open.tied(leg.ties, extent(leg))
        if near:
            call = self._merge(near)
        else:
            call = OpenCall(extent(leg))
            self.started += 1
        call.add(leg)
        self._open.put(call, leg.ties, (leg.host,))
        if leg.goes_on:
            # Its signalling need not wait for hours until the call is over.
            self._attach(call)

    def _merge(self, calls: list[OpenCall]) -> OpenCall:
        """Make several calls one: a flow, or an address, has bridged them."""
        call = calls[0]
        for other in calls[1:]:
            self._open.remove(other)
            call.absorb(other)
            self._open.put(call, other.ties, other.hosts)
            self.started -= 1
        return call

    def sweep(self, now_ns: int, table: tuple[Any, Any] | None = None) -> list[Call]:
        """Return the calls to which nothing more can come at ``now_ns``.

        Parameters
        ----------
        table : HOT[n] and BODY[n] of the meter, or LIVE[n] twice, when all flows that ended have been added; without it
            calls wait for as long as a flow may take to be told of
        """
        self._forget(now_ns)
        wait = JOIN_GAP_NS if table is not None else self._hold_ns
        # Without the table the media of an attempt may be live for as long as a flow goes on before it is told of.
        untold = wait if table is not None else wait + self._active_ns
        over = [call for call in self._open if self._is_over(call, now_ns, wait)]
        for call in over:
            self._attach(call)
        clusters = [
            cluster
            for cluster in clusters_of(self._waiting)
            if all(one.last_ns + SETUP_NS + untold < now_ns for one in cluster)
        ]
        live = None if table is None else self._live(table, over, clusters)
        given = list(self._finish(over, live, None))
        excess = len(self._open) - MAX_CALLS
        if excess > 0:
            first = sorted(self._open, key=lambda call: call.media[1])[:excess]
            self.early += excess
            given += [self._give(call, None) for call in first]
        given += self._attempts(clusters, live, None)
        return given + list(self._unheard(now_ns, None))

    def drain(self, now_ns: int) -> Iterator[Call]:
        """Yield all calls, the first to begin first, then the attempts: the capture ended at ``now_ns``.

        One at a time, because all that were in progress end here: 100,000 records at once would fill a gigabyte.
        """
        for call in self._open:
            self._attach(call)
        yield from self._finish(list(self._open), None, now_ns)
        yield from self._attempts(list(clusters_of(self._waiting)), None, now_ns)
        yield from self._unheard(now_ns, now_ns)

    def _is_over(self, call: OpenCall, now_ns: int, wait: int) -> bool:
        return now_ns > call.media[1] + wait + (self._active_ns if call.goes_on and wait != JOIN_GAP_NS else 0)

    def _live(self, table: tuple[Any, Any], over: list[OpenCall], clusters: list[list[Signalling]]) -> LiveFlows | None:
        """Return what is live of the clients of calls and attempts that look finished."""
        if not over and not clusters:
            return None
        units = [one for cluster in clusters for one in cluster]
        hosts = [host for call in over for host in call.hosts] + [one.host for one in units]
        ties = [tie for call in over for tie in call.all_ties] + [tie for one in units for tie in one.ties]
        sockets = {tie[1] for tie in ties if tie[0] == "socket"}
        return LiveFlows(*table, {host[1] for host in hosts} | sockets, ties)

    def _finish(self, over: list[OpenCall], live: LiveFlows | None, end_ns: int | None) -> Iterator[Call]:
        """Yield the records of calls that are complete, the first to begin first."""
        if live is not None:
            over = [
                call
                for call in over
                if not live.may_join(
                    call.hosts, call.all_ties, call.media[1] + JOIN_GAP_NS, by_host=not call.is_one_socket
                )
            ]
        complete = set(over)
        for call in sorted(over, key=lambda call: call.order):
            if call not in complete:
                continue
            same = self._same(call)
            if not complete.issuperset(same):
                complete.difference_update(same)
                continue
            complete.difference_update(same)
            call = self._merge(same)
            complete.add(call)
            neighbours = self._neighbours(call)
            if len(neighbours) > MAX_NEIGHBOURS:
                neighbours = [one for one in neighbours if one in complete]
            if not complete.issuperset(neighbours):
                # One of them goes on: whether it is the same call is not to be said yet.
                complete.difference_update(neighbours)
                continue
            complete.difference_update(neighbours)
            for one in self._resolve(neighbours):
                yield self._give(one, end_ns)

    def _same(self, call: OpenCall) -> list[OpenCall]:
        """Return the call and those that signalling ties to it: one credential at several sockets."""
        found, todo = {call: None}, [call]
        while todo:
            one = todo.pop()
            ties = {tie for unit in one.tied for tie in unit.ties}
            for other in self._open.tied(ties, one.media):
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
            for other in self._open.at(one.hosts):
                if other not in found and not other.is_one_socket and overlap(one.media, other.media) >= -JOIN_GAP_NS:
                    found[other] = None
                    todo.append(other)
        return list(found)

    def _resolve(self, calls: list[OpenCall]) -> list[OpenCall]:
        """Join calls of one address, unless two of them speak at once: then there are several people behind it."""
        calls.sort(key=lambda call: call.order)
        speeches = [(call, speech) for call in calls if (speech := call.speech) is not None]
        several = any(
            overlap(one, other) > TWO_CALLS_NS
            for place, (_, one) in enumerate(speeches)
            for _, other in speeches[place + 1 :]
        )
        if not several:
            return [self._merge(calls)]
        speakers = [call for call, _ in speeches]
        # Legs that do not speak (video, a shared screen) go to the speaker that they lie beside for longest.
        for call in calls:
            if call not in speakers:
                self._merge([max(speakers, key=lambda speaker: overlap(speaker.media, call.media)), call])
        return speakers

    def _attach(self, call: OpenCall) -> None:
        """Give a call the signalling that was for it."""
        begin, end = call.media
        ties, hosts = call.all_ties, set(call.hosts)
        near = [
            one
            for one in self._waiting.at(hosts, ties)
            if one.first_ns <= end and one.last_ns >= begin - SETUP_NS and one not in call.tied
        ]
        # An id leads from one socket to the next: what is tied to something tied is tied.
        while tied := [one for one in near if not ties.isdisjoint(one.ties)]:
            near = [one for one in near if one not in tied]
            call.tied += tied
            for one in tied:
                ties |= one.ids
                hosts.add(one.host)
        beside: list[Signalling] = []
        if not call.is_one_socket:
            beside = [
                one
                for one in near
                if one.host in hosts and one.last_ns >= begin - JOIN_GAP_NS and one.last_ns <= end + LINGER_NS
            ]
        for one in call.tied + beside:
            one.is_used = True
            if one not in call.signalling:
                call.signalling.append(one)

    def _give(self, call: OpenCall, end_ns: int | None) -> Call:
        self._attach(call)
        self._open.remove(call)
        self.ended += 1
        if not call.is_one_socket:
            for host in call.hosts:
                self._given.setdefault(host, deque()).append(call.media)
        found = (self._dialogs.get(number) for kind, _, number in call.ties if kind == "dialog")
        dialog = min((one for one in found if one is not None), key=lambda one: one.first_ns, default=None)
        if dialog is not None:
            self._dialogs.remove(dialog)
        return call_record(call, self._scene, end_ns, SETUP_NS, dialog)

    def _unheard(self, now_ns: int, end_ns: int | None) -> Iterator[Call]:
        """Yield the records of SIP dialogs that are over and of which no media was seen."""
        for dialog in self._dialogs.over(now_ns, self._hold_ns + self._active_ns, everything=end_ns is not None):
            self.attempts += 1
            yield dialog_record(dialog, self._scene, end_ns)

    def _attempts(self, clusters: list[list[Signalling]], live: LiveFlows | None, end_ns: int | None) -> Iterator[Call]:
        """Yield the records of attempts, signalling that no call with media has taken; forget what was taken."""
        for cluster in clusters:
            fresh = [one for one in cluster if not one.is_used]
            units = fresh or cluster
            first, last = min(one.first_ns for one in units), max(one.last_ns for one in units)
            hosts, ties = {one.host for one in units}, {tie for one in units for tie in one.ties}
            if self._open.tied(ties, (first, last + SETUP_NS)):
                # Its call is there and goes on: it will take it.
                continue
            by_host = not all(one.is_one_socket for one in units)
            if live is not None and live.may_join(hosts, ties, last + SETUP_NS, by_host=by_host):
                continue
            is_beside_call = len(fresh) < len(cluster) or self._has_call(hosts, (first, last))
            self._waiting.remove(cluster)
            if fresh and is_attempt(fresh) and not is_beside_call:
                self.attempts += 1
                yield attempt_record(fresh, self._scene, end_ns)

    def _has_call(self, hosts: set[Host], when: Span) -> bool:
        """Whether a client had a call of this application at the time, so that its signalling was no attempt."""
        calls = [call.media for call in self._open.at(hosts) if not call.is_one_socket]
        calls += [media for host in hosts for media in self._given.get(host, ())]
        return any(overlap(media, when) >= -JOIN_GAP_NS for media in calls)

    def _forget(self, now_ns: int) -> None:
        """Forget what can matter to no call that may yet come."""
        limit = now_ns - self._hold_ns - self._active_ns - SETUP_NS
        for host, given in list(self._given.items()):
            while given and given[0][1] < limit:
                given.popleft()
            if not given:
                del self._given[host]
        old = [one for waiting in self._waiting for one in waiting if one.is_used and one.last_ns < limit]
        self._waiting.remove(old)
