"""Host module: is a model's array safe to walk and sensible to believe; called whenever a bundle is loaded.

The forest kernel checks no index, so what is proven here is what keeps it inside its arrays.
"""

from __future__ import annotations

import numpy as np

from flowclass.model.decision import CALIBRATION_POINTS, TRUSTS, Rules
from flowclass.model.forest import Forest
from flowclass.model.norms import Norms

LARGEST_DEPTH = 64
LARGEST_TREES = 10_000
LARGEST_CLASSES = 64
#: Candidates are a set of 64 bits over App.
LARGEST_APPS = 64


def _require(condition: bool | np.bool_, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _within(values: np.ndarray, low: float, high: float) -> bool:
    """Whether every value lies in [low, high]; NaN does not."""
    return bool(np.all((values >= low) & (values <= high)))


def check_forest(forest: Forest, classes: int, features: int) -> None:
    """Raise ValueError unless every walk from a root stays inside the arrays.

    Notes
    -----
    From a node a walk goes to ``left`` or ``left + 1``; both must exist. A leaf's ``left`` is itself, and only a
    threshold of +infinity keeps the walk there. Children lie behind their parent, so that no walk goes in circles.
    """
    nodes = forest.nodes
    count, trees = len(nodes), len(forest.roots)
    _require(0 < classes <= LARGEST_CLASSES, f"{classes} classes, expected 1 to {LARGEST_CLASSES}")
    _require(0 < trees <= LARGEST_TREES, f"{trees} trees, expected 1 to {LARGEST_TREES}")
    _require(count > 0, "no nodes")
    _require(len(forest.depths) == trees, f"{len(forest.depths)} depths for {trees} trees")
    shape = forest.values.shape
    _require(shape == (count, classes), f"values have shape {shape}, expected {(count, classes)}")
    _require(_within(forest.roots, 0, count - 1), "a root lies outside the nodes")
    _require(_within(forest.depths, 0, LARGEST_DEPTH), f"a depth lies outside 0 to {LARGEST_DEPTH}")
    _require(_within(nodes["feature"], 0, features - 1), f"a node asks for a feature outside 0 to {features - 1}")
    places = np.arange(count)
    leaf = nodes["left"] == places
    _require(np.all(np.isposinf(nodes["threshold"][leaf])), "a leaf has a threshold")
    inner = ~leaf
    _require(np.all(np.isfinite(nodes["threshold"][inner])), "an inner node's threshold is not a number")
    left = nodes["left"][inner].astype(np.int64)
    _require(np.all((left > places[inner]) & (left + 1 < count)), "a child lies before its parent or outside the nodes")
    _require(_within(forest.values, 0.0, 1.0), "a class share lies outside 0 to 1")


def check_rules(rules: Rules, classes: int) -> None:
    """Raise ValueError unless the rules fit the classes and hold probabilities."""
    for name, shape in (
        ("gate", (classes,)),
        ("share", (classes,)),
        ("calibration", (classes + 1, CALIBRATION_POINTS)),
        ("evidence", (TRUSTS,)),
        ("possible", (classes,)),
    ):
        values = getattr(rules, name)
        _require(values.shape == shape, f"{name} has shape {values.shape}, expected {shape}")
        # A gate above 1 is one that nothing passes.
        most = 2.0 if name in ("gate", "share", "possible") else 1.0
        _require(_within(values, 0.0, most), f"{name} is out of range")
    _require(rules.prefer.ndim == 1 and len(rules.prefer) <= LARGEST_APPS, "prefer is no list by application")
    _require(_within(rules.prefer, 0, LARGEST_APPS - 1), "prefer names no application")


def check_norms(norms: Norms, classes: int, features: int) -> None:
    """Raise ValueError unless the norms are ordered, finite and of this model's shape."""
    for name in ("low", "high"):
        values = getattr(norms, name)
        _require(values.shape == (classes, features), f"{name} has shape {values.shape}")
        _require(np.all(np.isfinite(values)), f"{name} is not finite")
    _require(np.all(norms.low <= norms.high), "what is usual ends before it begins")
    bins = norms.shares.shape[-1]
    _require(norms.edges.shape == (features, bins - 1), f"edges have shape {norms.edges.shape} for {bins} bins")
    _require(norms.shares.shape == (features, bins), f"shares have shape {norms.shares.shape}")
    _require(np.all(np.isfinite(norms.edges)) and np.all(np.diff(norms.edges, axis=1) >= 0), "edges are out of order")
    _require(_within(norms.shares, 0.0, 1.0), "a share lies outside 0 to 1")
