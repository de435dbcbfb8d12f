"""Kernel module: Norms, what is usual: for each class (the words of a verdict) and for all traffic (drift).

``weigh_row`` is called by ``model.classify`` for each verdict of the model: it finds the features that spoke loudest
for it and sets them beside what is usual for the class said.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowclass.jit import entry, int64, kernel
from flowclass.model.verdict import WEIGHED
from flowclass.record.verdict import DecidedBy

#: Trees that are asked for the words: a part of the forest, which is enough to find what weighs most.
WEIGHED_TREES = 16
#: States of a feature beside what is usual for the class.
BELOW, USUAL, ABOVE = 0, 1, 2
STATES = 3
STATE_NAMES = ("low", "usual", "high")
#: Population stability index above which a feature has moved much (Siddiqi, Credit Risk Scorecards, 2006).
DRIFTED = 0.25
#: Least share of a bin: an empty one must not make the index infinite.
LEAST_SHARE = 1e-4
_MODEL = int(DecidedBy.MODEL)


class Norms(NamedTuple):
    """What training flows were like; arrays of a bundle."""

    low: Any  #: float32[classes, features], the tenth of the class' flows that have least ends here
    high: Any  #: float32[classes, features], the tenth that have most begins here
    edges: Any  #: float32[features, bins - 1], between the bins of the reference distribution
    shares: Any  #: float32[features, bins], of the flows a model meets: whole, and not named by evidence


@kernel
def _state(norms: Any, c: int, feature: int, value: float) -> int:
    if value < norms.low[c, feature]:
        return BELOW
    return ABOVE if value > norms.high[c, feature] else USUAL


@kernel
def weigh_row(forest: Any, norms: Any, c: int, features: Any, weights: Any, signs: Any) -> None:
    """Find the features that added most to the probability of class ``c``.

    Parameters
    ----------
    features : float32[features], one row
    weights : float32[features], scratch
    signs : uint16[WEIGHED], overwritten: 1 + feature * STATES + state, loudest first, 0 for none

    Notes
    -----
    What each step of a walk adds to the class is booked on the feature that was asked (Saabas 2014), as in
    ``model.explain``, which does it for all trees.
    """
    for k in range(weights.shape[0]):
        weights[k] = 0.0
    for tree in range(min(forest.roots.shape[0], WEIGHED_TREES)):
        at = int64(forest.roots[tree])
        for _ in range(forest.depths[tree]):
            node = forest.nodes[at]
            feature = int64(node["feature"])
            following = int64(node["left"]) + int64(features[feature] > node["threshold"])
            if following == at:
                break
            weights[feature] += forest.values[following, c] - forest.values[at, c]
            at = following
    for place in range(WEIGHED):
        loudest = -1
        for k in range(weights.shape[0]):
            if weights[k] > 0.0 and (loudest < 0 or weights[k] > weights[loudest]):
                loudest = k
        signs[place] = 0
        if loudest >= 0:
            signs[place] = 1 + loudest * STATES + _state(norms, c, loudest, features[loudest])
            weights[loudest] = 0.0


@kernel
def class_said(rules: Any, verdict: Any, probabilities: Any) -> int:
    """Return the class of a verdict's application and kind, else the likeliest of its kind; -1 for none."""
    best = -1
    for c in range(probabilities.shape[0]):
        if rules.kind[c] != verdict["kind"]:
            continue
        if rules.app[c] == verdict["app"] or (rules.also[c] == verdict["app"] and rules.also[c] != 0):
            return c
        if best < 0 or probabilities[c] > probabilities[best]:
            best = c
    return best


@entry
def weigh_flows(
    forest: Any, rules: Any, norms: Any, flows: Any, X: Any, probabilities: Any, weights: Any, verdicts: Any
) -> None:
    """Fill ``signs`` of every verdict: those of the model get their loudest features, all others none."""
    for i in range(flows.shape[0]):
        verdict = verdicts[i]
        row = int64(flows[i]["features_row"])
        if verdict["decided_by"] == _MODEL and 0 <= row < X.shape[0]:
            c = class_said(rules, verdict, probabilities[row])
            if c >= 0:
                weigh_row(forest, norms, c, X[row], weights, verdict["signs"])
                continue
        for k in range(WEIGHED):
            verdict["signs"][k] = 0


def stability_index(norms: Norms, features: np.ndarray) -> np.ndarray:
    """Return float64[features]: how far given flows are from the reference (population stability index).

    Parameters
    ----------
    features : float32[n, features]

    Notes
    -----
    The sum over bins of (share here - share there) * ln(share here / share there); 0 for no flows.
    """
    count, bins = norms.shares.shape
    if not len(features):
        return np.zeros(count)
    index = np.zeros(count)
    for k in range(count):
        here = np.bincount(np.searchsorted(norms.edges[k], features[:, k], side="left"), minlength=bins)
        share = np.maximum(here / len(features), LEAST_SHARE)
        there = np.maximum(norms.shares[k].astype(float), LEAST_SHARE)
        index[k] = ((share - there) * np.log(share / there)).sum()
    return index
