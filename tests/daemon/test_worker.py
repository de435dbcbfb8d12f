"""The packet loop on a clock that somebody sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.capture.block import LiveClock
from flowclass.daemon.batch import Batch
from flowclass.flow.state import MeterSettings
from flowclass.pipeline import analyze
from flowclass.record.status import EndReason
from flowclass.record.verdict import DecidedBy
from tests.daemon.loop import played, run, silence

CALL = Path(__file__).parents[2] / "pcaps" / "viber" / "call-2024.pcap"
BY_MODEL = CALL.parents[1] / "lab" / "anyconnect-call.pcap"
HOUR_NS = 3600 * 1_000_000_000
IDLE_S, STEP_S = 2.0, 0.5


def flows_in(capture: Path) -> int:
    """Return how many flows a capture holds."""
    counts: list[int] = []
    analyze([str(capture)], lambda flows, *_: counts.append(len(flows)), settings=MeterSettings(seed=1))
    return sum(counts)


@pytest.mark.parametrize("shift_ns", [HOUR_NS, -HOUR_NS])
def test_a_clock_that_is_set_splits_flows_and_loses_nothing(shift_ns: int) -> None:
    ended: list[tuple[int, int]] = []

    def take(batch: Batch) -> None:
        ended.extend((int(flow["packets"].sum()), int(flow["end_reason"])) for flow in batch.flows)

    blocks = [*played(CALL), *played(CALL, shift_ns)]
    blocks += silence(int(blocks[-1].refs["ts_ns"][-1]), 2.25 * IDLE_S, STEP_S)
    row = run(blocks, MeterSettings(idle_timeout_s=IDLE_S, seed=1), take)
    stats = row.stats[0]
    assert sum(packets for packets, _ in ended) == int(stats["packets_read"]) == int(stats["packets_metered"])
    assert row.ended_packets == int(stats["packets_read"])
    assert row.open_records == 0
    # All were ended by the clock, on a wire that fell silent, and none by the end of the capture.
    assert {reason for _, reason in ended} <= {EndReason.IDLE_TIMEOUT, EndReason.END_OF_FLOW}
    # Once for each play: a clock that jumps does not cut a flow into more than two.
    assert len(ended) == 2 * flows_in(CALL)


@pytest.mark.parametrize("words", [False, True])
def test_why_the_model_decided_is_worked_out_only_where_it_is_written(words: bool) -> None:
    told: list[bool] = []

    def take(batch: Batch) -> None:
        by_model = batch.verdicts["decided_by"] == DecidedBy.MODEL
        told.extend(batch.verdicts["signs"][by_model].any(axis=1).tolist())

    run(list(played(BY_MODEL)), MeterSettings(seed=1), take, words=words)
    assert told
    assert any(told) == words


def test_between_packets_the_clock_is_that_of_time_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = LiveClock()
    before = clock.idle()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    assert 0 <= clock.idle() - before < HOUR_NS
