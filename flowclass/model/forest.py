"""Kernel module: class probabilities from a forest of decision trees held as plain arrays.

The two children of a node lie side by side, so a step is ``left + (x > threshold)`` with no branch. A leaf is its own
left child with threshold +infinity: walking on from it stays there, and every row takes exactly ``depth`` steps. Eight
rows walk a tree together, which hides the latency of eight loads behind each other.

Equal to scikit-learn's ``predict_proba``: that compares a float32 value with a float64 threshold, and
``x <= t`` for a float32 ``x`` holds exactly when ``x <= floor32(t)`` (``training.fit`` does the flooring).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowclass.jit import entry, kernel
from flowclass.record.field import Field, dtype_of

NODE_FIELDS = (
    Field("threshold", "f4", "go right when the feature is above it; +infinity in a leaf"),
    Field("left", "u4", "left child; the right one is next to it; the node itself in a leaf"),
    Field("feature", "u4", "column of the feature matrix"),
)
NODE = dtype_of(NODE_FIELDS)
LEAF_FIELDS = (
    Field("share", "f4", "the two largest shares of a leaf", shape=(2,)),
    Field("of", "u1", "the classes that have them", shape=(2,)),
    Field("has_more", "u1", "whether further classes have a share: then all are added"),
)
#: What a leaf says, briefly: most leaves know one class or two of many.
LEAF = dtype_of(LEAF_FIELDS)
#: Rows that walk together.
LANES = 8
#: Rows taken through all trees before the next ones: their features stay in the first-level cache.
CHUNK_ROWS = 64


class Forest(NamedTuple):
    """The arrays a forest consists of; all checked when a bundle is loaded."""

    nodes: Any  #: NODE[n]
    roots: Any  #: int64[trees], first node of each tree
    depths: Any  #: int64[trees], steps to the deepest leaf
    values: Any  #: float32[n, classes], share of each class at each node
    leaves: Any  #: LEAF[n], of ``values``


def leaves_of(values: np.ndarray) -> np.ndarray:
    """Return LEAF[n] of class shares, float32[n, classes]."""
    leaves = np.zeros(len(values), LEAF)
    order = np.argsort(-values, axis=1, kind="stable")[:, :2]
    leaves["of"][:, : order.shape[1]] = order
    leaves["share"][:, : order.shape[1]] = np.take_along_axis(values, order, axis=1)
    leaves["has_more"] = np.count_nonzero(values, axis=1) > order.shape[1]
    return leaves


@kernel
def _add_leaf(forest: Any, at: Any, out: Any) -> None:
    """Add what a leaf says; a class without a share gets nothing added, so that the order of sums is the same."""
    leaf = forest.leaves[at]
    if leaf["has_more"]:
        shares = forest.values[at]
        for c in range(out.shape[0]):
            out[c] += shares[c]
    else:
        out[np.uint64(leaf["of"][0])] += leaf["share"][0]
        out[np.uint64(leaf["of"][1])] += leaf["share"][1]


@kernel
def _step(nodes: Any, at: np.uint64, features: Any) -> np.uint64:
    """Return the next node; unsigned throughout, so that no index is tested for being negative."""
    node = nodes[at]
    return np.uint64(node["left"]) + np.uint64(features[np.uint64(node["feature"])] > node["threshold"])


@kernel
def _walk_eight(forest: Any, tree: int, X: Any, r: int, out: Any) -> None:
    nodes = forest.nodes
    x0, x1, x2, x3, x4, x5, x6, x7 = X[r], X[r + 1], X[r + 2], X[r + 3], X[r + 4], X[r + 5], X[r + 6], X[r + 7]
    root = np.uint64(forest.roots[tree])
    n0, n1, n2, n3, n4, n5, n6, n7 = root, root, root, root, root, root, root, root
    for _ in range(forest.depths[tree]):
        n0 = _step(nodes, n0, x0)
        n1 = _step(nodes, n1, x1)
        n2 = _step(nodes, n2, x2)
        n3 = _step(nodes, n3, x3)
        n4 = _step(nodes, n4, x4)
        n5 = _step(nodes, n5, x5)
        n6 = _step(nodes, n6, x6)
        n7 = _step(nodes, n7, x7)
    _add_leaf(forest, n0, out[r])
    _add_leaf(forest, n1, out[r + 1])
    _add_leaf(forest, n2, out[r + 2])
    _add_leaf(forest, n3, out[r + 3])
    _add_leaf(forest, n4, out[r + 4])
    _add_leaf(forest, n5, out[r + 5])
    _add_leaf(forest, n6, out[r + 6])
    _add_leaf(forest, n7, out[r + 7])


@kernel
def find_leaf(forest: Any, tree: int, features: Any) -> int:
    """Return the leaf that one row of features ends in."""
    at = np.int64(forest.roots[tree])
    for _ in range(forest.depths[tree]):
        node = forest.nodes[at]
        at = np.int64(node["left"]) + np.int64(features[node["feature"]] > node["threshold"])
    return at  # type: ignore[return-value]


@kernel
def fill_probabilities(forest: Any, X: Any, out: Any) -> None:
    """Write class probabilities.

    Parameters
    ----------
    forest : Forest
    X : float32[m, features], finite
    out : float32[m, classes], overwritten

    Notes
    -----
    About 0.5 µs a row for 50 trees of depth 8.
    """
    rows = X.shape[0]
    classes = out.shape[1]
    trees = forest.roots.shape[0]
    share = np.float32(1.0) / np.float32(trees)
    for start in range(0, rows, CHUNK_ROWS):
        stop = min(start + CHUNK_ROWS, rows)
        for r in range(start, stop):
            for c in range(classes):
                out[r, c] = 0.0
        whole = start + (stop - start) // LANES * LANES
        for tree in range(trees):
            for r in range(start, whole, LANES):
                _walk_eight(forest, tree, X, r, out)
            for r in range(whole, stop):
                _add_leaf(forest, find_leaf(forest, tree, X[r]), out[r])
        for r in range(start, stop):
            for c in range(classes):
                out[r, c] *= share


@entry
def predict(forest: Any, X: Any, out: Any) -> None:
    """Write class probabilities of ``X`` into ``out``; see `fill_probabilities`."""
    fill_probabilities(forest, X, out)
