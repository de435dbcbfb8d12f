"""Host module: rows of what applications declare of their media, Habits and Controls, for the kernels to go through."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

import numpy as np

from flowclass.apps.catalog import MODULES
from flowclass.apps.habit import Control, Habit
from flowclass.record.field import Field

#: Columns of every row: the sources it is about, and the Reason it stands for.
OWNED_FIELDS = (
    Field("ssrc_least", "u4", "least SSRC"),
    Field("ssrc_most", "u4", "largest SSRC"),
    Field("word", "u4", "the application's place in the catalog"),
    Field("bit", "u4", "bit of the Reason"),
)

Declared = TypeVar("Declared", Habit, Control)


def rows_of(name: str, dtype: np.dtype, fill: Callable[[np.ndarray, Declared], None]) -> np.ndarray:
    """Return one row for each Habit or Control, in the order of the catalog.

    Parameters
    ----------
    name : under which application files declare them: ``HABITS`` or ``CONTROLS``
    dtype : of a row, OWNED_FIELDS among its columns
    fill : writes the other columns into a row (an array of one)
    """
    rows = []
    for word, module in enumerate(MODULES):
        for one in getattr(import_module(f"flowclass.apps.{module}"), name, ()):
            row = np.zeros(1, dtype)
            row["ssrc_least"], row["ssrc_most"] = one.ssrc
            row["word"], row["bit"] = word, one.reason
            fill(row, one)
            rows.append(row)
    return np.concatenate(rows)
