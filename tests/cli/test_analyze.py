"""``flowclass analyze`` from the outside: what it prints, writes and returns."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from flowclass.cli.main import main
from tests.cli.captures import pcap, write


@pytest.fixture
def capture(tmp_path: Path) -> str:
    return write(tmp_path)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_table__counts_flows_and_packets(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "--quiet", capture]) == 0
    out, err = capsys.readouterr()
    head, *rows = out.splitlines()
    assert head.startswith("application")
    assert sum(int(row.split()[1]) for row in rows) == 2
    assert sum(int(row.split()[2]) for row in rows) == 7
    assert err == ""


def test_flows__jsonl_has_both_directions(capture: str, tmp_path: Path) -> None:
    path = tmp_path / "flows.jsonl"
    assert main(["analyze", "--quiet", capture, "--flows", str(path)]) == 0
    talk = next(record for record in records(path) if record["packets"] == 6)
    assert (talk["src"], talk["sport"], talk["dst"], talk["dport"], talk["proto"]) == (
        "192.0.2.1", 5000, "198.51.100.7", 9999, 17,
    )  # fmt: skip
    assert (talk["fwd_packets"], talk["rev_packets"]) == (3, 3)
    assert talk["bytes"] == talk["fwd_bytes"] + talk["rev_bytes"] == 3 * (28 + 10) + 3 * (28 + 15)
    assert talk["duration_s"] == pytest.approx(0.0405)
    assert talk["capture"] == capture


def test_flows__stdout_holds_records_only(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "--quiet", capture, "--flows", "-", "--format", "jsonl", "--stats"]) == 0
    out, err = capsys.readouterr()
    assert len([json.loads(line) for line in out.splitlines()]) == 2
    assert "balance: exact" in err


def test_flows__csv(capture: str, tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    assert main(["analyze", "--quiet", capture, "--flows", str(path)]) == 0
    with path.open(newline="") as file:
        assert sorted(row["packets"] for row in csv.DictReader(file)) == ["1", "6"]


@pytest.mark.parametrize("calls", ["calls.txt", "flows.csv", "input.csv"])
def test_outputs__no_file_is_emptied_where_one_cannot_be_written(capture: str, tmp_path: Path, calls: str) -> None:
    flows, taken = tmp_path / "flows.csv", tmp_path / "input.csv"
    flows.write_text("of yesterday")
    taken.write_bytes(Path(capture).read_bytes())
    arguments = ["--quiet", str(taken), "--flows", str(flows), "--calls", str(tmp_path / calls)]
    assert main(["analyze", *arguments]) == 2
    assert flows.read_text() == "of yesterday"
    assert taken.read_bytes() == Path(capture).read_bytes()


def test_stats__account(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "--quiet", "--stats", capture]) == 0
    out = capsys.readouterr().out
    assert "balance: exact" in out
    assert "flows: 2 opened" in out


def test_several_inputs__are_one_capture(capture: str, tmp_path: Path) -> None:
    other, path = write(tmp_path, "again.pcap"), tmp_path / "flows.jsonl"
    assert main(["analyze", "--quiet", capture, other, "--flows", str(path)]) == 0
    assert sorted(record["packets"] for record in records(path)) == [2, 12]


def test_separate__each_input_is_a_capture_of_its_own(capture: str, tmp_path: Path) -> None:
    other, path = write(tmp_path, "again.pcap"), tmp_path / "flows.jsonl"
    assert main(["analyze", "--quiet", "--separate", capture, other, "--flows", str(path)]) == 0
    got = sorted((record["capture"], record["packets"]) for record in records(path))
    assert got == [(other, 1), (other, 6), (capture, 1), (capture, 6)]


def test_separate__one_unreadable_input_is_partial(
    capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(b"this is no capture at all")
    assert main(["analyze", "--quiet", "--separate", str(bad), capture]) == 3
    out, err = capsys.readouterr()
    assert str(bad) in err
    assert out.startswith("application")


def test_cut_file__keeps_what_is_whole_and_exits_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "cut.pcap", cut=3)
    assert main(["analyze", "--quiet", "--stats", path]) == 3
    out, err = capsys.readouterr()
    assert err.startswith("flowclass: ")
    assert path in err
    assert "balance: exact" in out
    assert "flows: 1 opened" in out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["/nonexistent.pcap"], 1),
        (["{capture}", "--filter", "udp porrt 5000"], 2),
        (["{capture}", "--config", "/nonexistent.toml"], 2),
        (["{capture}", "--max-flows", "1"], 2),
        (["{capture}", "--model", "/nonexistent"], 1),
        (["{capture}", "--flows", "/nonexistent/x.csv"], 1),
        (["{capture}", "--flows", "x.unknown"], 2),
        (["{capture}", "--flows", "{capture}", "--format", "csv"], 2),
    ],
)
def test_mistakes__one_line_and_an_exit_code(
    capture: str, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int
) -> None:
    assert main(["analyze", "--quiet", *(text.format(capture=capture) for text in arguments)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("flowclass: ")
    assert "Traceback" not in err


def test_filter__what_it_refuses_is_counted(capture: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "--quiet", "--stats", "--filter", "udp port 5000", capture]) == 0
    lines = capsys.readouterr().out.splitlines()
    filtered = next(line for line in lines if "ignored: filtered" in line)
    assert filtered.split()[2] == "1"
    assert "balance: exact" in lines


def test_config__options_win_over_the_file(capture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "f.toml"
    path.write_text("[meter]\nmax_flows = 1\n")
    assert main(["analyze", "--quiet", "--config", str(path), capture]) == 2
    assert "max_flows" in capsys.readouterr().err
    assert main(["analyze", "--quiet", "--config", str(path), "--max-flows", "64", capture]) == 0


def test_no_packets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(pcap([]))
    assert main(["analyze", "--quiet", str(path)]) == 0
    assert capsys.readouterr().out == "no flows\n"
