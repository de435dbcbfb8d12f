"""Host module: columns of numbers as records have them: rounded, None for what is not known, runs of equal keys."""

from __future__ import annotations

from functools import cached_property
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


def hex_texts(numbers: Any) -> list[str]:
    """Return numbers of 64 bits as 16 hexadecimal digits each."""
    digits = np.asarray(numbers, np.uint64).astype(">u8").tobytes().hex()
    return [digits[at : at + 16] for at in range(0, len(digits), 16)]


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


class Runs:
    """Which rows are whose: those of an owner lie together, and each owner has one at least.

    Parameters
    ----------
    owner : int64[n], ascending
    count : owners

    Attributes
    ----------
    begins, counts : int64[count], where the rows of each begin, and how many they are
    """

    def __init__(self, owner: Any, count: int) -> None:
        self.owner = owner
        self.begins = np.searchsorted(owner, np.arange(count))
        self.counts = np.diff(self.begins, append=len(owner))

    @cached_property
    def slices(self) -> list[slice]:
        """Where the rows of each are."""
        ends = (self.begins + self.counts).tolist()
        return [slice(first, last) for first, last in zip(self.begins.tolist(), ends, strict=True)]

    def sum(self, values: Any) -> Any:
        """Return the sum of values over the rows of each."""
        return np.add.reduceat(values, self.begins)

    def least(self, values: Any) -> Any:
        """Return the smallest of values over the rows of each."""
        return np.minimum.reduceat(values, self.begins)

    def most(self, values: Any) -> Any:
        """Return the largest of values over the rows of each."""
        return np.maximum.reduceat(values, self.begins)

    def any(self, values: Any) -> Any:
        """Return whether any of bool[n] is true of the rows of each."""
        return np.logical_or.reduceat(values, self.begins)

    def bits(self, values: Any) -> Any:
        """Return the bits that any of values has over the rows of each."""
        return np.bitwise_or.reduceat(values, self.begins)

    def first(self, mask: Any) -> Any:
        """Return int64[count]: the first row of each of which ``mask`` is true, n for none."""
        places = np.arange(len(self.owner))
        return self.least(np.where(mask, places, len(self.owner)))
