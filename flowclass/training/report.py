"""Host module: Report, what a training or an evaluation has shown, as JSON for machines and Markdown for people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowclass.training.open_set import LeftOut
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
    """

    title: str
    facts: dict[str, Any]
    scores: list[Score]
    bundle: Path | None = field(default=None, compare=False)
    left_out: list[LeftOut] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the report as JSON; the same scores give the same text."""
        content = {"title": self.title, "facts": self.facts, "scores": [as_json(one) for one in self.scores]}
        if self.left_out:
            content["left_out"] = [asdict(one) for one in self.left_out]
        return json.dumps(content, indent=1, sort_keys=True) + "\n"

    def to_markdown(self) -> str:
        """Return the report as Markdown tables."""
        lines = [f"# {self.title}", ""]
        lines += [f"- {name}: {value}" for name, value in self.facts.items()]
        lines += ["", "## Call flows, whole captures", ""]
        lines += _whole_table(self.scores)
        lines += ["", "## All media flows, by view", ""]
        lines += _media_table(self.scores)
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
        lines += ["", "## What was said (product, whole captures)", "", "| said | flows | right |", "|---|---:|---:|"]
        lines += [f"| {name} | {n} | {share:.2%} |" for name, (n, share) in self.scores[0].precision.items()]
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
