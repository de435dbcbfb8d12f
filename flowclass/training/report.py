"""Host module: Report, what a training or an evaluation has shown, as JSON for machines and Markdown for people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowclass.model.labels import parse_label
from flowclass.record.verdict import APP_NAMES, App
from flowclass.training.disputed import DISPUTED
from flowclass.training.fit import Coverage
from flowclass.training.open_set import LeftOut
from flowclass.training.recordings import ClassFacts
from flowclass.training.score import Figure, Score, as_json

REPORT = "report.json"


@dataclass(frozen=True)
class Report:
    """The scores of a model.

    Attributes
    ----------
    title : what was scored
    facts : what it rests on: rows, groups, versions, digests
    scores : one a way of judging; the first is the product's
    bundle : folder of the bundle written, None for an evaluation
    left_out : what is said of applications that were left out of training
    classes : the recordings behind each class
    coverage : of the conformal candidate sets
    drift : features whose distribution is far from the bundle's reference, with their stability index
    """

    title: str
    facts: dict[str, Any]
    scores: list[Score]
    bundle: Path | None = field(default=None, compare=False)
    left_out: list[LeftOut] = field(default_factory=list)
    classes: list[ClassFacts] = field(default_factory=list)
    coverage: Coverage | None = None
    drift: list[tuple[str, float]] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the report as JSON; the same scores give the same text."""
        content = {"title": self.title, "facts": self.facts, "scores": [as_json(one) for one in self.scores]}
        if self.left_out:
            content["left_out"] = [asdict(one) for one in self.left_out]
        if self.classes:
            content["classes"] = [asdict(one) for one in self.classes]
        if self.coverage is not None:
            content["coverage"] = asdict(self.coverage)
        if self.drift:
            content["drift"] = dict(self.drift)
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    def to_markdown(self) -> str:
        """Return the report as Markdown tables."""
        lines = [f"# {self.title}", ""]
        lines += [f"- {name}: {value}" for name, value in self.facts.items()]
        lines += ["", "## Call flows, whole captures", ""]
        lines += _whole_table(self.scores)
        lines += _delay_lines(self.scores[0])
        lines += ["", "## All media flows, by view", ""]
        lines += _media_table(self.scores)
        lines += _undisputed_lines(self.scores)
        lines += ["", "## Media flows by application and view (product, share right)", ""]
        lines += _view_table(self.scores[0])
        lines += ["", "## False calls among flows that are none", ""]
        lines += _false_table(self.scores)
        if self.left_out:
            lines += [
                "",
                "## Applications left out of training, their evidence taken away (media flows, all views)",
                "",
            ]
            lines += _left_out_table(self.left_out)
        lines += ["", "## What was said (product, whole captures)", ""]
        lines += ["| said | groups | flows | right |", "|---|---:|---:|---:|"]
        said = [one for one in self.scores[0].said if one.view == "whole"]
        lines += [f"| {one.name} | {one.groups} | {one.flows} | {one.right:.2%} |" for one in said]
        lines += ["", "## Calibration, whole captures", ""]
        lines += _reliability_table(self.scores)
        if self.coverage is not None:
            lines += ["", "## Candidate sets of the model", ""]
            lines += _coverage_lines(self.coverage)
        lines += ["", "## Known confusions of the model alone (whole captures)", ""]
        lines += _confusion_lines(self.scores[1] if len(self.scores) > 1 else self.scores[0])
        if self.classes:
            lines += ["", "## Recordings behind each class", ""]
            lines += _class_table(self.classes)
        if self.drift:
            lines += ["", "## Features far from the reference (population stability index)", ""]
            lines += [f"- {name}: {index:.2f}" for name, index in self.drift]
        return "\n".join(lines) + "\n"


def _of(score: Score, view: str) -> dict[str, Figure]:
    return {figure.label: figure for figure in score.figures if figure.view == view}


def _whole_table(scores: list[Score]) -> list[str]:
    first = _of(scores[0], "whole")
    others = [(score.way, _of(score, "whole")) for score in scores[1:]]
    lines = [
        "| flows of | groups | flows | right | bytes right | said a call | unknown |"
        + "".join(f" right, {way} |" for way, _ in others),
        "|---|---:|---:|---:|---:|---:|---:|" + "---:|" * len(others),
    ]
    for label, one in first.items():
        beside = "".join(f" {figures[label].right:.1%} |" for _, figures in others)
        lines.append(
            f"| {label} | {one.groups} | {one.flows} | {one.right:.1%} | {one.right_bytes:.1%} | {one.called:.1%} "
            f"| {one.unknown:.1%} |{beside}"
        )
    return lines


def _media_table(scores: list[Score]) -> list[str]:
    others = [(score.way, {figure.view: figure for figure in score.media}) for score in scores[1:]]
    lines = [
        "| view | groups | flows | right | bytes right | another's name | unknown | kind right |"
        + "".join(f" right, {way} |" for way, _ in others),
        "|---|---:|---:|---:|---:|---:|---:|---:|" + "---:|" * len(others),
    ]
    for one in scores[0].media:
        beside = "".join(f" {figures[one.view].right:.1%} |" for _, figures in others)
        lines.append(
            f"| {one.view} | {one.groups} | {one.flows} | {one.right:.1%} | {one.right_bytes:.1%} | {one.wrong:.1%} "
            f"| {one.unknown:.1%} | {one.right_kind:.1%} |{beside}"
        )
    errors = ", ".join(f"{score.way} {score.calibration_error:.3f}" for score in scores)
    return [*lines, "", f"Expected calibration error over whole captures: {errors}."]


def _undisputed_lines(scores: list[Score]) -> list[str]:
    """Return the second figure of every view: without flows whose label their own packets contradict."""
    left = scores[0].undisputed
    if not left:
        return []
    count = next(one.flows for one in scores[0].media) - next(one.flows for one in left)
    lines = [
        "",
        f"## All media flows but the {count} whose label their own packets contradict, by view",
        "",
        "Labels are not corrected, and such flows are not learnt from. `python -m bench.disputed` searches for them.",
        "",
        *(f"- `{one.capture}`, labelled {one.labelled}, shows {one.shown}. {one.evidence}" for one in DISPUTED),
        "",
        "| view | flows | right | bytes right | another's name | unknown |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    return lines + [
        f"| {one.view} | {one.flows} | {one.right:.1%} | {one.right_bytes:.1%} | {one.wrong:.1%} | {one.unknown:.1%} |"
        for one in left
    ]


def _view_table(score: Score) -> list[str]:
    views = list(score.false_calls)
    labels = sorted({figure.label for figure in score.figures if figure.label.endswith("call-media")})
    cells = {(figure.label, figure.view): figure for figure in score.figures}
    lines = ["| flows of | " + " | ".join(views) + " |", "|---|" + "---:|" * len(views)]
    for label in labels:
        shown = (cells.get((label, view)) for view in views)
        lines.append(
            f"| {label} | " + " | ".join(f"{one.right:.0%} of {one.flows}" if one else "–" for one in shown) + " |"
        )
    return lines


def _false_table(scores: list[Score]) -> list[str]:
    lines = [
        "| view | other flows |" + "".join(f" {score.way} | per 10,000 |" for score in scores),
        "|---|---:|" + "---:|---:|" * len(scores),
    ]
    for view, (flows, _) in scores[0].false_calls.items():
        cells = ""
        for score in scores:
            called = score.false_calls[view][1]
            cells += f" {called} | {called / flows * 1e4 if flows else 0:.1f} |"
        lines.append(f"| {view} | {flows} |{cells}")
    return lines


def _left_out_table(left_out: list[LeftOut]) -> list[str]:
    lines = ["| application | flows | not given another's name | mistaken for |", "|---|---:|---:|---|"]
    for one in left_out:
        names = ", ".join(f"{name} {share:.1%}" for name, share in one.mistaken_for) or "–"
        lines.append(f"| {one.app} | {one.flows} | {one.honest:.1%} | {names} |")
    total = sum(one.flows for one in left_out)
    honest = sum(one.flows * one.honest for one in left_out) / max(total, 1)
    return [*lines, f"| all | {total} | {honest:.1%} | |"]


def _delay_lines(score: Score) -> list[str]:
    told = next((one for one in score.delays if one.name == "all"), None)
    if told is None:
        return []
    return [
        "",
        f"Packets until the right verdict stood, of {told.flows} media flows decided by evidence: median "
        f"{told.median:g}, nine in ten by packet {told.most:g}.",
    ]


def _reliability_table(scores: list[Score]) -> list[str]:
    lines = ["| judged by | confidence | flows | mean confidence | right |", "|---|---|---:|---:|---:|"]
    for score in scores:
        lines += [
            f"| {score.way} | {one.low:.1f}–{one.high:.1f} | {one.flows} | {one.confidence:.1%} | {one.right:.1%} |"
            for one in score.reliability
        ]
    return lines


def _coverage_lines(coverage: Coverage) -> list[str]:
    lines = [
        f"Asked for: {coverage.level:.0%} of the flows of each class have it among their candidates. Measured on "
        f"{coverage.flows} held-out rows that were taken for calls, quantiles from other groups: {coverage.held:.1%}, "
        f"with {coverage.size:.1f} classes in a set on average.",
        "",
        "| class | rows | held |",
        "|---|---:|---:|",
    ]
    return lines + [f"| {name} | {rows} | {held:.1%} |" for name, (rows, held) in coverage.by_class.items()]


#: Confusions of fewer flows than this are left to report.json.
LEAST_CONFUSED = 2


def _confusion_lines(score: Score) -> list[str]:
    lines = ["| flows of | said to be | flows |", "|---|---|---:|"]
    for true, told in score.confusion.items():
        for said, count in sorted(told.items(), key=lambda one: -one[1]):
            app = true.partition(":")[0]
            is_named = said.partition(":")[0] not in (app, "unknown", "other", "rtp", "webrtc")
            if count >= LEAST_CONFUSED and (is_named or (said.startswith(("rtp", "webrtc")) and app == "other")):
                lines.append(f"| {true} | {said} | {count} |")
    return lines if len(lines) > 2 else ["None of two flows or more."]


def _class_table(classes: list[ClassFacts]) -> list[str]:
    lines = [
        "| class | groups | of the pack's years | whole flows | years | made of (groups) | scored held out |",
        "|---|---:|---:|---:|---|---|---|",
    ]
    for one in classes:
        years = "–" if not one.years[1] else "–".join(str(year) for year in sorted(set(one.years)))
        parts = ", ".join(f"{label} {groups}" for label, groups in sorted(one.labels.items()))
        scored = "yes" if one.scored else "no: one group"
        shown = parts if len(one.labels) <= MOST_PARTS else f"{len(one.labels)} labels"
        own = one.of_its_years
        lines.append(f"| {one.label} | {one.groups} | {own} | {one.flows} | {years} | {shown} | {scored} |")
    called = {parse_label(label).app for one in classes for label in one.labels if parse_label(label).is_call}
    untested = [APP_NAMES[app] for app in App if App.SKYPE <= app <= App.WEBEX and app not in called]
    return [*lines, "", f"Applications without any capture of a call, known by evidence alone: {', '.join(untested)}."]


MOST_PARTS = 12
