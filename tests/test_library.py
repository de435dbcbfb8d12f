"""The library: the same flows and calls as the command line, as Arrow tables."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path

import pyarrow as pa
import pytest

import flowclass
from flowclass.errors import CaptureError, UsageError
from flowclass.flow.state import MeterSettings

PCAPS = Path(__file__).parents[1] / "pcaps"
SHOWCASE = PCAPS / "showcase.pcap"
SETTINGS = MeterSettings(seed=7)


def test_analyze__gives_the_records_of_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "flowclass.toml"
    config.write_text("[meter]\nseed = 7\n")
    flows, calls = tmp_path / "flows.jsonl", tmp_path / "calls.jsonl"
    subprocess.run(
        [
            sys.executable, "-m", "flowclass", "analyze", "--quiet", "--config", config, "--flows", flows, "--calls",
            calls, SHOWCASE,
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    found = flowclass.analyze(SHOWCASE, settings=SETTINGS)
    wanted = [json.loads(line) for line in flows.read_text().splitlines()]
    for column in ("flow_id", "src", "dport", "packets", "bytes", "app", "kind", "candidates", "reasons", "confidence"):
        assert found.flows[column].to_pylist() == [record[column] for record in wanted], column
    assert found.calls.to_pylist() == [json.loads(line) for line in calls.read_text().splitlines()]


def test_analyze__accounts_for_every_packet() -> None:
    found = flowclass.analyze(SHOWCASE)
    account = found.account
    assert account["packets_read"] == account["packets_metered"] + sum(account["ignored_packets"]) == 2971
    assert sum(found.flows["packets"].to_pylist()) == account["packets_metered"]
    assert (found.problems, found.partial) == ([], False)


def test_analyze__filter_keeps_the_rest_in_the_account() -> None:
    found = flowclass.analyze(SHOWCASE, bpf="udp port 3478")
    assert 0 < sum(found.flows["packets"].to_pylist()) < 2971
    assert found.account["packets_read"] == 2971


def test_stream__yields_batches_of_one_schema() -> None:
    stream = flowclass.Stream(SHOWCASE, settings=MeterSettings(seed=7, idle_timeout_s=1.0))
    batches = list(stream)
    assert all(isinstance(batch, pa.RecordBatch) and batch.schema == stream.schema for batch in batches)
    assert sum(batch.num_rows for batch in batches) == stream.account["flows_created"]
    assert {call.app for call in stream.calls} >= {"whatsapp", "viber"}


def test_analyze__cut_file_is_partial_and_says_so(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(SHOWCASE.read_bytes()[:-7])
    found = flowclass.analyze(cut)
    assert found.partial
    assert "cut.pcap" in found.problems[0]


def test_analyze__what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="nothing-here"):
        flowclass.analyze(tmp_path / "nothing-here.pcap")
    with pytest.raises(UsageError):
        flowclass.analyze(SHOWCASE, bpf="no such filter")


def test_stream__gives_its_memory_back_at_once() -> None:
    gc.disable()
    try:
        stream = flowclass.Stream(SHOWCASE)
        assert sum(len(batch) for batch in stream) > 0
        gone = weakref.ref(stream)
        del stream
        assert gone() is None
    finally:
        gc.enable()


def test_import__is_light() -> None:
    code = "import sys, flowclass; print(int('numba' in sys.modules or 'pyarrow' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"0"
