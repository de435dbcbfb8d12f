"""``flowclass analyze --networks --anonymize``: networks are those of true addresses, and none of those is written."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest
from yacryptopan import CryptoPAn

from flowclass.cli.main import main
from tests.conftest import REPOSITORY

CAPTURE = str(REPOSITORY / "pcaps" / "showcase.pcap")
KEY = bytes(range(100, 132))


def analyzed(folder: Path, *options: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Return flow and call records, and all that was written."""
    folder.mkdir()
    flows, calls = folder / "flows.jsonl", folder / "calls.jsonl"
    assert main(["analyze", "--quiet", CAPTURE, "--flows", str(flows), "--calls", str(calls), *options]) == 0
    texts = [path.read_text() for path in (flows, calls)]
    return *([json.loads(line) for line in text.splitlines()] for text in texts), "".join(texts)


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """Return options with a key, and a prefix file of one client of the capture."""
    plain, _, _ = analyzed(tmp_path / "first")
    key, networks = tmp_path / "key", tmp_path / "networks.csv"
    key.write_bytes(KEY)
    networks.write_text(f"prefix,operator\n{plain[0]['src']},Blue\n")
    return ["--networks", str(networks), "--anonymize", str(key)]


def test_network__is_that_of_the_true_address(tmp_path: Path, options: list[str]) -> None:
    plain, _, _ = analyzed(tmp_path / "plain", *options[:2])
    hidden, _, _ = analyzed(tmp_path / "hidden", *options)
    assert [flow["network"] for flow in hidden] == [flow["network"] for flow in plain]
    assert {"Blue", "other"} >= {flow["network"] for flow in plain} >= {"Blue"}


def test_addresses__are_hidden_in_flows_and_calls_alike(tmp_path: Path, options: list[str]) -> None:
    plain, plain_calls, _ = analyzed(tmp_path / "plain")
    hidden, hidden_calls, written = analyzed(tmp_path / "hidden", *options)
    oracle = CryptoPAn(KEY)

    def hide(text: str) -> str:
        return str(ipaddress.ip_address(oracle.anonymize(text)))

    for flow, old in zip(hidden, plain, strict=True):
        assert (flow["src"], flow["dst"]) == (hide(old["src"]), hide(old["dst"]))
    assert sorted(call["client"] for call in hidden_calls) == sorted(hide(call["client"]) for call in plain_calls)
    for secret in {flow[name] for flow in plain for name in ("src", "dst", "flow_id", "community_id")} - {None}:
        assert f'"{secret}"' not in written


def test_same_key__gives_the_same_records(tmp_path: Path, options: list[str]) -> None:
    assert analyzed(tmp_path / "one", *options)[2] == analyzed(tmp_path / "two", *options)[2]
