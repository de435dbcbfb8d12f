"""Host module: the model card, written for whoever has to decide whether to trust the model."""

from __future__ import annotations

from flowclass.model.bundle import ModelBundle
from flowclass.record.verdict import APP_NAMES, KIND_NAMES
from flowclass.training.report import Report

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

**Gates.** Least probability of being a call, chosen so that at most 1 of 10,000 other flows passes:

| class | gate | share to be named |
|---|---:|---:|
{gates}

**Again.** `flowclass train --table {name}/table.npz` gives the same bundle from the table beside it. The table has no
address, port or time in it; groups are named by their public capture.

"""


def card_of(bundle: ModelBundle, report: Report) -> str:
    """Return the text of MODEL_CARD.md."""
    rules = bundle.rules
    gates = "\n".join(
        f"| {APP_NAMES[app]}:{KIND_NAMES[kind]} | {gate:.2f} | {share:.2f} |"
        for app, kind, gate, share in zip(rules.app, rules.kind, rules.gate, rules.share, strict=True)
    )
    head = HEAD.format(
        name=bundle.name,
        trees=len(bundle.forest.roots),
        features=report.facts["features"],
        classes=", ".join(f"`{label}`" for label in bundle.labels),
        gates=gates,
    )
    return head + report.to_markdown().replace("# Model", "# Scores of model", 1).replace("# ", "## ", 1)
