"""Kernel module: from reason bits to a verdict by evidence.

CERTAIN beats STRONG, WEAK never decides. At equal strength the application that stands earlier in the catalog decides,
and within one application the earlier Reason; the loser of such a tie becomes the second candidate. The kind is
call-media if any deciding-strength Reason of the winner says so, then call-signalling, else the winning Reason's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps._fused import APPS, REASON_WORDS, REASONS
from flowclass.apps.app import MAX_REASONS
from flowclass.jit import int64, kernel
from flowclass.record.field import Field, dtype_of
from flowclass.record.verdict import Kind, Strength

DECISION_FIELDS = (
    Field("app", "u1", "App decided, UNKNOWN when no Reason decides"),
    Field("kind", "u1", "Kind decided"),
    Field("strength", "u1", "Strength of the deciding Reason"),
    Field("also", "u1", "App of the second candidate, UNKNOWN for none"),
    Field("module", "u1", "catalog position of the deciding application"),
    Field("reason", "u1", "position of the deciding Reason"),
)
DECISION = dtype_of(DECISION_FIELDS)

CALL_MEDIA, CALL_SIGNALLING = int(Kind.CALL_MEDIA), int(Kind.CALL_SIGNALLING)
WEAK = int(Strength.WEAK)


def _table(what: str) -> np.ndarray:
    """Return uint8[REASON_WORDS, MAX_REASONS] of one attribute of the Reasons."""
    table = np.zeros((REASON_WORDS, MAX_REASONS), np.uint8)
    for row, (application, reasons) in enumerate(zip(APPS, REASONS, strict=True)):
        for column, reason in enumerate(reasons):
            value = getattr(reason, what)
            if what == "app" and value is None:
                value = application.label
            table[row, column] = 0 if value is None else int(value)
    return table


REASON_APP, REASON_KIND = _table("app"), _table("kind")
REASON_STRENGTH, REASON_ALSO = _table("strength"), _table("also")


@kernel
def decide(words: Any, decision: Any) -> int:
    """Fill ``decision`` (a DECISION row) from ``words`` (uint32[REASON_WORDS]); return the App, 0 when undecided."""
    best = WEAK
    app = 0
    also = 0
    kind = 0
    for row in range(REASON_WORDS):
        word = int64(words[row])
        column = 0
        while word:
            if word & 1:
                strength = int64(REASON_STRENGTH[row, column])
                this = int64(REASON_APP[row, column])
                if strength > best:
                    best = strength
                    app = this
                    also = int64(REASON_ALSO[row, column])
                    kind = int64(REASON_KIND[row, column])
                    decision["module"] = row
                    decision["reason"] = column
                elif strength == best and best > WEAK and this != app and also == 0:
                    also = this
            word >>= 1
            column += 1
    if app:
        kind = _widest_kind(words, app, kind)
    decision["app"] = app
    decision["kind"] = kind
    decision["strength"] = best
    decision["also"] = also
    return app


@kernel
def _widest_kind(words: Any, app: int, kind: int) -> int:
    """Return CALL_MEDIA or CALL_SIGNALLING if a deciding Reason of ``app`` says so, else ``kind``."""
    for row in range(REASON_WORDS):
        word = int64(words[row])
        column = 0
        while word:
            if word & 1 and REASON_APP[row, column] == app and REASON_STRENGTH[row, column] > WEAK:
                this = int64(REASON_KIND[row, column])
                if this == CALL_MEDIA:
                    return CALL_MEDIA
                if this == CALL_SIGNALLING:
                    kind = CALL_SIGNALLING
            word >>= 1
            column += 1
    return kind
