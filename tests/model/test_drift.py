"""The window of recent flows: bounded, and still where traffic is what training was."""

from __future__ import annotations

import numpy as np

from flowclass.features.row import FEATURE_COUNT
from flowclass.model.drift import FLOWS_A_BATCH, WINDOW_FLOWS, RecentFlows
from flowclass.model.norms import DRIFTED, Norms
from flowclass.training.norms import reference_of


def rows(count: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Return float32[count, features], drawn around ``shift``."""
    draw = np.random.default_rng(seed)
    return (draw.normal(size=(count, FEATURE_COUNT)) + shift).astype(np.float32)


def norms() -> Norms:
    """Return the reference of rows without shift."""
    nothing = np.zeros((0, FEATURE_COUNT), np.float32)
    return Norms(nothing, nothing, *reference_of(rows(5000, 1)))


def filled(shift: float) -> RecentFlows:
    """Return a full window of rows around ``shift``, after others."""
    recent = RecentFlows()
    for seed in range(2 * WINDOW_FLOWS // FLOWS_A_BATCH):
        recent.add(rows(FLOWS_A_BATCH, seed, 9.0 if seed < WINDOW_FLOWS // FLOWS_A_BATCH else shift))
    return recent


def test_flows_like_those_of_training_have_not_drifted() -> None:
    mean, moved = filled(0.0).drift(norms())
    assert mean < DRIFTED / 5
    assert moved == 0


def test_flows_unlike_them_have() -> None:
    mean, moved = filled(1.0).drift(norms())
    assert mean > DRIFTED
    assert moved == FEATURE_COUNT


def test_a_flood_takes_part_of_the_window() -> None:
    recent = RecentFlows()
    recent.add(rows(4000, 1))
    assert 0 < recent.count <= FLOWS_A_BATCH
    recent.add(rows(0, 1))
    assert RecentFlows().drift(norms()) == (0.0, 0)
