"""Host module: why the model said so: what each feature added to the probability of a class, and what is usual for it.

Walking down a tree, the share of a class changes from node to node; each change is booked on the feature that was
asked (Saabas 2014, "Interpreting random forests"). Mean share at the roots + all contributions = the forest's answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flowclass.features.row import FEATURE_NAMES
from flowclass.model.bundle import ModelBundle

NAN = float("nan")


class Contribution(NamedTuple):
    """One feature's part in a class probability."""

    feature: str
    value: float  #: the flow's value
    weight: float  #: what it added to the probability, negative when it spoke against
    low: float  #: nine in ten flows of the class have as much or more
    high: float  #: nine in ten flows of the class have as much or less


class Explanation(NamedTuple):
    """A class probability taken apart: ``base`` + sum of all weights = ``probability``."""

    label: str
    probability: float
    base: float
    contributions: list[Contribution]  #: strongest first


def explain_row(bundle: ModelBundle, features: np.ndarray, label: str | None = None, most: int = 8) -> Explanation:
    """Explain one class probability of one flow.

    Parameters
    ----------
    features : float32[FEATURE_COUNT]
    label : class to explain; default the likeliest
    most : contributions returned; the rest is summed under the name ``(others)``
    """
    forest = bundle.forest
    weights = np.zeros((len(FEATURE_NAMES), len(bundle.labels)))
    for root, depth in zip(forest.roots, forest.depths, strict=True):
        at = int(root)
        for _ in range(int(depth)):
            node = forest.nodes[at]
            following = int(node["left"]) + int(features[node["feature"]] > node["threshold"])
            if following == at:
                break
            weights[node["feature"]] += forest.values[following].astype(float) - forest.values[at]
            at = following
    weights /= len(forest.roots)
    base = forest.values[forest.roots].mean(axis=0, dtype=float)
    totals = base + weights.sum(axis=0)
    names = [str(one) for one in bundle.labels]
    place = names.index(label) if label is not None else int(totals.argmax())
    mine = weights[:, place]
    order = [int(k) for k in np.argsort(-np.abs(mine), kind="stable") if mine[k] != 0]
    low, high = bundle.norms.low[place], bundle.norms.high[place]
    parts = [
        Contribution(FEATURE_NAMES[k], float(features[k]), float(mine[k]), float(low[k]), float(high[k]))
        for k in order[:most]
    ]
    rest = float(mine[order[most:]].sum())
    if rest:
        parts.append(Contribution("(others)", NAN, rest, NAN, NAN))
    return Explanation(names[place], float(totals[place]), float(base[place]), parts)
