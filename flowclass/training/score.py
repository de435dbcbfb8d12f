"""Host module: how right verdicts are, per application and view, by the product's own decision kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.flow.record import FLOW
from flowclass.model.bundle import make_rules
from flowclass.model.decision import Rules, judge_flows
from flowclass.model.labels import Label, parse_label
from flowclass.model.verdict import VERDICT
from flowclass.record.verdict import App, Kind
from flowclass.training.classes import MICROSOFT, Classes
from flowclass.training.fit import Tuning
from flowclass.training.table import Table

#: Names of media that no application can be read from; right for SIP's media too (corpus README).
NAMELESS = (App.RTP, App.WEBRTC)
STRENGTHS = 3


@dataclass(frozen=True)
class Figure:
    """How one application's flows of one kind fared under one view.

    Attributes
    ----------
    label, view : whose flows, and what was left of them
    flows, groups : flow records scored, and capture groups behind the figure
    right : share with the right application and kind
    right_bytes : the same by bytes
    called : share said to be part of a call, whosever
    unknown : share left unknown
    """

    label: str
    view: str
    flows: int
    groups: int
    right: float
    right_bytes: float
    called: float
    unknown: float


@dataclass(frozen=True)
class Score:
    """All figures of one way of judging.

    Attributes
    ----------
    way : ``product`` (evidence, then model), ``model`` alone or ``neighbours`` (the baseline)
    figures : of call flows
    precision : by application and kind said, over whole captures: flows, share right
    false_calls : by view: other flows scored, those said to be calls
    """

    way: str
    figures: list[Figure]
    precision: dict[str, tuple[int, float]]
    false_calls: dict[str, tuple[int, int]]


def rules_of(classes: Classes, tuning: Tuning, evidence: np.ndarray) -> Rules:
    """Return the decision rules of a tuning."""
    return make_rules(classes.labels, tuning.gate, tuning.share, tuning.calibration, evidence)


def verdicts_of(table: Table, rules: Rules, probabilities: np.ndarray, *, with_evidence: bool) -> np.ndarray:
    """Return VERDICT[rows] as the product would give them.

    Parameters
    ----------
    probabilities : float32[m, classes], by feature row
    with_evidence : False to see what the model does alone
    """
    flows = np.zeros(len(table.rows), FLOW)
    flows["packets"][:, 0] = table.rows["packets"]
    flows["features_row"] = table.rows["features_row"]
    if with_evidence:
        for name in ("app", "kind", "strength", "also"):
            flows[name] = table.rows[name]
    verdicts = np.zeros(len(flows), VERDICT)
    judge_flows(rules, flows, probabilities, verdicts)
    return verdicts


def _as_one(apps: np.ndarray) -> np.ndarray:
    """Return apps with Skype written as Teams: their media are one stack."""
    return np.where(np.isin(apps, [int(one) for one in MICROSOFT]), int(App.TEAMS), apps)


def right_of(label: Label, app: np.ndarray, kind: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return which verdicts on flows of one label are right in application and kind."""
    if not label.is_call:
        return ~is_call(kind)
    said = _as_one(app)
    right = said == int(_as_one(np.array([label.app]))[0])
    if label.also:
        bits = (1 << int(label.app)) | (1 << int(label.also))
        right |= (said == int(label.also)) & ((candidates & np.uint64(bits)) != 0)
    if label.app in (App.SIP, App.RTP) and label.kind == Kind.CALL_MEDIA:
        right |= np.isin(app, [int(one) for one in (*NAMELESS, App.SIP)])
    return np.asarray(right & (kind == int(label.kind)))


def is_call(kind: np.ndarray) -> np.ndarray:
    """Return which kinds are part of a call."""
    return np.asarray((kind == int(Kind.CALL_MEDIA)) | (kind == int(Kind.CALL_SIGNALLING)))


def all_right(table: Table, verdicts: np.ndarray) -> np.ndarray:
    """Return bool[rows]: is the verdict right."""
    right = np.zeros(len(table.rows), bool)
    for place, text in enumerate(table.labels):
        mine = table.rows["label"] == place
        found = verdicts[mine]
        right[mine] = right_of(parse_label(text), found["app"], found["kind"], found["candidates"])
    return right


def evidence_confidence(table: Table) -> np.ndarray:
    """Return float32[3], how often evidence of each Strength was right in whole captures: (right + 1) / (n + 2)."""
    found = np.zeros(len(table.rows), VERDICT)
    for name in ("app", "kind"):
        found[name] = table.rows[name]
    found["candidates"] = np.uint64(1) << table.rows["app"].astype(np.uint64)
    right = all_right(table, found)
    confidence = np.zeros(STRENGTHS, np.float32)
    for strength in range(1, STRENGTHS):
        mine = (table.rows["view"] == 0) & (table.rows["app"] != 0) & (table.rows["strength"] == strength)
        confidence[strength] = (right[mine].sum() + 1) / (mine.sum() + 2)
    return confidence


def _name(label: Label) -> str:
    app = Label(App.TEAMS, label.kind, App.SKYPE) if label.app in MICROSOFT else Label(label.app, label.kind)
    return str(app)


def score(way: str, table: Table, verdicts: np.ndarray) -> Score:
    """Return the figures of verdicts on a table."""
    labels = [parse_label(text) for text in table.labels]
    names = np.array([_name(label) for label in labels])[table.rows["label"]]
    true_call = np.array([label.is_call for label in labels])[table.rows["label"]]
    said_call = is_call(verdicts["kind"])
    right = all_right(table, verdicts)
    rows = table.rows
    figures, false_calls = [], {}
    for place, view in enumerate(table.views):
        here = rows["view"] == place
        for name in sorted(set(names[here & true_call])):
            mine = here & true_call & (names == name)
            size = rows["bytes"][mine].astype(float)
            figures.append(
                Figure(
                    str(name),
                    view,
                    int(mine.sum()),
                    len(np.unique(rows["group"][mine])),
                    float(right[mine].mean()),
                    float((size * right[mine]).sum() / max(size.sum(), 1.0)),
                    float(said_call[mine].mean()),
                    float((verdicts["app"][mine] == 0).mean()),
                )
            )
        other = here & ~true_call
        false_calls[view] = (int(other.sum()), int((other & said_call).sum()))
    whole = (rows["view"] == 0) & said_call
    said = np.array([_name(Label(App(int(v["app"])), Kind(int(v["kind"])))) for v in verdicts[whole]])
    precision = {
        str(name): (int((said == name).sum()), float(right[whole][said == name].mean())) for name in sorted(set(said))
    }
    return Score(way, figures, precision, false_calls)


def as_json(score: Score) -> dict[str, Any]:
    """Return the score as plain values for ``report.json``."""
    return {
        "way": score.way,
        "figures": [vars(figure) for figure in score.figures],
        "precision": {name: {"flows": n, "right": share} for name, (n, share) in score.precision.items()},
        "false_calls": {view: {"other_flows": n, "called": k} for view, (n, k) in score.false_calls.items()},
    }
