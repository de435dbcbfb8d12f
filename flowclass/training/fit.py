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
from flowclass.model.labels import parse_label
from flowclass.training.classes import Classes, folds_of, row_weights
from flowclass.training.conformal import LEVEL, coverage, quantiles
from flowclass.training.rightness import right_of
from flowclass.training.table import Table

RANDOM_STATE = 20_240_229
FOLDS = 5
#: Deep trees with leaves of four: by grouped cross-validation they name twice the flows of which five packets are seen
#: that depth 10 and leaves of two do, and let fewer others through the gates (docs/decisions, naming by application).
TREES = 60
DEPTH = 16
LEAST_LEAF_ROWS = 4
FEATURES_A_SPLIT = 20
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
#: A share that nothing holds, so that the application is not named.
NEVER = 2.0
TINY = 1e-9
#: Fewer held-out rows than this make no curve of their own.
LEAST_CURVE_ROWS = 30


@dataclass(frozen=True)
class Tuning:
    """What held-out captures taught; arrays as in ``model.decision.Rules``."""

    gate: np.ndarray
    share: np.ndarray
    calibration: np.ndarray
    possible: np.ndarray
    coverage: Coverage


@dataclass(frozen=True)
class Coverage:
    """How often the candidates of held-out call flows held their class, quantiles taken from other groups.

    Attributes
    ----------
    level : what was asked for
    flows : feature rows scored
    held : share whose set held the class
    size : mean number of classes in a set
    by_class : by class: rows, share held
    """

    level: float
    flows: int
    held: float
    size: float
    by_class: dict[str, tuple[int, float]]


def fit_forest(features: np.ndarray, classes: np.ndarray, weights: np.ndarray) -> Any:
    """Return a fitted scikit-learn forest."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        n_estimators=TREES,
        max_depth=DEPTH,
        min_samples_leaf=LEAST_LEAF_ROWS,
        max_features=FEATURES_A_SPLIT,
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
    """Choose gates, shares, calibration and conformal quantiles from held-out probabilities.

    Notes
    -----
    A name is right when it is the application's, whatever the kind, and whatever class the application's flows were
    pooled into: that is what a verdict is believed for.
    """
    usable = table.rows["features_row"] >= 0
    rows = table.rows[usable]
    truth = classes.of_row[usable]
    found = probabilities[rows["features_row"]].astype(np.float64)
    is_call = np.array([label.is_call for label in classes.labels])
    calls = found[:, is_call].sum(axis=1)
    by_app = app_probabilities(found, classes)
    # The likeliest class of the likeliest application, as in model.decision.
    best = np.lexsort((found, by_app), axis=1)[:, -1] if len(found) else np.zeros(0, np.int64)
    gate = np.where(is_call, _gates(rows, calls, best, is_call[truth], is_call), OTHER_GATE)
    passed = calls >= gate[best]
    right = right_names(table, classes)[rows["label"], best]
    top = by_app[np.arange(len(found)), best]
    share = _shares(top / np.maximum(calls, TINY), best, right, passed, is_call)
    calibration = _calibration(found, calls, top, best, truth, right, passed, is_call)
    scored = passed & is_call[truth]
    shares = np.where(is_call, found, 0.0)[scored] / np.maximum(calls[scored], TINY)[:, None]
    kept = (shares, truth[scored], rows["group"][scored].astype(np.int64))
    possible = np.where(is_call, quantiles(*kept, len(is_call)), NEVER)
    covered = _coverage(classes, *kept, folds_of(table, classes, FOLDS)[usable][scored])
    narrow = [one.astype(np.float32) for one in (gate, share, calibration, possible)]
    return Tuning(narrow[0], narrow[1], narrow[2], narrow[3], covered)


def app_probabilities(found: np.ndarray, classes: Classes) -> np.ndarray:
    """Return float64[n, classes]: the probability of each class' application over its call classes; -1 for no call."""
    app = np.array([int(label.app) for label in classes.labels])
    is_call = np.array([label.is_call for label in classes.labels])
    same = (app[:, None] == app) & is_call[:, None] & is_call
    return np.where(is_call, found @ same.astype(float), -1.0)


def right_names(table: Table, classes: Classes) -> np.ndarray:
    """Return bool[labels, classes]: is the name of a class right for a flow of a label."""
    right = np.zeros((len(table.labels), len(classes.labels)), bool)
    for row, text in enumerate(table.labels):
        label = parse_label(text)
        for column, said in enumerate(classes.labels):
            bits = sum(1 << int(app) for app in {said.app, said.also} if app)
            app, kind = (np.array([int(one)]) for one in (said.app, said.kind))
            right[row, column] = right_of(label, app, kind, np.array([bits], np.uint64))[0]
    return right


def _coverage(classes: Classes, shares: np.ndarray, truth: np.ndarray, group: np.ndarray, fold: np.ndarray) -> Coverage:
    held, size = coverage(shares, truth, group, fold, len(classes.labels))
    by_class = {
        str(label): (int((truth == k).sum()), float(held[truth == k].mean()))
        for k, label in enumerate(classes.labels)
        if (truth == k).any()
    }
    if not len(held):
        return Coverage(LEVEL, 0, 0.0, 0.0, by_class)
    return Coverage(LEVEL, len(held), float(held.mean()), float(size.mean()), by_class)


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
    held: np.ndarray, best: np.ndarray, right: np.ndarray, passed: np.ndarray, is_call: np.ndarray
) -> np.ndarray:
    """Return the least share of the call probability at which each class' application is named.

    NEVER where no share is enough to be right; a half for a class that no held-out flow was taken for, as of a single
    recording.
    """
    share = np.full(len(is_call), 0.5)
    for k in np.flatnonzero(is_call):
        mine = passed & (best == k)
        if not mine.any():
            continue
        precise = (
            least
            for least in SHARES
            if (named := mine & (held >= least)).any() and right[named].mean() >= NAMED_PRECISION
        )
        share[k] = next(precise, NEVER)
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
    found: np.ndarray,
    calls: np.ndarray,
    top: np.ndarray,
    best: np.ndarray,
    truth: np.ndarray,
    right: np.ndarray,
    passed: np.ndarray,
    is_call: np.ndarray,
) -> np.ndarray:
    """Return the calibration curves; a class with few held-out rows takes the curve of all calls."""
    everyone = _curve(top[passed], right[passed])
    curves = np.zeros((len(is_call) + 1, CALIBRATION_POINTS))
    for k in range(len(is_call)):
        mine = passed & (best == k) if is_call[k] else ~passed & (found[:, k] >= OTHER_GATE)
        score, good = (top, right) if is_call[k] else (found[:, k], truth == k)
        enough = mine.sum() >= LEAST_CURVE_ROWS and good[mine].any()
        curves[k] = _curve(score[mine], good[mine]) if enough else everyone
    curves[-1] = _curve(calls[passed], is_call[truth[passed]])
    return curves
