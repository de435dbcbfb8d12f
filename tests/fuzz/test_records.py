"""A small run of the fuzzer of records: ``python -m tests.fuzz.records`` is the large one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.invariance import calls_of, packets_of
from tests.fuzz import records

CAPTURES = 150


@pytest.mark.slow
def test_records_of_changed_captures_do_not_contradict_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    assert records.fuzz(CAPTURES, seed=2) == 0, capsys.readouterr().out
    assert f"{CAPTURES} captures" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        {"end": 0.0},
        {"talk_s": 1e6},
        {"loss_up": 1.5},
        {"jitter_down": float("nan")},
        {"mos_low": 5.5},
        {"mos_high": None},
        {"flows": ["0123456789abcdef"]},
    ],
)
def test_wrong_record_is_found(wrong: dict[str, object]) -> None:
    (call,) = calls_of(packets_of(records.OWN / "whatsapp" / "call-2019.pcap"))
    assert list(records.problems_of(call, set(call.flows))) == []
    assert list(records.problems_of(replace(call, **wrong), set(call.flows))) != []  # type: ignore[arg-type]
