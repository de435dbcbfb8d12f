"""Host module: a fitted scikit-learn forest as the plain arrays of ``model.forest``."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.model.forest import NODE, Forest, leaves_of


def floor32(thresholds: np.ndarray) -> np.ndarray:
    """Return the largest float32 not above each float64.

    For a float32 ``x``, ``x <= t`` holds exactly when ``x <= floor32(t)``.
    """
    rounded = thresholds.astype(np.float32)
    above = rounded.astype(np.float64) > thresholds
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return rounded


def _tree_arrays(tree: Any, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return NODE[n] and class shares[n, classes] of one tree whose root is put at ``first``.

    Nodes are written level by level, siblings side by side.
    """
    order, children = [0], {}
    for at in order:
        left, right = int(tree.children_left[at]), int(tree.children_right[at])
        if left >= 0:
            children[at] = len(order)
            order += [left, right]
    nodes = np.zeros(len(order), NODE)
    for place, at in enumerate(order):
        nodes["left"][place] = first + children.get(at, place)
    inner = np.array([at in children for at in order])
    threshold = np.full(len(order), np.inf, np.float32)
    threshold[inner] = floor32(tree.threshold[order][inner])
    nodes["threshold"] = threshold
    nodes["feature"][inner] = tree.feature[order][inner]
    values = tree.value[order, 0, :]
    return nodes, (values / values.sum(axis=1, keepdims=True)).astype(np.float32)


def forest_arrays(model: Any) -> Forest:
    """Return the arrays of a fitted ``RandomForestClassifier`` (or any forest with ``estimators_``)."""
    parts, roots, count = [], [], 0
    for estimator in model.estimators_:
        nodes, values = _tree_arrays(estimator.tree_, count)
        parts.append((nodes, values))
        roots.append(count)
        count += len(nodes)
    depths = [estimator.tree_.max_depth for estimator in model.estimators_]
    shares = np.concatenate([values for _, values in parts])
    return Forest(
        np.concatenate([nodes for nodes, _ in parts]),
        np.array(roots, np.int64),
        np.array(depths, np.int64),
        shares,
        leaves_of(shares),
    )
