"""Host module: the smaller measures of a score: calibration, precision, confusion, packets until a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.model.labels import Label
from flowclass.record.verdict import App, DecidedBy, Kind
from flowclass.training.classes import MICROSOFT
from flowclass.training.table import Table

#: Bins of confidence in which calibration is measured.
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability curve: flows whose confidence lies in it, its mean, and the share of them right."""

    low: float
    high: float
    flows: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Said:
    """Flows said to be of an application and kind under a view: how many, of how many groups, and the share right."""

    name: str
    view: str
    flows: int
    groups: int
    right: float


@dataclass(frozen=True)
class Delay:
    """Packets of a flow until its right verdict by evidence stood: of how many flows, median and nine in ten."""

    name: str
    flows: int
    median: float
    most: float


def name_of(label: Label) -> str:
    """Return the name under which a label's flows are counted: Skype and Teams are one."""
    app = Label(App.TEAMS, label.kind, App.SKYPE) if label.app in MICROSOFT else Label(label.app, label.kind)
    return str(app)


def names_said(verdicts: np.ndarray) -> np.ndarray:
    """Return the name of each verdict's application and kind, as ``name_of`` counts them."""
    pairs = verdicts["app"].astype(np.int64) * len(Kind) + verdicts["kind"]
    found, place = np.unique(pairs, return_inverse=True)
    names = [name_of(Label(App(int(pair) // len(Kind)), Kind(int(pair) % len(Kind)))) for pair in found]
    return np.array(names, dtype=str)[place] if len(names) else np.zeros(0, dtype=str)


def reliability(confidence: np.ndarray, right: np.ndarray) -> list[Bin]:
    """Return the bins that hold any flow."""
    place = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for k in np.unique(place):
        mine = place == k
        edges = (float(k / CALIBRATION_BINS), float((k + 1) / CALIBRATION_BINS))
        bins.append(Bin(*edges, int(mine.sum()), float(confidence[mine].mean()), float(right[mine].mean())))
    return bins


def calibration_error(bins: list[Bin]) -> float:
    """Return the expected calibration error of a reliability curve; 0 without flows."""
    flows = sum(one.flows for one in bins)
    return sum(one.flows * abs(one.confidence - one.right) for one in bins) / flows if flows else 0.0


def precision_of(table: Table, said: np.ndarray, chosen: np.ndarray, right: np.ndarray) -> list[Said]:
    """Return how right each name said was, under each view; of the rows chosen."""
    found = []
    for place, view in enumerate(table.views):
        here = chosen & (table.rows["view"] == place)
        for name in np.unique(said[here]):
            mine = here & (said == name)
            groups = len(np.unique(table.rows["group"][mine]))
            found.append(Said(str(name), view, int(mine.sum()), groups, float(right[mine].mean())))
    return found


def delays_of(table: Table, names: np.ndarray, verdicts: np.ndarray, chosen: np.ndarray) -> list[Delay]:
    """Return how early evidence decided the flows chosen, in whole captures; all of them under the name ``all``."""
    by_evidence = verdicts["decided_by"] == int(DecidedBy.EVIDENCE)
    mine = chosen & by_evidence & (table.rows["view"] == 0) & (verdicts["decided_at_packet"] > 0)
    found = []
    for name, rows in [("all", mine), *((str(name), mine & (names == name)) for name in np.unique(names[mine]))]:
        packets = verdicts["decided_at_packet"][rows]
        if len(packets):
            found.append(Delay(name, len(packets), float(np.median(packets)), float(np.quantile(packets, 0.9))))
    return found


def confusion_of(table: Table, names: np.ndarray, said: np.ndarray, chosen: np.ndarray) -> dict[str, dict[str, int]]:
    """Return true name → said name → flows, in whole captures; of the rows chosen."""
    here = chosen & (table.rows["view"] == 0)
    found: dict[str, dict[str, Any]] = {}
    pairs, counts = np.unique(np.stack([names[here], said[here]]), axis=1, return_counts=True)
    for (true, told), count in zip(pairs.T, counts, strict=True):
        found.setdefault(str(true), {})[str(told)] = int(count)
    return found
