"""Files of call records: what the standard library would write."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from flowclass.calls.batch import Calls
from flowclass.calls.record import COLUMN_NAMES, Call, as_dict
from flowclass.sinks.callfile import CallFile
from tests.calls.records import call_with

STREAM = {"ssrc": 7, "direction": "up", "kind": "audio", "codec_guess": "", "loss": 0.1, "jitter_s": None, "lost": 3}
CALLS = [
    call_with(),
    call_with(capture='a "quoted", name\nof two lines', streams=[STREAM], candidates=["skype", "teams"]),
    call_with(capture="größer", streams=[STREAM, STREAM | {"direction": "down", "jitter_s": 1e-06}], flows=[]),
    call_with(network="Köln, Süd", mos_low=None, start=1_700_000_000.401966, packets_up=1 << 40, reasons=[]),
]


def written(path: Path, calls: list[Call]) -> str:
    """Return what a file of calls holds."""
    file = CallFile(str(path))
    file.write(Calls.of(calls))
    file.close()
    return path.read_text()


def cell(value: Any) -> Any:
    """Return a value as CSV has it."""
    if not isinstance(value, list):
        return value
    return json.dumps(value) if value and isinstance(value[0], dict) else ";".join(value)


@pytest.mark.parametrize("calls", [CALLS, CALLS[:1], CALLS[1:2], []])
def test_csv__is_what_the_csv_module_writes(tmp_path: Path, calls: list[Call]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMN_NAMES)
    writer.writerows([[cell(value) for value in as_dict(call).values()] for call in calls])
    assert written(tmp_path / "calls.csv", calls) == text.getvalue()


def test_json_lines__are_objects_of_all_columns(tmp_path: Path) -> None:
    lines = written(tmp_path / "calls.jsonl", CALLS).splitlines()
    assert [json.loads(line) for line in lines] == [as_dict(call) for call in CALLS]
    assert tuple(json.loads(lines[0])) == COLUMN_NAMES
