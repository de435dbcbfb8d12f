"""Host module: Norms from a table: what is usual for each class, and the reference distribution for drift."""

from __future__ import annotations

import numpy as np

from flowclass.model.norms import Norms
from flowclass.training.classes import Classes
from flowclass.training.rightness import NAMELESS
from flowclass.training.table import Table

#: What a tenth of a class' flows lies below, and another tenth above, is not usual for it.
TAIL = 0.1
#: Bins of the reference distribution: tenths, as is customary for the population stability index.
BINS = 10


def norms_of(table: Table, classes: Classes) -> Norms:
    """Return the norms of a table: of all views for what is usual, of whole flows without a name for the reference."""
    usable = table.rows["features_row"] >= 0
    features = table.features[table.rows["features_row"][usable]]
    of_row = classes.of_row[usable]
    count = table.features.shape[1]
    low = np.zeros((len(classes.labels), count), np.float32)
    high = np.zeros((len(classes.labels), count), np.float32)
    for k in range(len(classes.labels)):
        mine = features[of_row == k]
        if len(mine):
            low[k], high[k] = np.quantile(mine, [TAIL, 1 - TAIL], axis=0, method="nearest")
    edges, shares = reference_of(features[is_met(table)[usable]])
    return Norms(low, high, edges, shares)


def is_met(table: Table) -> np.ndarray:
    """Return bool[rows]: whole flows that a model is asked about, as evidence has no name for them."""
    nameless = np.isin(table.rows["app"], [0, *(int(app) for app in NAMELESS)])
    return np.asarray((table.rows["view"] == 0) & nameless & (table.rows["features_row"] >= 0))


def reference_of(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return float32[features, BINS - 1] edges at the tenths, and float32[features, BINS] shares of the flows between.

    Notes
    -----
    A feature with few values has equal edges; the bins between them are empty here and later.
    """
    count = features.shape[1]
    if not len(features):
        return np.zeros((count, BINS - 1), np.float32), np.zeros((count, BINS), np.float32)
    tenths = np.quantile(features, np.arange(1, BINS) / BINS, axis=0, method="nearest")
    edges = np.ascontiguousarray(tenths.T.astype(np.float32))
    shares = np.zeros((count, BINS), np.float32)
    for k in range(count):
        shares[k] = np.bincount(np.searchsorted(edges[k], features[:, k], side="left"), minlength=BINS) / len(features)
    return edges, shares
