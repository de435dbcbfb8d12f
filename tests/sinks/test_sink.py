"""Choosing a sink, and what happens when it cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowclass.errors import SinkError, UsageError
from flowclass.sinks.sink import check_outputs, format_of, open_sink
from tests.sinks.records import random_flows


@pytest.mark.parametrize(
    ("path", "chosen", "expected"),
    [("a.jsonl", None, "jsonl"), ("a.CSV", None, "csv"), ("a.parquet", None, "parquet"), ("-", None, "jsonl"),
     ("-", "csv", "csv"), ("a.txt", "jsonl", "jsonl"), ("/dev/null", "csv", "csv")],
)  # fmt: skip
def test_format__by_name_then_by_ending(path: str, chosen: str | None, expected: str) -> None:
    assert format_of(path, chosen) == expected


def test_format__unknown_ending_names_the_option() -> None:
    with pytest.raises(UsageError, match=r"--format jsonl\|csv\|parquet"):
        format_of("flows.txt", None)


def test_open__a_folder_that_is_not_there() -> None:
    with pytest.raises(SinkError, match=r"cannot write records to /nonexistent/x\.csv: No such file"):
        open_sink("/nonexistent/x.csv", None)


def test_outputs__refuse_to_overwrite_an_input(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"precious")
    with pytest.raises(UsageError, match="one of the inputs"):
        check_outputs([("-", None), (str(path), None)], [str(tmp_path / "." / "a.csv")])
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("exists", [False, True])
def test_outputs__of_two_kinds_are_two_files(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "a.csv"
    if exists:
        path.touch()
    with pytest.raises(UsageError, match="named for two kinds of records"):
        check_outputs([(str(path), None), (str(tmp_path / "." / "a.csv"), None)], [])
    check_outputs([(str(path), None), (str(tmp_path / "b.csv"), None), ("-", None), ("-", None)], ["-"])


def test_outputs__must_have_formats_that_can_be_told() -> None:
    with pytest.raises(UsageError, match=r"cannot tell the record format of 'b\.txt'"):
        check_outputs([("a.csv", None), ("b.txt", None)], [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet"])
def test_write__a_full_disk_is_a_clear_error(name: str) -> None:
    if name == "parquet":
        pytest.importorskip("pyarrow")
    flows, verdicts = random_flows(100)
    with pytest.raises(SinkError, match=r"cannot write records to /dev/full: .*[Nn]o space"):  # noqa: PT012 - any step
        sink = open_sink("/dev/full", name)
        sink.write(flows, verdicts, "a")
        sink.close()
