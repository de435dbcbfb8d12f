"""A made-up feature table whose classes can be learnt, for the tests of this room."""

from __future__ import annotations

import numpy as np

from flowclass.features.row import FEATURE_COUNT
from flowclass.record.verdict import App, Kind, Strength
from flowclass.training.table import ROW, Table, rounded
from flowclass.training.views import VIEW_NAMES

LABELS = (
    "teams:call-media",
    "skype:call-media",
    "whatsapp:call-media",
    "line:call-media",
    "sip:call-signalling",
    "other:not-voip",
    "telegram:messaging",
)
GROUPS = tuple(f"capture-{k}" for k in range(12))


def small_table(rows: int = 600, seed: int = 11) -> Table:
    """Return a table: the label shows in the first features, more clearly for some than for others."""
    draw = np.random.default_rng(seed)
    table = np.zeros(rows, ROW)
    table["label"] = draw.choice(len(LABELS), rows, p=[0.1, 0.1, 0.1, 0.05, 0.05, 0.5, 0.1])
    # LINE is in one group only; the others in all.
    table["group"] = np.where(table["label"] == 3, 0, draw.integers(0, len(GROUPS), rows))
    table["view"] = draw.integers(0, 3, rows)
    table["weight"] = 1.0
    table["flow"] = np.arange(rows)
    table["packets"] = draw.integers(2, 500, rows)
    table["answered"] = 1
    table["bytes"] = table["packets"] * 100
    table["features_row"] = np.arange(rows)
    features = draw.normal(size=(rows, FEATURE_COUNT)).astype(np.float32)
    features[:, 0] += 6 * (table["label"] <= 3)
    features[:, 1] += 6 * (table["label"] == 2) - 6 * (table["label"] == 3)
    features[:, 2] += 6 * (table["label"] == 4)
    decided = draw.random(rows) < 0.1
    table["app"] = np.where(decided & (table["label"] == 2), App.WHATSAPP, App.UNKNOWN)
    table["kind"] = np.where(table["app"] != App.UNKNOWN, Kind.CALL_MEDIA, Kind.UNKNOWN)
    table["strength"] = np.where(table["app"] != App.UNKNOWN, Strength.CERTAIN, Strength.WEAK)
    return Table(table, rounded(features), LABELS, GROUPS, VIEW_NAMES, "made up")
