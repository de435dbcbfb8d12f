"""Host module: how right verdicts are, per application and view, by the product's own decision kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.flow.record import FLOW
from flowclass.model.bundle import make_rules
from flowclass.model.decision import STREAM_PACKETS, TRUST_LINK, TRUSTS, Rules, judge_flows
from flowclass.model.labels import Label, parse_label
from flowclass.model.verdict import VERDICT
from flowclass.record.verdict import App, Kind, Link
from flowclass.training.classes import MICROSOFT, Classes
from flowclass.training.fit import Tuning
from flowclass.training.table import Table

#: Names of media that no application can be read from; right for SIP's media too (corpus README).
NAMELESS = (App.RTP, App.WEBRTC)
#: Look-alikes beside Skype and Teams: right under either name when both are candidates (FACTS §1.4).
PAIRS = {App.WHATSAPP: App.MESSENGER, App.MESSENGER: App.WHATSAPP}
#: Bins of confidence in which the expected calibration error is measured.
CALIBRATION_BINS = 10


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
    precision : by application and kind said, over whole captures: flows, share right
    false_calls : by view: other flows scored, those said to be calls
    calibration_error : expected calibration error over whole captures, verdicts of ``unknown`` left out (Naeini et al.,
        AAAI 2015)
    """

    way: str
    figures: list[Figure]
    media: list[Figure]
    precision: dict[str, tuple[int, float]]
    false_calls: dict[str, tuple[int, int]]
    calibration_error: float


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
        for name in ("app", "kind", "strength", "also", "linked_app", "linked_also", "link"):
            flows[name] = table.rows[name]
        flows["stream_packets"][:, 0] = table.rows["has_stream"] * STREAM_PACKETS
    verdicts = np.zeros(len(flows), VERDICT)
    judge_flows(rules, flows, probabilities, verdicts)
    return verdicts


def _as_one(apps: np.ndarray) -> np.ndarray:
    """Return apps with Skype written as Teams: their media are one stack."""
    return np.where(np.isin(apps, [int(one) for one in MICROSOFT]), int(App.TEAMS), apps)


def right_of(label: Label, app: np.ndarray, kind: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Return which verdicts on flows of one label name the right application.

    The kind is another question: the first packets of a relay are signalling to anybody. A flow that is no call is
    right when it is not said to be part of one.
    """
    if not label.is_call:
        return ~is_call(kind)
    said = _as_one(app)
    right = said == int(_as_one(np.array([label.app]))[0])
    pair = label.also or PAIRS.get(label.app)
    if pair:
        bits = (1 << int(label.app)) | (1 << int(pair))
        right |= (app == int(pair)) & ((candidates & np.uint64(bits)) == bits)
    if label.app in (App.SIP, App.RTP) and label.kind == Kind.CALL_MEDIA:
        right |= np.isin(app, [int(one) for one in (*NAMELESS, App.SIP)])
    return np.asarray(right)


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


def _name(label: Label) -> str:
    app = Label(App.TEAMS, label.kind, App.SKYPE) if label.app in MICROSOFT else Label(label.app, label.kind)
    return str(app)


def is_wrong_name(right: np.ndarray, app: np.ndarray) -> np.ndarray:
    """Return which verdicts give a call another application's name."""
    said_none = np.isin(app, [int(one) for one in (App.UNKNOWN, App.OTHER, *NAMELESS)])
    return np.asarray(~right & ~said_none)


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error: mean distance of confidence from the share right, in even bins."""
    if not len(confidence):
        return 0.0
    place = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [
        (place == k).sum() * abs(float(confidence[place == k].mean()) - float(right[place == k].mean()))
        for k in np.unique(place)
    ]
    return float(sum(gaps) / len(confidence))


def score(way: str, table: Table, verdicts: np.ndarray) -> Score:
    """Return the figures of verdicts on a table."""
    labels = [parse_label(text) for text in table.labels]
    names = np.array([_name(label) for label in labels])[table.rows["label"]]
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

    figures, media, false_calls = [], [], {}
    for place, view in enumerate(table.views):
        here = rows["view"] == place
        figures += [
            figure(str(name), view, here & true_call & (names == name)) for name in sorted(set(names[here & true_call]))
        ]
        all_media = here & (true_kind == int(Kind.CALL_MEDIA))
        if all_media.any():
            media.append(figure("all media", view, all_media))
        other = here & ~true_call
        false_calls[view] = (int(other.sum()), int((other & said_call).sum()))
    whole = (rows["view"] == 0) & said_call
    said = np.array([_name(Label(App(int(v["app"])), Kind(int(v["kind"])))) for v in verdicts[whole]])
    precision = {
        str(name): (int((said == name).sum()), float(right[whole][said == name].mean())) for name in sorted(set(said))
    }
    told = (rows["view"] == 0) & (verdicts["app"] != 0)
    error = calibration_error(verdicts["confidence"][told], right[told])
    return Score(way, figures, media, precision, false_calls, error)


def as_json(score: Score) -> dict[str, Any]:
    """Return the score as plain values for ``report.json``."""
    return {
        "way": score.way,
        "figures": [vars(figure) for figure in score.figures],
        "media": [vars(figure) for figure in score.media],
        "precision": {name: {"flows": n, "right": share} for name, (n, share) in score.precision.items()},
        "false_calls": {view: {"other_flows": n, "called": k} for view, (n, k) in score.false_calls.items()},
        "calibration_error": score.calibration_error,
    }
