"""Host module: the model card, written for whoever has to decide whether to trust the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from flowclass.model.bundle import ModelBundle
from flowclass.model.labels import parse_label
from flowclass.record.verdict import APP_NAMES, KIND_NAMES
from flowclass.training.packs import LAST_YEAR, OTHER_YEARS_WEIGHT, Pack
from flowclass.training.peers.comparison import comparison_of
from flowclass.training.recordings import ClassFacts
from flowclass.training.report import Report

TABLE = "table.npz"
HEAD = """# Model card: {name}

A random forest of {trees} trees over {features} features of a flow: sizes, gaps, the order of the first packets, RTP
streams and which header bits change. No address, port or time of day is among them, and every feature is the same
when the two ends of the flow are exchanged.

**Use.** It judges flows of which evidence (signatures of protocols and applications) says nothing decisive. It tells
these classes apart: {classes}. A call of no clear owner is called `rtp` or `webrtc` with the candidates that remain;
what passes no gate is `unknown`.

**What is held out.** The forest, its gates and its calibration: they never saw the capture group they are scored on.
Figures marked *product* include evidence and correlation, whose rules were written with these captures in view; on
captures of other years and clients expect less of them, and look at what the model alone does beside them.

**Limits.** Every figure below is from whole capture groups the model had not seen. An application with one group of
captures cannot be scored that way: its own class, if it has one, rests on that single recording (Viber's call). Label
sources that are an application's own marks favour evidence that reads the same marks. The corpus holds few mobile and
no carrier-scale background captures: expect more false calls there than here, and look at `confidence`.

**Dated.** {dated}

**Candidates.** A verdict of the model lists every application that it cannot rule out: conformal sets, so that 9 of 10
flows of a class have it among their candidates (measured below). Skype and Teams, WhatsApp and Messenger stand
together.

**Drift.** `model.npz` holds the distribution of each feature over the training flows that evidence had no name for;
`flowclass evaluate` on captures of your own names the features that are far from it.

**Gates.** Least probability of being a call, chosen so that at most 1 of 10,000 other flows passes:

| class | gate | share its application needs to be named |
|---|---:|---:|
{gates}

**Again.** `{again}` gives the same bundle from the table {where}. The table has no
address, port or time in it; groups are named by their public capture.

"""
#: What evaluate --peer --write leaves beside the card, for the card to show.
PEERS = "peers.json"


def card_of(bundle: ModelBundle, report: Report, pack: Pack, folder: Path) -> str:
    """Return the text of MODEL_CARD.md; what ``peers.json`` in the folder says of other classifiers is part of it."""
    rules = bundle.rules
    gates = "\n".join(
        f"| {APP_NAMES[app]}:{KIND_NAMES[kind]} | {gate:.2f} | {f'{share:.2f}' if share <= 1 else 'never named'} |"
        for app, kind, gate, share in zip(rules.app, rules.kind, rules.gate, rules.share, strict=True)
    )
    name = bundle.name
    head = HEAD.format(
        name=name,
        trees=len(bundle.forest.roots),
        features=report.facts["features"],
        classes=", ".join(f"`{label}`" for label in bundle.labels),
        gates=gates,
        dated=dated(pack, report.classes),
        again=f"flowclass train {'--packs --out models' if pack.name else f'--table {name}/{TABLE} --out {name}'}",
        where="that all packs share" if pack.name else "beside it",
    )
    body = report.to_markdown().replace("# Model", "# Scores of model", 1).replace("# ", "## ", 1)
    return head + body + "\n".join(peer_lines(folder / PEERS))


def dated(pack: Pack, classes: Sequence[ClassFacts]) -> str:
    """Return sentences about the years of a pack, and what its names rest on that no capture of its years shows."""
    if not pack.name:
        return "No: every year of the training captures weighs the same."
    lines = [
        f"{pack.doc[0].upper()}{pack.doc[1:]}. Captures of {pack.since} to {min(pack.until, LAST_YEAR)} weigh most in "
        f"training, those of other years {OTHER_YEARS_WEIGHT:g} as much."
    ]
    media = [one for one in classes if one.recordings]
    if borrowed := [one.label for one in media if not one.of_its_years]:
        lines.append(
            f"Of its own years there is no recording of {', '.join(f'`{label}`' for label in borrowed)}: these are "
            "known from other years alone."
        )
    for _, said in pack.prefer:
        for one in media:
            if parse_label(one.label).app == said:
                lines.append(f"What it calls `{one.label}` was learnt from {', '.join(one.recordings)}.")
    return " ".join(lines)


def peer_lines(path: Path) -> list[str]:
    """Return the section on other classifiers; nothing where they were not asked."""
    if not path.is_file():
        return []
    found = comparison_of(json.loads(path.read_text()))
    head = ["", "## Other classifiers on the same flows", ""]
    why = (
        "`flowclass evaluate --corpus DIR --peer nfstream --peer ndpi`; what counts as right is in "
        "docs/how-to/evaluate.md. Only captures that hold call media; a five-tuple counts once."
    )
    return [*head, why, "", *found.to_markdown(), ""]
