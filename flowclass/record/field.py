"""Host module: Field, the unit every record is declared in.

One list of Fields gives the NumPy dtype, the columns of every sink, the IPFIX template and the reference page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Field:
    """One column of a record.

    Attributes
    ----------
    name : lower-case name, unit as suffix where it has one (``_ns``, ``_s``, ``_bytes``)
    dtype : NumPy type text (``"u8"``), or a nested dtype
    doc : what the value is, with its range and source
    unit : "" for pure numbers
    shape : shape of a nested array, ``()`` for a scalar
    ipfix : IANA IPFIX information element id, where one fits
    """

    name: str
    dtype: str | np.dtype
    doc: str
    unit: str = ""
    shape: tuple[int, ...] = ()
    ipfix: int | None = None


def dtype_of(fields: Sequence[Field]) -> np.dtype:
    """Return the C-aligned structured dtype of a record."""
    names = [field.name for field in fields]
    if len(set(names)) != len(names):
        raise ValueError(f"a field is named twice in {names}")
    return np.dtype([(f.name, f.dtype, f.shape) if f.shape else (f.name, f.dtype) for f in fields], align=True)
