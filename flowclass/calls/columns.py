"""Host module: columns of numbers as records have them: rounded, None for what is not known, runs of equal keys."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Digits behind the point of seconds and shares in records.
DIGITS = 6
#: Farther than this from a half, the product with a power of ten rounds as the number itself does: products below
#: 1e12 are off by 1e-4 at most.
NEAR_HALF = 1e-3


def rounded(values: Any, digits: int = DIGITS) -> Any:
    """Return float64[n] as ``round`` gives each: the double next to the decimal that is nearest; NaN stays NaN."""
    values = np.asarray(values, np.float64)
    scale = 10.0**digits
    scaled = values * scale
    result = np.rint(scaled) / scale
    for place in np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < NEAR_HALF):
        result[place] = round(float(values[place]), digits)
    return result


def known(values: Any) -> list[float | None]:
    """Return a column as a list with None for NaN."""
    result: list[float | None] = np.asarray(values, object).tolist()
    for place in np.flatnonzero(np.isnan(values)):
        result[place] = None
    return result


def begins_of_runs(*keys: Any) -> Any:
    """Return the places at which runs of rows with equal keys begin."""
    is_first = np.zeros(len(keys[0]), bool)
    is_first[:1] = True
    for key in keys:
        is_first[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(is_first)


def places_of_largest(keys: Any, values: Any) -> Any:
    """Return, for each key in ascending order, the place of its largest value, the first of several."""
    order = np.lexsort((-values.astype(np.int64), keys))
    return order[begins_of_runs(keys[order])]
