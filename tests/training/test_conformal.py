"""Conformal sets: the quantile against a plain count, and coverage of flows that are to each other as they were."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.training.conformal import FEW_SHARE, LEVEL, coverage, quantile, quantiles


@pytest.mark.parametrize("count", [20, 99, 100, 1000])
def test_quantile__equals_a_plain_count(count: int) -> None:
    """Few enough values lie below it, and with the next one too many would."""
    values = np.random.default_rng(count).random(count)
    found = quantile(values)
    below = sum(1 for value in values if value < found)
    assert (below + 1) / (count + 1) <= 1 - LEVEL + 1e-9
    assert (below + 2) / (count + 1) > 1 - LEVEL - 1e-9


def made_up(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shares of three classes that mostly show the truth, the truth, and groups."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 3, rows)
    logits = draw.normal(size=(rows, 3)) + 1.5 * (np.arange(3) == truth[:, None])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return shares, truth, draw.integers(0, 12, rows)


def test_coverage__is_the_level_for_flows_alike() -> None:
    shares, truth, group = made_up(6000, 1)
    held, size = coverage(shares, truth, group, group % 5, 3)
    assert held.mean() == pytest.approx(LEVEL, abs=0.015)
    for k in range(3):
        assert held[truth == k].mean() == pytest.approx(LEVEL, abs=0.03)
    assert 1 < size.mean() < 3


def test_quantiles__give_the_sets_of_a_library() -> None:
    """crepes' class-conditional sets, by p-values of each class' own flows, as an oracle of ours."""
    crepes = pytest.importorskip("crepes")
    shares, truth, group = made_up(999, 2)
    asked = made_up(500, 3)[0]
    own = np.array([quantile(shares[truth == k, k]) for k in range(3)])
    oracle = crepes.ConformalClassifier()
    oracle.fit(1.0 - shares[np.arange(len(truth)), truth], bins=truth)
    for k in range(3):
        hold = oracle.predict_set(1.0 - asked[:, [k]], bins=np.full(len(asked), k), confidence=LEVEL, smoothing=False)
        np.testing.assert_array_equal(asked[:, k] >= own[k], hold[:, 0] == 1)
    assert np.all(quantiles(shares, truth, group, 3) <= own)


def test_quantiles__no_class_is_held_to_more_than_all_are() -> None:
    """A class whose own flows are alike, and likelier than others', says little about its next recording."""
    truth = np.repeat([0, 1], 500)
    shares = np.where(np.arange(2) == truth[:, None], np.where(truth[:, None] == 0, 0.95, 0.55), 0.05)
    least = quantiles(shares, truth, np.arange(1000) % 7, 2)
    assert least.tolist() == [0.55, 0.55]


@pytest.mark.parametrize(("rows", "groups"), [(5, 5), (200, 2)])
def test_class_of_few_recordings__stays_while_it_holds_anything(rows: int, groups: int) -> None:
    shares = np.full((rows, 2), 0.5)
    assert quantiles(shares, np.zeros(rows, int), np.arange(rows) % groups, 2).tolist() == [FEW_SHARE, FEW_SHARE]
