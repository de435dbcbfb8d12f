"""Kernel module: VERDICT, what is said of a flow, one row beside each FLOW row.

Made by ``model.classify``; sinks, calls and metrics read it.
"""

from __future__ import annotations

from flowclass.record.field import Field, dtype_of

#: Features named as reasons of a model's verdict.
WEIGHED = 3

VERDICT_FIELDS = (
    Field("candidates", "u8", "bit set over App: all labels that remain possible, app itself among them"),
    Field("confidence", "f4", "probability that app and kind are right, 0 to 1, as measured on held-out captures"),
    Field("decided_at_packet", "u4", "packet of the flow at which the verdict was reached, 0 for none"),
    Field(
        "signs", "u2", "features that spoke loudest for a model's verdict, as model.norms writes them", shape=(WEIGHED,)
    ),
    Field("app", "u1", "an App"),
    Field("kind", "u1", "a Kind"),
    Field("decided_by", "u1", "a DecidedBy"),
)
VERDICT = dtype_of(VERDICT_FIELDS)
