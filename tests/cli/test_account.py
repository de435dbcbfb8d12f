"""The account of packets."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.cli.account import add_up, balances, lines_of
from flowclass.record.stats import STATS
from flowclass.record.status import Status


def stats(read: int, metered: int, not_ip: int) -> Any:
    row = np.zeros(1, STATS)
    for what, scale in (("packets", 1), ("bytes", 100)):
        row[f"{what}_read"], row[f"{what}_metered"] = read * scale, metered * scale
        row[f"ignored_{what}"][0, Status.NOT_IP] = not_ip * scale
    return row[0]


def test_balances() -> None:
    assert balances(stats(10, 7, 3))
    assert not balances(stats(10, 7, 2))


def test_add_up__is_field_by_field() -> None:
    total = add_up([stats(10, 7, 3), stats(5, 5, 0)])
    assert int(total["bytes_read"]) == 1500
    assert int(total["ignored_packets"][Status.NOT_IP]) == 3


def test_lines__name_what_was_ignored() -> None:
    text = "\n".join(lines_of(stats(1234, 1231, 3)))
    assert "ignored: not-ip" in text
    assert "1,234" in text
    assert "balance: exact" in text
    assert "ip-truncated" not in text


def test_lines__say_when_it_does_not_hold() -> None:
    assert any("DOES NOT HOLD" in line for line in lines_of(stats(10, 7, 2)))
