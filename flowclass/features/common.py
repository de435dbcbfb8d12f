"""Kernel module: what the feature families share: safe ratios, spread, bit counts, the order of the directions.

Which end of a flow was seen first says nothing about a flow that was joined half-way. So features speak of the *busy*
direction (more payload bytes in the window) and the *quiet* one, never of forward and reverse: swapping the two ends
changes no feature.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from flowclass.jit import kernel


@kernel
def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, or 0 where ``whole`` is not positive."""
    return float(part) / float(whole) if whole > 0.0 else 0.0


@kernel
def spread(total: float, squares: float, count: int) -> float:
    """Return the population standard deviation from a sum and a sum of squares; 0 below two values."""
    if count < 2:
        return 0.0
    # In float64 whatever was summed: the difference of two large numbers must not lose more than the sums did.
    mean = float(total) / count
    variance = float(squares) / count - mean * mean
    return sqrt(variance) if variance > 0.0 else 0.0


@kernel
def byte_at(high: np.uint64, low: np.uint64, position: int) -> int:
    """Return byte ``position`` (0-15) of sixteen bytes held in two big-endian words."""
    word = high if position < 8 else low
    shift = np.uint64(56 - 8 * (position & 7))
    return np.int64((word >> shift) & np.uint64(0xFF))  # type: ignore[return-value]


@kernel
def bit_count(value: int) -> int:
    """Return how many bits of a byte are set."""
    pairs = value - ((value >> 1) & 0x55)
    nibbles = (pairs & 0x33) + ((pairs >> 2) & 0x33)
    return (nibbles + (nibbles >> 4)) & 0x0F


@kernel
def compare(left: Any, right: Any) -> int:
    """Return 1 when ``left`` is larger, -1 when smaller, 0 when equal."""
    if left > right:
        return 1
    return -1 if left < right else 0


@kernel
def busy_direction(body: Any) -> int:
    """Return the direction with more payload bytes in the window.

    Parameters
    ----------
    body : BODY record

    Returns
    -------
    direction : 0 or 1

    Notes
    -----
    Ties are broken by what the packets hold, never by the direction's number, so that the answer follows the traffic
    when the two ends are swapped. Directions alike in all of these are alike in nearly every feature.
    """
    a = body["window"][0]
    b = body["window"][1]
    order = compare(a["size_sum"], b["size_sum"])
    if order == 0:
        order = compare(a["packets"], b["packets"])
    if order == 0:
        order = compare(a["size_squares"], b["size_squares"])
    if order == 0:
        order = compare(a["gap_squares"], b["gap_squares"])
    if order == 0:
        order = compare(a["gap_sum_ms"], b["gap_sum_ms"])
    if order == 0:
        order = compare(a["compared"], b["compared"])
    if order == 0:
        order = compare(a["first8"], b["first8"])
    if order == 0:
        order = compare(a["first16"], b["first16"])
    if order == 0:
        order = compare(a["size_repeats"], b["size_repeats"])
    if order == 0:
        order = compare(a["changed8"], b["changed8"])
    if order == 0:
        order = compare(a["changed16"], b["changed16"])
    return 1 if order < 0 else 0
