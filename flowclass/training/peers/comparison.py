"""Host module: Comparison, how we and our peers fared, as JSON for machines and Markdown for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Fared:
    """How call-media flows of one view fared with one contender.

    Attributes
    ----------
    right, right_bytes : share of flows and of their bytes with the right application
    wrong : share given another application's name
    false_calls : flows that are no call, said to be part of one
    """

    right: float
    right_bytes: float
    wrong: float
    false_calls: int


@dataclass(frozen=True)
class Row:
    """One view: what was scored, and how each contender fared."""

    view: str
    flows: int
    groups: int
    other_flows: int
    fared: dict[str, Fared]


@dataclass(frozen=True)
class Comparison:
    """The outcome.

    Attributes
    ----------
    contenders : by name, with their versions
    views : all media by view
    apps : media by application in whole captures
    facts : what it rests on
    undisputed : all media by view without flows whose label their own packets contradict; empty where there are none
    """

    contenders: dict[str, str]
    views: list[Row]
    apps: list[Row]
    facts: dict[str, Any]
    undisputed: list[Row] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for the report."""
        return asdict(self)

    def to_markdown(self) -> list[str]:
        """Return the lines of two tables."""
        lines = [f"Contenders: {', '.join(self.contenders.values())}.", ""]
        lines += _table(self.views, list(self.contenders), "view", with_false=True)
        if self.undisputed:
            lines += ["", "The same without flows whose label their own packets contradict:", ""]
            lines += _table(self.undisputed, list(self.contenders), "view", with_false=False)
        lines += ["", "The same by application, whole captures:", ""]
        return lines + _table(self.apps, list(self.contenders), "flows of", with_false=False)


def _table(rows: list[Row], names: list[str], what: str, *, with_false: bool) -> list[str]:
    parts = ["right", "bytes right", "another's name", *(["false calls"] if with_false else [])]
    head = f"| {what} | groups | flows |" + "".join(f" {name}: {part} |" for name in names for part in parts)
    lines = [head, "|---|---:|---:|" + "---:|" * (len(names) * len(parts))]
    for row in rows:
        cells = ""
        for name in names:
            one = row.fared[name]
            cells += f" {one.right:.1%} | {one.right_bytes:.1%} | {one.wrong:.1%} |"
            cells += f" {one.false_calls} of {row.other_flows} |" if with_false else ""
        lines.append(f"| {row.view} | {row.groups} | {row.flows} |{cells}")
    return lines


def comparison_of(content: dict[str, Any]) -> Comparison:
    """Return the comparison that ``as_json`` wrote."""

    def rows(name: str) -> list[Row]:
        return [
            Row(**{**row, "fared": {who: Fared(**fared) for who, fared in row["fared"].items()}})
            for row in content.get(name, ())
        ]

    facts = dict(content["facts"])
    return Comparison(dict(content["contenders"]), rows("views"), rows("apps"), facts, rows("undisputed"))
