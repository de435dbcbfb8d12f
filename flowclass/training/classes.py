"""Host module: from the corpus' labels to the classes a model can learn, and to folds that share no capture group."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from flowclass.model.labels import OTHER, POOLED_MEDIA, POOLED_SIGNALLING, Label, parse_label
from flowclass.record.verdict import App, Kind
from flowclass.training.table import Table

#: Applications named whatever the number of their captures: what this scope is for.
ALWAYS_NAMED = (App.WHATSAPP, App.VIBER)
#: Capture groups an application needs for a class of its own: with one, nothing could be scored by whole group.
LEAST_MEDIA_GROUPS = 2
LEAST_SIGNALLING_GROUPS = 3
#: Skype since 2017 and Teams are one media stack (FACTS §1.2).
MICROSOFT = (App.SKYPE, App.TEAMS)


@dataclass(frozen=True)
class Classes:
    """The classes of a model and the class of each row.

    Attributes
    ----------
    labels : one Label a class, in the model's order
    of_row : int64[rows], class of each table row
    """

    labels: tuple[Label, ...]
    of_row: np.ndarray


def _merged(label: Label) -> Label:
    """Return the label with look-alikes made one and everything that is no call made OTHER."""
    if not label.is_call:
        return OTHER
    if label.app in MICROSOFT:
        return Label(App.TEAMS, label.kind, App.SKYPE)
    return Label(label.app, label.kind)


def classes_of(table: Table) -> Classes:
    """Choose the classes: an application with too few capture groups is pooled into ``rtp`` or ``webrtc``."""
    merged = [_merged(parse_label(text)) for text in table.labels]
    usable = table.rows[table.rows["features_row"] >= 0]
    groups: dict[Label, set[int]] = defaultdict(set)
    for label, group in zip(usable["label"], usable["group"], strict=True):
        groups[merged[label]].add(int(group))

    def final(label: Label) -> Label:
        if not label.is_call:
            return OTHER
        is_media = label.kind == Kind.CALL_MEDIA
        least = LEAST_MEDIA_GROUPS if is_media else LEAST_SIGNALLING_GROUPS
        if len(groups[label]) >= least or (is_media and label.app in ALWAYS_NAMED and groups[label]):
            return label
        return POOLED_MEDIA if is_media else POOLED_SIGNALLING

    chosen = [final(label) for label in merged]
    labels = sorted(
        {chosen[int(k)] for k in np.unique(usable["label"])} | {OTHER}, key=lambda one: (not one.is_call, str(one))
    )
    place = {label: k for k, label in enumerate(labels)}
    of_label = np.array([place.get(label, place[OTHER]) for label in chosen], np.int64)
    return Classes(tuple(labels), of_label[table.rows["label"]])


def folds_of(table: Table, classes: Classes, folds: int) -> np.ndarray:
    """Return the fold of each row: whole groups, each class spread over as many folds as it has groups.

    Notes
    -----
    Deterministic: scarce classes choose first, their largest group goes to the fold that has fewest groups of the
    class, then fewest rows.
    """
    group = table.rows["group"].astype(np.int64)
    count = np.zeros((len(table.groups), len(classes.labels)), np.int64)
    np.add.at(count, (group, classes.of_row), 1)
    fold = np.full(len(table.groups), -1, np.int64)
    spread = np.zeros((folds, len(classes.labels)), np.int64)
    rows = np.zeros(folds, np.int64)
    for which in np.argsort((count > 0).sum(axis=0), kind="stable"):
        for one in np.argsort(-count[:, which], kind="stable"):
            if count[one, which] == 0 or fold[one] >= 0:
                continue
            best = min(range(folds), key=lambda k: (spread[k, which], rows[k], k))
            fold[one] = best
            spread[best] += count[one] > 0
            rows[best] += count[one].sum()
    return fold[group]


def row_weights(table: Table, classes: Classes) -> np.ndarray:
    """Return the training weight of each row.

    Every call class weighs the same, every group within it by the square root of its rows, every row of a group the
    same, times the trust in its label, of which a disputed one has none; OTHER weighs as much as OTHER_WEIGHT call
    classes.
    """
    group = table.rows["group"].astype(np.int64)
    pair = group * len(classes.labels) + classes.of_row
    _, inverse, count = np.unique(pair, return_inverse=True, return_counts=True)
    weight = table.rows["weight"].astype(np.float64) / np.sqrt(count[inverse])
    weight[table.rows["disputed"] > 0] = 0.0
    for k, label in enumerate(classes.labels):
        mine = classes.of_row == k
        total = weight[mine].sum()
        if total > 0:
            weight[mine] *= (1.0 if label.is_call else OTHER_WEIGHT) / total
    return weight * len(weight) / weight.sum() if weight.sum() > 0 else weight


#: How many call classes the class OTHER outweighs: a false call costs more than a missed one.
OTHER_WEIGHT = 6.0
