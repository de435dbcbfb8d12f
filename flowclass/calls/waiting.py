"""Host module: Waiting, signalling that waits for its call, and the attempts among it that no call takes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from flowclass.calls.attempt import clusters_of, is_attempt
from flowclass.calls.joining import CallIndex
from flowclass.calls.leg import NS_PER_S, Span
from flowclass.calls.live import LINGER_NS, LiveFlows
from flowclass.calls.opencall import JOIN_GAP_NS, OpenCall, overlap
from flowclass.calls.signalling import Signalling, SignallingStore
from flowclass.calls.ties import ADDRESS, Host

#: Set-up comes this long before media at most: the apps ring for a minute, and relays are asked before.
SETUP_NS = 75 * NS_PER_S


class Waiting:
    """Flows without media, and when clients had calls that have been given out."""

    def __init__(self) -> None:
        self._store = SignallingStore()
        self._given: dict[Host, deque[Span]] = {}

    @property
    def shed(self) -> int:
        """Flows that were forgotten for want of room."""
        return self._store.shed

    def add(self, one: Signalling) -> None:
        """Take a flow without media."""
        self._store.add(one)

    def clusters(self, *, fresh: bool = False) -> Iterator[list[Signalling]]:
        """Yield what belongs together, if ``fresh`` only where a call has not taken all of it."""
        return clusters_of(self._store, fresh=fresh)

    def attach(self, call: OpenCall) -> None:
        """Give a call the signalling that was for it."""
        call.is_attached = True
        begin, end = call.media
        near = [
            one
            for one in self._store.at(call.hosts, call.all_ties)
            if one.first_ns <= end and one.last_ns >= begin - SETUP_NS and one not in call.tied
        ]
        if not near and not call.tied:
            return
        ties, hosts = set(call.all_ties), set(call.hosts)
        # An id leads from one socket to the next: what is tied to something tied is tied.
        while tied := [one for one in near if not ties.isdisjoint(one.ties)]:
            near = [one for one in near if one not in tied]
            call.tied += tied
            for one in tied:
                ties.update(one.ids)
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

    def note_given(self, call: OpenCall) -> None:
        """Remember when a call was that has been given out."""
        if not call.is_one_socket:
            for host in call.hosts:
                self._given.setdefault(host, deque()).append(call.media)

    def attempts(
        self, clusters: list[list[Signalling]], calls: CallIndex, live: LiveFlows | None
    ) -> Iterator[list[Signalling]]:
        """Yield the signalling of each attempt, which no call with media has taken; forget what was taken."""
        for cluster in clusters:
            fresh = [one for one in cluster if not one.is_used]
            units = fresh or cluster
            first, last = min(one.first_ns for one in units), max(one.last_ns for one in units)
            hosts, ties = {one.host for one in units}, set().union(*[one.ties for one in units])
            if calls.tied(ties, (first, last + SETUP_NS)):
                # Its call is there and goes on: it will take it.
                continue
            by_host = not all(one.is_one_socket for one in units)
            if live is not None and live.may_join(hosts, ties, last + SETUP_NS, by_host=by_host):
                continue
            is_beside_call = len(fresh) < len(cluster) or self._has_call(hosts, (first, last), calls)
            self._store.remove(cluster)
            if fresh and is_attempt(fresh) and not is_beside_call:
                yield fresh

    def _has_call(self, hosts: set[Host], when: Span, calls: CallIndex) -> bool:
        """Whether a client had a call of this application at the time, so that its signalling was no attempt."""
        spans = [call.media for call in calls.at(hosts) if not call.is_one_socket]
        spans += [media for host in hosts for media in self._given.get(host, ())]
        return any(overlap(media, when) >= -JOIN_GAP_NS for media in spans)

    @property
    def given_addresses(self) -> set[bytes]:
        """Addresses of clients whose calls have been given out, as in their hosts."""
        return {host[ADDRESS] for host in self._given}

    def forget(self, limit: int, now_ns: int, live: LiveFlows | None) -> None:
        """Forget what was over at ``limit``, or of whose time nothing is left to be told at ``now_ns``."""
        for host, given in list(self._given.items()):
            last = max(media[1] for media in given)
            # No flow of that time is live, and none waits.
            is_told = live is not None and last + JOIN_GAP_NS < now_ns and not live.has_begun(host, last + JOIN_GAP_NS)
            if last < limit or (is_told and not self._store.at([host], ())):
                del self._given[host]
                continue
            while given[0][1] < limit:
                given.popleft()
        old = [one for waiting in self._store for one in waiting if one.is_used and one.last_ns < limit]
        self._store.remove(old)
