"""The sweep's hand: what it finds over ends with the look after, unless it has been heard in between."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.flow.state import MeterSettings, MeterState, new_state
from flowclass.flow.sweep import sweep_one

S = 1_000_000_000
IDLE_S = 60
SILENT, HEARD = 0, 100 * S


@pytest.fixture
def state() -> MeterState:
    """Return a meter's memory with three live flows, of which the one in row 1 has been silent for too long."""
    made = new_state(MeterSettings(max_flows=64, max_streams=16, idle_timeout_s=IDLE_S))
    made.hot["in_use"][:3] = 1
    made.hot["last_ns"][:3] = HEARD, SILENT, HEARD
    made.meter["high_row"], made.meter["live"] = 3, 3
    return made


def looks(state: MeterState, count: int) -> list[int]:
    """Return what so many looks in a row say is to end."""
    return [sweep_one(state, HEARD) for _ in range(count)]


def test_sweep__ends_a_silent_flow_with_the_look_after(state: MeterState) -> None:
    # The hand begins at row 1, the first after where it stands.
    assert looks(state, 2) == [-1, 1]


def test_sweep__spares_a_flow_that_is_heard_in_between(state: MeterState) -> None:
    assert looks(state, 1) == [-1]
    state.hot["last_ns"][1] = HEARD
    assert looks(state, 4) == [-1] * 4


def test_sweep__spares_the_row_of_a_flow_that_has_ended_in_between(state: MeterState) -> None:
    assert looks(state, 1) == [-1]
    state.hot["in_use"][1] = 0
    assert looks(state, 4) == [-1] * 4


def test_sweep__looks_at_every_row(state: MeterState) -> None:
    state.hot["last_ns"][:3] = SILENT
    ended = set(looks(state, 4)) - {-1}
    np.testing.assert_array_equal(sorted(ended), [0, 1, 2])
