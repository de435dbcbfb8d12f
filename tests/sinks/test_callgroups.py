"""Call records as Arrow: row groups hold what one table would."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from flowclass.sinks.callgroups import CallGroups, call_table
from flowclass.sinks.sink import Output
from tests.calls.records import call_with

pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
STREAM = {"ssrc": 7, "direction": "up", "kind": "audio", "codec_guess": "", "loss": 0.1, "jitter_s": None, "lost": 3}
CALLS = [call_with(call_id=str(number), streams=[STREAM] * (number % 3)) for number in range(11)]


@pytest.mark.parametrize(("parts", "groups"), [((0, 11), [11]), ((0, 2, 4, 5, 9, 11), [4, 5, 2]), ((0, 3), [3])])
def test_groups__are_written_as_calls_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: tuple[int, ...], groups: list[int]
) -> None:
    monkeypatch.setattr("flowclass.sinks.callgroups.CALL_GROUP", 4)
    path = tmp_path / "calls.parquet"
    file = CallGroups(Output(str(path), whole=True))
    for lo, hi in pairwise(parts):
        file.write(CALLS[lo:hi])
    file.close()
    metadata = pq.ParquetFile(path).metadata
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == groups
    assert pq.read_table(path).to_pylist() == call_table(CALLS[: parts[-1]]).to_pylist()
