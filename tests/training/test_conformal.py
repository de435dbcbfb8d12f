"""Conformal sets: the quantile against a plain count, and coverage of flows that are to each other as they were."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.training.conformal import DEFAULT_SHARE, LEVEL, coverage, quantile, quantiles


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


def test_quantiles__equal_a_library_s_threshold_for_each_class() -> None:
    """scikit-learn has no conformal sets; NumPy's quantile of the inverted CDF is the same order statistic."""
    shares, truth, group = made_up(999, 2)
    least = quantiles(shares, truth, group, 3)
    for k in range(3):
        mine = shares[truth == k, k]
        level = np.floor((len(mine) + 1) * (1 - LEVEL)) / len(mine)
        assert least[k] == np.quantile(mine, level, method="inverted_cdf")


@pytest.mark.parametrize(("rows", "groups"), [(5, 5), (200, 1)])
def test_class_of_few_recordings_has_no_quantile(rows: int, groups: int) -> None:
    shares = np.full((rows, 2), 0.5)
    assert quantiles(shares, np.zeros(rows, int), np.arange(rows) % groups, 2)[0] == DEFAULT_SHARE
