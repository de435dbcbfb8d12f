"""When evidence decided a flow: at which packet, and how long after the first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from flowclass.flow.study import LONGEST_MS, elapsed_ms
from flowclass.pipeline import analyze

CALL = Path(__file__).parents[2] / "pcaps" / "whatsapp" / "call-2019.pcap"


def test_time_of_a_decision_lies_between_first_and_last_packet() -> None:
    found: list[np.ndarray] = []
    analyze([str(CALL)], lambda flows, *_: found.append(flows.copy()))
    decided = np.concatenate(found)
    decided = decided[decided["decided_at_packet"] > 0]
    assert len(decided)
    assert (decided["decided_ms"][decided["decided_at_packet"] == 1] == 0).all()
    assert (decided["decided_ms"] <= (decided["last_ns"] - decided["origin_ns"]) // 1_000_000).all()


@pytest.mark.parametrize(("elapsed_ns", "wanted"), [(-1, 0), (999_999, 0), (1_500_000, 1), (1 << 62, LONGEST_MS)])
def test_time_fits_whatever_the_clock_does(elapsed_ns: int, wanted: int) -> None:
    assert elapsed_ms(elapsed_ns) == wanted
