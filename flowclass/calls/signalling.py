"""Host module: Signalling, what one client socket exchanged with relays and peers around a call, and its store.

A call leaves up to a dozen such flows; they wait for its media, which may be told of half an hour later, so they are
summed up a socket at a time and their number is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flowclass.calls.leg import ONE_SOCKET
from flowclass.calls.ties import Host, Tie
from flowclass.record.verdict import App

NS_PER_S = 1_000_000_000
#: Flows of one socket that are further apart than this belong to different attempts.
SOCKET_GAP_NS = 10 * NS_PER_S
#: Flows named of one socket; the rest is only counted.
MAX_FLOWS = 16
MAX_SERVERS = 32
MAX_REPORTS = 16
#: Hosts looked at for signalling that shares an id: more show that the id is no call's (a password all clients share).
MAX_HOSTS = 32
#: Sockets remembered at once; beyond it new ones are shed, and counted.
MAX_WAITING = 131_072


@dataclass(eq=False, slots=True)
class Signalling:
    """Flows without media of one client socket, near each other in time.

    Attributes
    ----------
    host, ties : as `Leg` has them
    socket : the tie that is the client's socket, None for other than UDP
    ids : those of its ties that are ids of the call
    first_ns, last_ns : first and last packet
    flow_ids : of its flows, earliest first, MAX_FLOWS at most
    servers : for the flow of each relay or server that was asked, whether it ever answered; MAX_SERVERS at most
    peers : flows to a peer that carried an id of the call: somebody at the other end has been reached by signalling
    requests : packets from the client
    apps : flows that evidence names, by application
    end : latest EndMark that carries furthest, and when it was seen in ns
    cost : network cost plus 1 of the client and of the other end, 0 for none
    reasons : bit set of the evidence seen, the words of FLOW one after another
    reports : what RTCP said of the call's sources as MEDIA rows, with the flow's direction away from the client
    network : number of the client's network, 0 for other
    is_used : whether a call with media has taken it
    """

    host: Host
    first_ns: int
    last_ns: int
    socket: Tie | None
    ties: set[Tie]
    ids: tuple[Tie, ...]
    flow_ids: list[tuple[int, int]]
    servers: dict[int, bool]
    peers: int
    requests: int
    candidates: int
    confidence: float
    apps: dict[int, int]
    end: tuple[int, int]
    cost: tuple[int, int]
    network: int
    reasons: int
    reports: list[tuple[bytes, int]]
    is_used: bool = False

    def absorb(self, other: Signalling) -> None:
        """Take all of another of the same socket."""
        self.first_ns, self.last_ns = min(self.first_ns, other.first_ns), max(self.last_ns, other.last_ns)
        self.ties |= other.ties
        self.ids = tuple(dict.fromkeys(self.ids + other.ids))
        self.flow_ids = sorted({*self.flow_ids, *other.flow_ids})[:MAX_FLOWS]
        for flow, has_answered in other.servers.items():
            if flow in self.servers or len(self.servers) < MAX_SERVERS:
                self.servers[flow] = self.servers.get(flow, False) or has_answered
        self.peers += other.peers
        self.requests += other.requests
        self.candidates |= other.candidates
        self.confidence = max(self.confidence, other.confidence)
        for app, count in other.apps.items():
            self.apps[app] = self.apps.get(app, 0) + count
        self.end = max(self.end, other.end)
        self.cost = (max(self.cost[0], other.cost[0]), max(self.cost[1], other.cost[1]))
        self.network = self.network or other.network
        self.reasons |= other.reasons
        self.reports = [*self.reports, *other.reports][:MAX_REPORTS]
        self.is_used |= other.is_used

    @property
    def is_one_socket(self) -> bool:
        """Whether its application uses one socket a call.

        WhatsApp asks several relays from it; what looks like WhatsApp and asks one relay a socket is Messenger (FACTS
        §1.3, §1.4). Telegram uses several since it does ICE (FACTS §1.6).
        """
        if App.WHATSAPP in self.apps:
            return len(self.servers) > 1
        return bool(self.apps.keys() & (ONE_SOCKET - {App.TELEGRAM}))


def is_near(one: Signalling, other: Signalling) -> bool:
    """Whether two are within SOCKET_GAP_NS of each other."""
    return one.first_ns <= other.last_ns + SOCKET_GAP_NS and other.first_ns <= one.last_ns + SOCKET_GAP_NS


class SignallingStore:
    """Signalling that waits for its call, by host.

    Attributes
    ----------
    shed : flows that found no room
    """

    def __init__(self) -> None:
        self._by_host: dict[Host, list[Signalling]] = {}
        self._hosts_of: dict[Tie, set[Host]] = {}
        self._count = 0
        self.shed = 0

    def __len__(self) -> int:
        return self._count

    def add(self, fresh: Signalling) -> None:
        """Take a flow without media."""
        waiting = self._by_host.setdefault(fresh.host, [])
        near = [one for one in waiting if fresh.socket in one.ties and is_near(one, fresh)]
        if not near and self._count >= MAX_WAITING:
            self.shed += 1
            if not waiting:
                del self._by_host[fresh.host]
            return
        for one in near:
            fresh.absorb(one)
            waiting.remove(one)
            self._count -= 1
        waiting.append(fresh)
        self._count += 1
        for tie in fresh.ids:
            self._hosts_of.setdefault(tie, set()).add(fresh.host)

    def at(self, hosts: Iterable[Host], ties: Iterable[Tie]) -> list[Signalling]:
        """Return the signalling of some hosts, and of others that share an id with them or with ``ties``."""
        seen: dict[Host, None] = {}
        found: list[Signalling] = []
        todo = [*hosts, *self._sharing(ties)]
        while todo and len(seen) < MAX_HOSTS:
            host = todo.pop(0)
            if host in seen:
                continue
            seen[host] = None
            for one in self._by_host.get(host, ()):
                found.append(one)
                todo += self._sharing(one.ids)
        return found

    def _sharing(self, ties: Iterable[Tie]) -> list[Host]:
        """Return the hosts that share an id with ties, unless so many do that it is no call's."""
        sharing = [hosts for hosts in map(self._hosts_of.get, ties) if hosts]
        return [host for hosts in sharing if len(hosts) <= MAX_HOSTS for host in hosts]

    def __iter__(self) -> Iterator[list[Signalling]]:
        return iter([list(waiting) for waiting in self._by_host.values()])

    def remove(self, gone: Iterable[Signalling]) -> None:
        """Forget some."""
        for one in gone:
            waiting = self._by_host[one.host]
            waiting.remove(one)
            self._count -= 1
            if not waiting:
                del self._by_host[one.host]
            for tie in one.ids:
                hosts = self._hosts_of.get(tie)
                if hosts is not None and not any(tie in other.ties for other in self._by_host.get(one.host, ())):
                    hosts.discard(one.host)
                    if not hosts:
                        del self._hosts_of[tie]
