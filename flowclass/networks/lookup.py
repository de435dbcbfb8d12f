"""Kernel module: longest-prefix lookup of many addresses at once, in sorted intervals.

The host side (``flowclass.networks.intervals``) has flattened nested prefixes into intervals without overlap, so the
longest prefix of an address is the interval it lies in: one binary search, for IPv4 (as IPv4-mapped) and IPv6 alike.
"""

from __future__ import annotations

from typing import Any

from flowclass.jit import entry


@entry
def find_values(starts_hi: Any, starts_lo: Any, values: Any, hi: Any, lo: Any, out: Any) -> None:
    """Look up n addresses.

    Parameters
    ----------
    starts_hi, starts_lo : uint64[m], m >= 1: first address of each interval in two words, ascending; the first is 0
    values : uint16[m], value of each interval
    hi, lo : uint64[n], addresses; any stride
    out : uint16[n], receives the values
    """
    for i in range(hi.size):
        high, low = hi[i], lo[i]
        first, last = 0, values.size - 1  # the interval lies within [first, last]
        while first < last:
            middle = (first + last + 1) >> 1
            if starts_hi[middle] < high or (starts_hi[middle] == high and starts_lo[middle] <= low):
                first = middle
            else:
                last = middle - 1
        out[i] = values[first]
