"""Host module: Intervals, prefixes flattened into sorted intervals that do not overlap."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

import numpy as np

from flowclass.networks.lookup import find_values
from flowclass.record.packet import IPV4_MAPPED

Prefix = ipaddress.IPv4Network | ipaddress.IPv6Network
_WORD = 0xFFFFFFFFFFFFFFFF
#: Where IPv4 lies among 128-bit addresses (RFC 4291 §2.5.5.2), and its length there.
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


class Intervals:
    """Values by longest prefix.

    Parameters
    ----------
    entries : (prefix, value) with value from 1 to 65,535; no prefix twice. An address in none of them has value 0.

    Notes
    -----
    IPv4 prefixes are placed among the IPv4-mapped addresses, which ``::/0`` and other IPv6 prefixes do not cover.
    """

    def __init__(self, entries: Iterable[tuple[Prefix, int]]) -> None:
        spans = [(*_span(prefix), value) for prefix, value in entries]
        if not any(first == int(_MAPPED[0]) and last == int(_MAPPED[-1]) for first, last, _ in spans):
            spans.append((int(_MAPPED[0]), int(_MAPPED[-1]), 0))
        spans.sort(key=lambda span: (span[0], -span[1]))
        starts, values = _flatten(spans)
        self._hi = np.array([start >> 64 for start in starts], np.uint64)
        self._lo = np.array([start & _WORD for start in starts], np.uint64)
        self._values = np.array(values, np.uint16)

    def __len__(self) -> int:
        return len(self._values)

    def find(self, hi: Any, lo: Any) -> np.ndarray:
        """Return uint16[n], the values of addresses given as words (uint64[n] each)."""
        out = np.empty(len(hi), np.uint16)
        find_values(self._hi, self._lo, self._values, np.ascontiguousarray(hi), np.ascontiguousarray(lo), out)
        return out


def _span(prefix: Prefix) -> tuple[int, int]:
    """Return first and last address as 128-bit numbers."""
    base = IPV4_MAPPED if prefix.version == 4 else 0
    return base + int(prefix.network_address), base + int(prefix.broadcast_address)


def _flatten(spans: list[tuple[int, int, int]]) -> tuple[list[int], list[int]]:
    """Return starts and values of intervals that cover all addresses; spans nest, and outer ones come first."""
    starts, values = [0], [0]
    around: list[tuple[int, int]] = []  # (last address, value) of the prefixes that surround this place

    def put(start: int, value: int) -> None:
        if starts[-1] == start:
            values[-1] = value
        elif values[-1] != value:
            starts.append(start)
            values.append(value)

    def leave(before: int) -> None:
        while around and around[-1][0] < before:
            last, _ = around.pop()
            put(last + 1, around[-1][1] if around else 0)

    for first, last, value in spans:
        leave(first)
        put(first, value)
        around.append((last, value))
    leave(1 << 128)
    if starts[-1] > (1 << 128) - 1:  # behind the last address there is nothing
        starts.pop()
        values.pop()
    return starts, values
