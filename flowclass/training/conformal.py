"""Host module: split conformal candidate sets: which labels a model's verdict cannot rule out, at a chosen level.

For each class, held-out flows of it that were taken for calls say how small its share of the call probability gets:
the share that only one in ten of them falls below is the class' quantile. A class whose share in a new flow is not
below its quantile stays a candidate; so a flow of the class has it in its set with probability LEVEL, if it is to the
held-out ones as they are to each other (Vovk, Gammerman, Shafer 2005; class by class: Sadinle, Lei, Wasserman 2019).
Capture groups are few and not alike: what one group shows of a class says little about the next. So no class is held to
more than the quantile of all classes pooled, and one of too few groups stays a candidate as long as it holds anything
worth the name. The coverage reported is measured across folds of whole groups.
"""

from __future__ import annotations

import math

import numpy as np

#: Part of the flows of a class whose set shall hold the class.
LEVEL = 0.9
#: A class with fewer held-out flows, or of fewer groups, has no quantile of its own.
LEAST_ROWS = 20
LEAST_GROUPS = 3
#: Share from which such a class stays a candidate: what one tree in fifty would give it.
FEW_SHARE = 0.02


def quantiles(shares: np.ndarray, truth: np.ndarray, group: np.ndarray, classes: int) -> np.ndarray:
    """Return float64[classes], the least share at which each class stays a candidate.

    Parameters
    ----------
    shares : float64[n, classes], of the call probability, of held-out flows that passed their gate
    truth : int64[n], their classes
    group : int64[n], their capture groups

    Notes
    -----
    The k-th smallest of n shares, k = floor((n + 1) (1 - LEVEL)), at least the first: of the class' own flows, or of
    all flows where that is less. A lower quantile only widens the sets, so coverage of flows alike stays above LEVEL.
    """
    least = np.full(classes, FEW_SHARE)
    for k in range(classes):
        mine = truth == k
        if mine.sum() >= LEAST_ROWS and len(np.unique(group[mine])) >= LEAST_GROUPS:
            least[k] = quantile(shares[mine, k])
    pooled = quantile(shares[np.arange(len(truth)), truth]) if len(truth) else FEW_SHARE
    return np.asarray(np.minimum(least, pooled))


def quantile(values: np.ndarray) -> float:
    """Return the value that at most 1 - LEVEL of further ones fall below."""
    place = math.floor((len(values) + 1) * (1.0 - LEVEL))
    return float(np.sort(values)[max(place, 1) - 1])


def coverage(
    shares: np.ndarray, truth: np.ndarray, group: np.ndarray, fold: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each flow's set holds its class, and the size of the set; quantiles come from the other folds."""
    held = np.zeros(len(truth), bool)
    size = np.zeros(len(truth), np.int64)
    for k in np.unique(fold):
        here = fold == k
        least = quantiles(shares[~here], truth[~here], group[~here], classes)
        sets = shares[here] >= least
        held[here] = sets[np.arange(here.sum()), truth[here]]
        size[here] = sets.sum(axis=1)
    return held, size
