"""Host module: a forest by scikit-learn, and from held-out captures its gates, shares and calibration.

Everything is deterministic given the table. scikit-learn is imported inside functions: it takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from flowclass.model.decision import CALIBRATION_POINTS
from flowclass.training.classes import Classes, folds_of, row_weights
from flowclass.training.table import Table

RANDOM_STATE = 20_240_229
FOLDS = 5
#: 50 trees of depth 10 fit the second-level cache and cost about a microsecond a flow (model.forest).
TREES = 50
DEPTH = 10
LEAST_LEAF_ROWS = 2
#: False calls allowed among flows that are none: 1 in 10,000 (the issue's own figure).
FALSE_CALL_RATE = 1e-4
#: No gate lies below an even chance; and each lies this far above the strongest false call it must stop.
LOWEST_GATE = 0.5
GATE_MARGIN = 0.01
#: Least probability of being no call for saying so; below it the verdict is unknown.
OTHER_GATE = 0.6
#: A name is given when this part of the held-out flows so named was right.
NAMED_PRECISION = 0.97
SHARES = np.arange(0.40, 0.951, 0.05)
#: Fewer held-out rows than this make no curve of their own.
LEAST_CURVE_ROWS = 30


@dataclass(frozen=True)
class Tuning:
    """What held-out captures taught; arrays as in ``model.decision.Rules``."""

    gate: np.ndarray
    share: np.ndarray
    calibration: np.ndarray


def fit_forest(features: np.ndarray, classes: np.ndarray, weights: np.ndarray) -> Any:
    """Return a fitted scikit-learn forest."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        n_estimators=TREES,
        max_depth=DEPTH,
        min_samples_leaf=LEAST_LEAF_ROWS,
        max_features="sqrt",
        random_state=RANDOM_STATE,
        n_jobs=2,
    )
    return forest.fit(features, classes, sample_weight=weights)


def spread_classes(model: Any, probabilities: np.ndarray, count: int) -> np.ndarray:
    """Return probabilities with a column for every class, 0 for those the training fold did not hold."""
    whole = np.zeros((len(probabilities), count))
    whole[:, model.classes_] = probabilities
    return whole


Predictor = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _by_forest(features: np.ndarray, classes: np.ndarray, weights: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    model = fit_forest(features, classes, weights)
    return spread_classes(model, model.predict_proba(held_out), int(classes.max()) + 1)


def by_neighbours(features: np.ndarray, classes: np.ndarray, weights: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Return class probabilities of the five nearest neighbours: the baseline every figure stands beside."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler

    def level(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.sign(values) * np.log1p(np.abs(values)))

    scaler = StandardScaler().fit(level(features))
    model = KNeighborsClassifier(n_neighbors=min(5, len(features)), weights="distance")
    model.fit(scaler.transform(level(features)), classes)
    return spread_classes(model, model.predict_proba(scaler.transform(level(held_out))), int(classes.max()) + 1)


def held_out_probabilities(table: Table, classes: Classes, predictor: Predictor = _by_forest) -> np.ndarray:
    """Return float32[m, classes]: each feature row judged by a model that saw nothing of its group."""
    usable = np.flatnonzero(table.rows["features_row"] >= 0)
    order = table.rows["features_row"][usable]
    fold = folds_of(table, classes, FOLDS)[usable]
    weights = row_weights(table, classes)[usable]
    mine = classes.of_row[usable]
    out = np.zeros((len(table.features), len(classes.labels)), np.float32)
    for k in range(FOLDS):
        test, train = fold == k, fold != k
        if not test.any() or not train.any():
            continue
        found = predictor(table.features[order[train]], mine[train], weights[train], table.features[order[test]])
        out[order[test], : found.shape[1]] = found
    return out


def tune(table: Table, classes: Classes, probabilities: np.ndarray) -> Tuning:
    """Choose gates, shares and calibration from held-out probabilities."""
    usable = table.rows["features_row"] >= 0
    rows = table.rows[usable]
    truth = classes.of_row[usable]
    found = probabilities[rows["features_row"]].astype(np.float64)
    is_call = np.array([label.is_call for label in classes.labels])
    calls = found[:, is_call].sum(axis=1)
    best = np.where(is_call, found, -1.0).argmax(axis=1)
    gate = np.where(is_call, _gates(rows, calls, best, is_call[truth], is_call), OTHER_GATE)
    passed = calls >= gate[best]
    share = _shares(found, calls, best, truth, passed, is_call)
    calibration = _calibration(found, calls, best, truth, passed, is_call)
    return Tuning(gate.astype(np.float32), share.astype(np.float32), calibration.astype(np.float32))


def _gates(
    rows: np.ndarray, calls: np.ndarray, best: np.ndarray, positive: np.ndarray, is_call: np.ndarray
) -> np.ndarray:
    """Return the gate of each class: above every false call but those allowed, chosen to win most true calls.

    Notes
    -----
    Flows decided by evidence never meet the gates. A flow allowed to be wrong is allowed in all its views and for
    every class. Two are tried together, because two alike flows (one stream each way) stand behind each other.
    """
    negative = ~positive
    allowed = int(FALSE_CALL_RATE * len(np.unique(rows["flow"][negative])))
    offending = negative & (rows["app"] == 0)
    offenders: list[list[tuple[float, int]]] = []
    for k in range(len(is_call)):
        mine = offending & (best == k)
        pairs = zip(calls[mine].tolist(), rows["flow"][mine].tolist(), strict=True)
        offenders.append(sorted(pairs, reverse=True))
    called = [k for k in range(len(is_call)) if is_call[k]]
    wanted = [calls[positive & (best == k)] for k in range(len(is_call))]

    def gate_of(k: int, exempt: frozenset[int]) -> float:
        strongest = next((score + GATE_MARGIN for score, flow in offenders[k] if flow not in exempt), 0.0)
        return max(LOWEST_GATE, strongest)

    def won(exempt: frozenset[int]) -> int:
        return sum(int((wanted[k] >= gate_of(k, exempt)).sum()) for k in called)

    exempt: frozenset[int] = frozenset()
    while len(exempt) < allowed:
        first = {flow for k in called for flow in _strongest(offenders[k], exempt)}
        tries = [frozenset(some) for size in (1, 2) for some in combinations(sorted(first), size)]
        tries = [some for some in tries if len(some) + len(exempt) <= allowed]
        now = won(exempt)
        gains = [(won(exempt | some) - now) / len(some) for some in tries]
        if not gains or max(gains) <= 0:
            break
        exempt |= tries[int(np.argmax(gains))]
    return np.array([gate_of(k, exempt) for k in range(len(is_call))])


def _strongest(offenders: list[tuple[float, int]], exempt: frozenset[int]) -> list[int]:
    """Return the two flows, not exempt yet, that hold a gate up most."""
    found: list[int] = []
    for _, flow in offenders:
        if flow not in exempt and flow not in found:
            found.append(flow)
        if len(found) == 2:
            break
    return found


def _shares(
    found: np.ndarray, calls: np.ndarray, best: np.ndarray, truth: np.ndarray, passed: np.ndarray, is_call: np.ndarray
) -> np.ndarray:
    """Return the least share of the call probability at which each class is named."""
    share = np.full(len(is_call), 0.5)
    held = found[np.arange(len(found)), best] / np.maximum(calls, 1e-9)
    for k in np.flatnonzero(is_call):
        mine = passed & (best == k)
        if not (mine & (truth == k)).any():
            continue
        for least in SHARES:
            named = mine & (held >= least)
            if not named.any() or (truth[named] == k).mean() >= NAMED_PRECISION:
                break
        share[k] = least
    return share


def _curve(scores: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return an isotonic curve of P(right) over the score at CALIBRATION_POINTS, never quite 0 or 1."""
    from sklearn.isotonic import IsotonicRegression

    points = np.linspace(0.0, 1.0, CALIBRATION_POINTS)
    if len(scores) == 0:
        return points * 0.9
    # One right and one wrong answer are added at the ends: n rows cannot show more than (n + 1) / (n + 2).
    x, y = np.concatenate([scores, [0.0, 1.0]]), np.concatenate([right.astype(float), [0.0, 1.0]])
    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(x, y).predict(points)
    most = (len(scores) + 1) / (len(scores) + 2)
    return np.asarray(np.clip(curve, 0.0, most))


def _calibration(
    found: np.ndarray, calls: np.ndarray, best: np.ndarray, truth: np.ndarray, passed: np.ndarray, is_call: np.ndarray
) -> np.ndarray:
    """Return the calibration curves; a class with few held-out rows takes the curve of all calls."""
    top = found[np.arange(len(found)), best]
    everyone = _curve(top[passed], (truth == best)[passed])
    curves = np.zeros((len(is_call) + 1, CALIBRATION_POINTS))
    for k in range(len(is_call)):
        mine = passed & (best == k) if is_call[k] else ~passed & (found[:, k] >= OTHER_GATE)
        score = top if is_call[k] else found[:, k]
        enough = mine.sum() >= LEAST_CURVE_ROWS and (truth[mine] == k).any()
        curves[k] = _curve(score[mine], truth[mine] == k) if enough else everyone
    curves[-1] = _curve(calls[passed], is_call[truth[passed]])
    return curves
