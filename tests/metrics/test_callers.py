"""Callers: who counts as calling, and as having begun to, across workers and their deaths."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.active import CLIENT
from flowclass.metrics.callers import HELD_NS, Callers
from flowclass.record.verdict import App

S = 1_000_000_000
VIBER, SKYPE = ("viber", "other"), ("skype", "other")


def clients(*hosts: int, app: App = App.VIBER, network: int = 0) -> Any:
    """Return CLIENT rows of hosts by number."""
    return np.array([(app, 0, host, network) for host in hosts], CLIENT)


def nameless(_: Any) -> None:
    """Stand for a service without a prefix file."""


def test_client_of_two_workers_counts_once() -> None:
    callers = Callers()
    callers.take(0, clients(1, 2), S, nameless)
    callers.take(1, clients(2, 3), S, nameless)
    assert (callers.active, callers.started) == ({VIBER: 3}, {VIBER: 3})


def test_client_that_stays_does_not_start_again_and_one_that_returns_does() -> None:
    callers = Callers()
    for second, hosts in enumerate([(1,), (1,), (), (1,)]):
        callers.take(0, clients(*hosts), second * S, nameless)
    assert (callers.active, callers.started) == ({VIBER: 1}, {VIBER: 2})


def test_application_without_calls_stays_at_zero() -> None:
    callers = Callers()
    callers.take(0, clients(1, app=App.SKYPE), S, nameless)
    callers.take(0, clients(2), 2 * S, nameless)
    assert callers.active == {SKYPE: 0, VIBER: 1}


def test_clients_are_counted_by_network() -> None:
    callers = Callers()
    callers.take(
        0, np.concatenate([clients(1, 3, network=1), clients(2, network=2)]), S, ["", "odd", "even"].__getitem__
    )
    assert callers.active == {("viber", "odd"): 2, ("viber", "even"): 1}


def test_client_whose_network_gets_another_name_does_not_start_again() -> None:
    callers = Callers()
    callers.take(0, clients(1, network=1), S, ["other", "before", "after"].__getitem__)
    callers.take(0, clients(1, network=2), 2 * S, ["other", "before", "after"].__getitem__)
    assert callers.active == {("viber", "before"): 0, ("viber", "after"): 1}
    assert callers.started == {("viber", "before"): 1}


def test_successor_of_a_dead_worker_finds_no_new_callers() -> None:
    callers = Callers()
    callers.take(0, clients(1, 2), S, nameless)
    callers.forget(0, nameless)
    assert callers.active == {VIBER: 0}
    callers.take(0, clients(), 5 * S, nameless)
    callers.take(0, clients(1, 2, 3), 9 * S, nameless)
    assert (callers.active, callers.started) == ({VIBER: 3}, {VIBER: 3})


def test_dead_worker_is_forgotten_in_time() -> None:
    callers = Callers()
    callers.take(0, clients(1), S, nameless)
    callers.forget(0, nameless)
    callers.take(0, clients(1), S + HELD_NS + 1, nameless)
    assert callers.started == {VIBER: 2}
