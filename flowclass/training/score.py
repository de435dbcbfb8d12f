"""Host module: how right verdicts are, per application and view, by the product's own decision kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.flow.record import FLOW
from flowclass.model.bundle import make_rules
from flowclass.model.decision import STREAM_PACKETS, TRUST_LINK, TRUSTS, Rules, judge_flows
from flowclass.model.labels import parse_label
from flowclass.model.verdict import VERDICT
from flowclass.record.verdict import App, Kind, Link
from flowclass.training.classes import Classes
from flowclass.training.fit import Tuning
from flowclass.training.measure import (
    Bin,
    Delay,
    Said,
    calibration_error,
    confusion_of,
    delays_of,
    name_of,
    names_said,
    precision_of,
    reliability,
)
from flowclass.training.rightness import NAMELESS, is_call, is_wrong_name, right_of
from flowclass.training.table import Table


@dataclass(frozen=True)
class Figure:
    """How call flows fared under one view: those of one application and kind, or all media flows together.

    Attributes
    ----------
    label, view : whose flows, and what was left of them
    flows, groups : flow records scored, and capture groups behind the figure
    right : share with the right application
    right_bytes : the same by bytes
    right_kind : share of those right that also have the right kind: a relay's first packets are signalling to anybody
    wrong : share said to be another application's
    called : share said to be part of a call, whosever
    unknown : share left unknown
    """

    label: str
    view: str
    flows: int
    groups: int
    right: float
    right_bytes: float
    right_kind: float
    wrong: float
    called: float
    unknown: float


@dataclass(frozen=True)
class Score:
    """All figures of one way of judging.

    Attributes
    ----------
    way : ``product`` (evidence, correlation, model), ``model`` alone or ``neighbours`` (the baseline)
    figures : of call flows, by application and kind
    media : all media flows together, one Figure a view
    undisputed : the same without flows whose label their own packets contradict; empty where there are none
    said : by application and kind said, under each view
    false_calls : by view: other flows scored, those said to be calls
    reliability : bins of confidence over whole captures, verdicts of ``unknown`` left out
    calibration_error : mean distance of confidence from the share right over these bins, weighed by flows (expected
        calibration error; Naeini et al., AAAI 2015)
    delays : packets until a right verdict by evidence stood, of whole media flows, by application and for all
    confusion : what flows of each application and kind were said to be, whole captures
    """

    way: str
    figures: list[Figure]
    media: list[Figure]
    undisputed: list[Figure]
    said: list[Said]
    false_calls: dict[str, tuple[int, int]]
    reliability: list[Bin]
    calibration_error: float
    delays: list[Delay]
    confusion: dict[str, dict[str, int]]


def rules_of(classes: Classes, tuning: Tuning, evidence: np.ndarray, prefer: np.ndarray | None = None) -> Rules:
    """Return the decision rules of a tuning; ``prefer`` as in ``model.decision.Rules``, none by default."""
    none = np.zeros(len(App), np.uint8)
    return make_rules(
        classes.labels,
        gate=tuning.gate,
        share=tuning.share,
        calibration=tuning.calibration,
        evidence=evidence,
        possible=tuning.possible,
        prefer=none if prefer is None else prefer,
    )


def verdicts_of(table: Table, rules: Rules, probabilities: np.ndarray, *, with_evidence: bool) -> np.ndarray:
    """Return VERDICT[rows] as the product would give them.

    Parameters
    ----------
    probabilities : float32[m, classes], by feature row
    with_evidence : False to see what the model does alone
    """
    flows = np.zeros(len(table.rows), FLOW)
    flows["packets"][:, 0] = table.rows["packets"] - table.rows["answered"]
    flows["packets"][:, 1] = table.rows["answered"]
    flows["features_row"] = table.rows["features_row"]
    if with_evidence:
        for name in ("app", "kind", "strength", "also", "linked_app", "linked_also", "link"):
            flows[name] = table.rows[name]
        flows["decided_at_packet"] = table.rows["decided_at"]
        flows["stream_packets"][:, 0] = table.rows["has_stream"] * STREAM_PACKETS
    verdicts = np.zeros(len(flows), VERDICT)
    judge_flows(rules, flows, probabilities, verdicts)
    return verdicts


def all_right(table: Table, verdicts: np.ndarray) -> np.ndarray:
    """Return bool[rows]: is the verdict right."""
    right = np.zeros(len(table.rows), bool)
    for place, text in enumerate(table.labels):
        mine = table.rows["label"] == place
        found = verdicts[mine]
        right[mine] = right_of(parse_label(text), found["app"], found["kind"], found["candidates"])
    return right


def is_true_call(table: Table) -> np.ndarray:
    """Return bool[rows]: is the flow part of a call by its label."""
    is_one = np.array([parse_label(text).is_call for text in table.labels], bool)
    return np.asarray(is_one[table.rows["label"]])


def evidence_confidence(table: Table) -> np.ndarray:
    """Return float32[TRUSTS]: how often evidence of each Strength, and correlation, was right in whole captures.

    (right + 1) / (n + 2), as n flows cannot show more.
    """
    rows = table.rows
    confidence = np.zeros(TRUSTS, np.float32)
    named = rows["app"] != 0
    nameless = np.isin(rows["app"], (int(App.UNKNOWN), *(int(one) for one in NAMELESS)))
    ways = [(strength, named & (rows["strength"] == strength), "app", "also") for strength in range(1, 3)]
    for link in (Link.HOST, Link.SOCKET):
        # A host speaks for calls only (model.decision); which flows are calls is taken from their labels.
        mine = nameless & (rows["link"] == link) & (is_true_call(table) | (link == Link.SOCKET))
        ways.append((TRUST_LINK + link, mine, "linked_app", "linked_also"))
    for place, mine, app, also in ways:
        found = np.zeros(len(rows), VERDICT)
        found["app"] = rows[app]
        found["kind"] = rows["kind"] if app == "app" else int(Kind.CALL_MEDIA)
        bits = np.uint64(1) << np.stack([rows[app], rows[also]]).astype(np.uint64)
        found["candidates"] = bits[0] | bits[1]
        mine = mine & (rows["view"] == 0)
        confidence[place] = (all_right(table, found)[mine].sum() + 1) / (mine.sum() + 2)
    return confidence


def score(way: str, table: Table, verdicts: np.ndarray) -> Score:
    """Return the figures of verdicts on a table."""
    labels = [parse_label(text) for text in table.labels]
    names = np.array([name_of(label) for label in labels])[table.rows["label"]]
    true_call = is_true_call(table)
    true_kind = np.array([int(label.kind) for label in labels])[table.rows["label"]]
    said_call = is_call(verdicts["kind"])
    right = all_right(table, verdicts)
    wrong = is_wrong_name(right, verdicts["app"])
    rows = table.rows

    def figure(label: str, view: str, mine: np.ndarray) -> Figure:
        size = rows["bytes"][mine].astype(float)
        good = right[mine]
        return Figure(
            label,
            view,
            int(mine.sum()),
            len(np.unique(rows["group"][mine])),
            float(good.mean()),
            float((size * good).sum() / max(size.sum(), 1.0)),
            float((verdicts["kind"][mine] == true_kind[mine])[good].mean()) if good.any() else 0.0,
            float(wrong[mine].mean()),
            float(said_call[mine].mean()),
            float((verdicts["app"][mine] == 0).mean()),
        )

    figures, media, undisputed, false_calls = [], [], [], {}
    is_disputed = rows["disputed"] > 0
    for place, view in enumerate(table.views):
        here = rows["view"] == place
        figures += [
            figure(str(name), view, here & true_call & (names == name)) for name in sorted(set(names[here & true_call]))
        ]
        all_media = here & (true_kind == int(Kind.CALL_MEDIA))
        if all_media.any():
            media.append(figure("all media", view, all_media))
            if is_disputed.any():
                undisputed.append(figure("all media", view, all_media & ~is_disputed))
        other = here & ~true_call
        false_calls[view] = (int(other.sum()), int((other & said_call).sum()))
    told = (rows["view"] == 0) & (verdicts["app"] != 0)
    bins = reliability(verdicts["confidence"][told], right[told])
    said = names_said(verdicts)
    return Score(
        way,
        figures,
        media,
        undisputed,
        precision_of(table, said, said_call, right),
        false_calls,
        bins,
        calibration_error(bins),
        delays_of(table, names, verdicts, right & (true_kind == int(Kind.CALL_MEDIA))),
        confusion_of(table, names, said, true_call | said_call),
    )


def as_json(score: Score) -> dict[str, Any]:
    """Return the score as plain values for ``report.json``."""
    return {
        "way": score.way,
        "figures": [vars(figure) for figure in score.figures],
        "media": [vars(figure) for figure in score.media],
        "undisputed": [vars(figure) for figure in score.undisputed],
        "said": [vars(one) for one in score.said],
        "false_calls": {view: {"other_flows": n, "called": k} for view, (n, k) in score.false_calls.items()},
        "reliability": [vars(one) for one in score.reliability],
        "calibration_error": score.calibration_error,
        "delays": [vars(one) for one in score.delays],
        "confusion": score.confusion,
    }
