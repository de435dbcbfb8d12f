"""Host module: which signalling without media was a call that somebody tried to make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowclass.calls.signalling import Signalling, SignallingStore, is_near
from flowclass.record.verdict import App

#: Applications that ask relays only when they call (FACTS §1.3-1.7), so that asking is an attempt.
ASK_TO_CALL = frozenset({App.WHATSAPP, App.MESSENGER, App.VIBER, App.TELEGRAM, App.SIGNAL})
#: Applications that ask relays at other times as well (a chat being opened): an attempt has checked a path to a peer.
CHECK_TO_CALL = frozenset({App.TEAMS, App.SKYPE})
#: Fewer packets from the client are a leftover: WhatsApp alone sends two to each of five relays.
LEAST_REQUESTS = 2


def clusters_of(store: SignallingStore, *, fresh: bool = False) -> Iterator[list[Signalling]]:
    """Yield what belongs together: near in time, and of one socket, id or, where an application uses several, host.

    If ``fresh`` only where a call has not taken all of it.
    """
    done: set[Signalling] = set()
    for waiting in store:
        for unit in waiting:
            if unit in done or (fresh and unit.is_used):
                continue
            cluster, todo = [unit], [unit]
            done.add(unit)
            while todo:
                one = todo.pop()
                for other in store.at([one.host], one.ids):
                    if other not in done and is_near(one, other) and are_one(one, other):
                        done.add(other)
                        cluster.append(other)
                        todo.append(other)
            yield sorted(cluster, key=lambda one: (one.first_ns, one.flow_ids))


def are_one(one: Signalling, other: Signalling) -> bool:
    """Whether two are of one attempt, being near."""
    if not one.ties.isdisjoint(other.ties):
        return True
    return one.host == other.host and not one.is_one_socket and not other.is_one_socket


def is_attempt(units: Sequence[Signalling]) -> bool:
    """Whether somebody tried to call: evidence of its own names the application, and what it did is not done otherwise.

    Keepalives, presence and discovery of relays are not calls.
    """
    apps = {app for one in units for app in one.apps}
    requests = sum(one.requests for one in units)
    if requests < LEAST_REQUESTS:
        return False
    if apps & ASK_TO_CALL:
        return True
    return bool(apps & CHECK_TO_CALL) and any(one.peers for one in units)
