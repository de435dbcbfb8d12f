"""Host module: class probabilities of flows by forests that have not seen their capture group.

A shipped bundle was trained on every group of its table; scoring it on one of these flatters it. So flows of a group
that the table knows are judged by the fold's forest that was trained without it, all others by the bundle itself.
"""

from __future__ import annotations

import numpy as np

from flowclass.model.bundle import ModelBundle
from flowclass.model.classify import Classifier
from flowclass.training.classes import Classes, classes_of, folds_of, row_weights
from flowclass.training.fit import FOLDS, fit_forest, spread_classes
from flowclass.training.packs import pack_named
from flowclass.training.table import Table


def honest_probabilities(bundle: ModelBundle, data: Table, trained_on: Table | None) -> tuple[np.ndarray, int]:
    """Return class probabilities of a table's feature rows, none by a forest that saw the row's group.

    Parameters
    ----------
    data : what is to be judged
    trained_on : the table the bundle was trained on; None when nobody has it: then the bundle judges everything

    Returns
    -------
    probabilities : float32[m, classes], by feature row of ``data``
    known : groups of ``data`` that were held out by name
    """
    out = Classifier(bundle).probabilities(data.features)
    shared = set(data.groups) & set(trained_on.groups) if trained_on is not None else set()
    if trained_on is None or not shared:
        return out, 0
    pack = pack_named(bundle.name)
    trained_on = pack.weighed(trained_on)
    classes = pack.named(classes_of(trained_on))
    if classes.labels != bundle.labels:
        return out, 0
    fold_of_group = _fold_of_group(trained_on, classes)
    names = np.array([fold_of_group.get(name, -1) for name in data.groups])
    usable = np.flatnonzero(data.rows["features_row"] >= 0)
    fold = names[data.rows["group"][usable]]
    rows = data.rows["features_row"][usable]
    for k in range(FOLDS):
        mine = rows[fold == k]
        if len(mine):
            out[mine] = _without_fold(trained_on, classes, fold_of_group, k, data.features[mine])
    return out, len(shared)


def _fold_of_group(table: Table, classes: Classes) -> dict[str, int]:
    fold = folds_of(table, classes, FOLDS)
    found = {}
    for place in range(len(table.groups)):
        mine = np.flatnonzero(table.rows["group"] == place)
        if len(mine):
            found[table.groups[place]] = int(fold[mine[0]])
    return found


def _without_fold(
    table: Table, classes: Classes, fold_of_group: dict[str, int], fold: int, asked: np.ndarray
) -> np.ndarray:
    folds = np.array([fold_of_group.get(name, -1) for name in table.groups])[table.rows["group"]]
    usable = np.flatnonzero((table.rows["features_row"] >= 0) & (folds != fold))
    weights = row_weights(table, classes)[usable]
    model = fit_forest(table.features[table.rows["features_row"][usable]], classes.of_row[usable], weights)
    return spread_classes(model, model.predict_proba(asked), len(classes.labels)).astype(np.float32)
