"""A call waits for flows in the meter's table that may still join it, and for no others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flowclass.calls.live import LIVE, MOST_LIVE, UDP, snapshot
from flowclass.flow.rows import BODY, HOT
from flowclass.record.verdict import App, Kind
from tests.calls.flows import PEER, RELAY, S, assembler_of, flow
from tests.calls.test_active import table


def live(**more: Any) -> tuple[Any, Any]:
    """Return HOT and BODY of one flow of the client that began at 105 s."""
    hot, body = table(more)
    hot["proto"] = 17
    body["origin_ns"] = more.get("origin_s", 105) * S
    body["call_ids"][0] = more.get("ids", (0, 0))
    return hot, body


@pytest.mark.parametrize(
    ("what", "is_held"),
    [
        ({}, True),
        ({"kind": Kind.UNKNOWN, "streams": 0}, True),
        ({"sport": 41234}, False),
        ({"origin_s": 500}, False),
        ({"sport": 41234, "src": "192.168.7.9", "ids": (0, 99)}, True),
        ({"sport": 41234, "src": "192.168.7.9"}, False),
    ],
    ids=["its socket", "its socket, of no name yet", "another socket", "a later flow", "its id", "another client"],
)
def test_call_of_one_socket_waits_for(what: dict[str, Any], is_held: bool) -> None:
    assembler = assembler_of([flow(100, 130, ids=(0, 99))])
    assert len(assembler.sweep(400 * S, live(**what))) == (0 if is_held else 1)


@pytest.mark.parametrize(
    ("what", "is_held"),
    [
        ({"app": App.TEAMS, "sport": 41234}, True),
        ({"app": App.ZOOM, "sport": 41234}, False),
        ({"app": App.TEAMS, "sport": 41234, "kind": Kind.CALL_SIGNALLING, "streams": 0, "last_ns": 140 * S}, True),
        ({"app": App.TEAMS, "sport": 41234, "kind": Kind.CALL_SIGNALLING, "streams": 0, "last_ns": 390 * S}, False),
    ],
    ids=["its media", "another application", "its relay", "a keepalive"],
)
def test_call_of_several_sockets_waits_for(what: dict[str, Any], is_held: bool) -> None:
    assembler = assembler_of([flow(100, 130, app=App.TEAMS, dst=RELAY)])
    assert len(assembler.sweep(400 * S, live(**what))) == (0 if is_held else 1)


def test_rows_that_another_process_took_say_what_the_table_says() -> None:
    for what in ({}, {"sport": 41234}):
        given = [
            len(assembler_of([flow(100, 130, ids=(0, 99))]).sweep(400 * S, rows))
            for table in [live(**what)]
            for rows in (table, (snapshot(*table),) * 2)
        ]
        assert given[0] == given[1]


def test_snapshot_holds_live_flows_that_may_join_calls() -> None:
    hot, body = table({}, {"kind": Kind.UNKNOWN}, {"kind": Kind.NOT_VOIP}, {}, {})
    hot["proto"] = UDP
    hot["proto"][3], hot["in_use"][4] = 6, 0
    rows = snapshot(hot, body)
    assert rows.dtype == LIVE
    assert rows["kind"].tolist() == [Kind.CALL_MEDIA, Kind.UNKNOWN]


def test_snapshot_of_a_flood_keeps_what_has_a_name() -> None:
    hot, body = np.zeros(MOST_LIVE + 2, HOT), np.zeros(MOST_LIVE + 2, BODY)
    hot["proto"], hot["in_use"] = UDP, 1
    body["kind"][-1] = Kind.CALL_MEDIA
    rows = snapshot(hot, body)
    assert len(rows) == MOST_LIVE
    assert (rows["kind"] == Kind.CALL_MEDIA).sum() == 1


def test_attempt_waits_while_its_socket_may_yet_carry_media() -> None:
    relays = [flow(100, 112, kind=Kind.CALL_SIGNALLING, dst=relay, sent=(4, 4)) for relay in (RELAY, PEER)]
    assembler = assembler_of(relays)
    assert not assembler.sweep(400 * S, live())
    assert [call.outcome for call in assembler.sweep(400 * S, live(sport=41234))] == ["declined-or-missed"]
