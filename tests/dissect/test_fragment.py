"""The fragment table: bounded, the oldest entry of a set gives way."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from flowclass.dissect.fragment import WAYS, new_fragments
from flowclass.record.status import Status
from tests.dissect.harness import SEED, dissect_rows, pack, stale_rows
from tests.frames import ip4


def first(ident: int, sport: int = 1) -> bytes:
    """Return a first fragment."""
    return ip4("10.0.0.1", "10.0.0.2", 17, struct.pack("!HHHH", sport, 2, 100, 0), ident=ident, flags=0x2000)


def later(ident: int) -> bytes:
    """Return a later fragment."""
    return ip4("10.0.0.1", "10.0.0.2", 17, b"x" * 8, ident=ident, flags=1)


def statuses(frames: list[bytes], entries: int) -> tuple[list[int], np.ndarray]:
    """Return the statuses and the rows of IPv4 packets."""
    data, refs = pack(frames, 228)
    rows = stale_rows(len(refs))
    dissect_rows(data, refs, rows, new_fragments(entries), SEED)
    return rows["status"].tolist(), rows


def test_table__keeps_as_many_as_it_has_ways() -> None:
    found, _ = statuses([first(i) for i in range(1, 5)] + [later(i) for i in range(1, 5)], WAYS)
    assert found == [Status.OK] * 8


def test_table__oldest_gives_way() -> None:
    found, _ = statuses([first(i) for i in range(1, 6)] + [later(i) for i in range(1, 6)], WAYS)
    assert found[5:] == [Status.FRAGMENT_ORPHAN] + [Status.OK] * 4


def test_table__same_key_is_overwritten() -> None:
    _, rows = statuses([first(1, 1000), first(1, 2000), later(1)], WAYS)
    assert rows["sport"].tolist() == [1000, 2000, 2000]


def test_table__holds_thousands() -> None:
    found, _ = statuses([first(i) for i in range(1, 1001)] + [later(i) for i in range(1, 1001)], 4096)
    assert found.count(Status.OK) > 1990


@pytest.mark.parametrize("entries", [0, 2, 12])
def test_table__size_is_a_power_of_two(entries: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        new_fragments(entries)
