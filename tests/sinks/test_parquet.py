"""The Parquet sink holds the same records with full types."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowclass.errors import SinkError
from flowclass.sinks.callfile import CallFile
from flowclass.sinks.columns import COLUMN_NAMES, FIXED_COLUMNS
from flowclass.sinks.sink import open_sink
from tests.sinks.plain import record
from tests.sinks.records import random_flows

pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
NS_PER_S = 10**9


def test_parquet__equals_the_twin(tmp_path: Path) -> None:
    flows, verdicts = random_flows(2500)
    path = tmp_path / "flows.parquet"
    sink = open_sink(str(path), None)
    for part in (slice(0, 1100), slice(1100, 2500)):
        sink.write(flows[part], verdicts[part], "a.pcap")
    sink.close()
    table = pq.read_table(path)
    assert table.column_names == [COLUMN_NAMES[column] for column in FIXED_COLUMNS]
    starts = table["start"].cast("int64").to_pylist()
    rows = table.drop_columns(["start"]).to_pylist()
    for got, start, flow, verdict in zip(rows, starts, flows, verdicts, strict=True):
        expected = record(flow, verdict, "a.pcap")
        assert Decimal(start).scaleb(-9) == expected.pop("start")
        for name in ("duration_s", "confidence"):
            assert got.pop(name) == pytest.approx(float(expected.pop(name)), abs=1e-12)
        assert got == expected


@pytest.mark.parametrize("what", [open_sink, lambda path, _: CallFile(path)], ids=["flows", "calls"])
def test_parquet__has_its_name_once_it_can_be_read(tmp_path: Path, what: Any) -> None:
    path = tmp_path / "records.parquet"
    sink = what(str(path), None)
    assert [one.name for one in tmp_path.iterdir()] == ["records.parquet.part"]
    sink.close()
    assert [one.name for one in tmp_path.iterdir()] == ["records.parquet"]
    assert pq.read_table(path).num_rows == 0


def test_parquet__on_a_full_disk_leaves_no_file_that_cannot_be_read(tmp_path: Path) -> None:
    sink = open_sink(str(tmp_path / "records.parquet"), None)
    (tmp_path / "records.parquet.part").unlink()
    output = sink._groups._output  # type: ignore[attr-defined]
    output._file.close()
    output._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - closed by the sink
    with pytest.raises(SinkError, match="No space left"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


def test_parquet__no_flows_is_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    open_sink(str(path), None).close()
    assert pq.read_table(path).num_rows == 0


def test_parquet__says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SinkError, match=r"flowclass\[parquet\]"):
        open_sink(str(tmp_path / "x.parquet"), None)
