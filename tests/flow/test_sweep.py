"""The sweep's hand: a flow whose time is over ends as the hand passes, and no other."""

from __future__ import annotations

import pytest

from flowclass.flow.state import MeterSettings, MeterState, new_state
from flowclass.flow.sweep import sweep_one

S = 1_000_000_000
IDLE_S = 60
SILENT, HEARD = 0, 100 * S


@pytest.fixture
def state() -> MeterState:
    """Return a meter's memory with three live flows, of which the one in row 2 has been silent for too long."""
    made = new_state(MeterSettings(max_flows=64, max_streams=16, idle_timeout_s=IDLE_S))
    made.hot["in_use"][:3] = 1
    made.hot["last_ns"][:3] = HEARD, HEARD, SILENT
    made.meter["high_row"], made.meter["live"] = 3, 3
    return made


def looks(state: MeterState, count: int) -> list[int]:
    """Return what so many looks in a row say is to end."""
    return [sweep_one(state, HEARD) for _ in range(count)]


def test_sweep__ends_a_silent_flow_as_the_hand_passes(state: MeterState) -> None:
    # The hand begins at row 1, the first after where it stands.
    assert looks(state, 3) == [-1, 2, -1]


def test_sweep__spares_a_flow_that_is_heard_after_it_was_fetched(state: MeterState) -> None:
    assert looks(state, 1) == [-1]
    state.hot["last_ns"][2] = HEARD
    assert looks(state, 4) == [-1] * 4


def test_sweep__spares_a_row_whose_flow_ended_after_it_was_fetched(state: MeterState) -> None:
    assert looks(state, 1) == [-1]
    state.hot["in_use"][2] = 0
    assert looks(state, 4) == [-1] * 4


def test_sweep__looks_at_every_row_in_turn(state: MeterState) -> None:
    state.hot["last_ns"][:3] = SILENT
    assert looks(state, 4) == [1, 2, 0, 1]


def test_sweep__looks_at_nothing_where_nothing_lives(state: MeterState) -> None:
    state.meter["live"] = 0
    assert looks(state, 3) == [-1] * 3
