"""Host module: ClassFacts, the recordings that stand behind each class of a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowclass.record.verdict import Kind
from flowclass.training.classes import Classes
from flowclass.training.table import Table


@dataclass(frozen=True)
class ClassFacts:
    """The recordings behind one class.

    Attributes
    ----------
    label : the class
    groups, flows : capture groups, and flow records of whole captures
    years : of the first and the last of its groups whose year is known, 0 for none
    labels : labels of the flows in it, each with its groups: a pooled class has several
    scored : whether it could be scored held out, which takes two groups
    of_its_years : of the groups, those recorded in the pack's years or nobody knows when
    recordings : the groups by name, each with its year, of a class of call media
    """

    label: str
    groups: int
    flows: int
    years: tuple[int, int]
    labels: dict[str, int]
    scored: bool
    of_its_years: int
    recordings: list[str]


def class_facts(table: Table, classes: Classes, of_its_years: np.ndarray) -> list[ClassFacts]:
    """Return what stands behind each class; ``of_its_years`` is bool[rows], as Pack.of_its_years gives it."""
    rows = table.rows
    year = table.year_of_row()
    found = []
    for k, label in enumerate(classes.labels):
        mine = (classes.of_row == k) & (rows["features_row"] >= 0)
        whole = mine & (rows["view"] == 0)
        known = year[mine & (year > 0)]
        parts = {
            table.labels[place]: len(np.unique(rows["group"][mine & (rows["label"] == place)]))
            for place in np.unique(rows["label"][mine])
        }
        groups = np.unique(rows["group"][mine])
        own = len(np.unique(rows["group"][mine & of_its_years]))
        names = [f"{table.groups[g]} ({int(year[rows['group'] == g][0]) or 'year unknown'})" for g in groups]
        span = (int(known.min()), int(known.max())) if len(known) else (0, 0)
        recordings = names if label.kind == Kind.CALL_MEDIA else []
        several = len(groups) > 1
        found.append(ClassFacts(str(label), len(groups), int(whole.sum()), span, parts, several, own, recordings))
    return found
