"""Our own captures, through the command line: each labelled flow is found, and called what its label says."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
PCAPS = REPOSITORY / "pcaps"
#: Bytes of an IPv4 and a TCP header.
HEADERS_ONLY = 40


def flow_key(capture: str, row: dict[str, Any]) -> tuple[str, int, frozenset[tuple[str, int]]]:
    """Return what names a flow, whichever end came first."""
    ends = frozenset([(row["src"], int(row["sport"])), (row["dst"], int(row["dport"]))])
    return capture, int(row["proto"]), ends


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, str], list[dict[str, Any]]]]:
    """Return each row of labels.csv with the flow records of its five-tuple."""
    with (PCAPS / "labels.csv").open() as file:
        labels = list(csv.DictReader(file))
    names = sorted({row["capture"] for row in labels})
    records = tmp_path_factory.mktemp("own") / "flows.jsonl"
    subprocess.run(
        [sys.executable, "-m", "flowclass", "analyze", "--quiet", "--separate", "--flows", str(records), *names],
        cwd=PCAPS,
        check=True,
        capture_output=True,
    )
    found: dict[Any, list[dict[str, Any]]] = {}
    for line in records.read_text().splitlines():
        flow = json.loads(line)
        found.setdefault(flow_key(flow["capture"], flow), []).append(flow)
    return [(row, found.get(flow_key(row["capture"], row), [])) for row in labels]


def flows_of(labelled: Any, *kinds: str) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Give each pair of label and flow record whose label is of one of the kinds."""
    return ((row, flow) for row, flows in labelled if row["kind"] in kinds for flow in flows)


def test_every_labelled_flow_is_found_once_with_its_packets(labelled: Any) -> None:
    wrong = [
        (row["capture"], row["src"], row["sport"])
        for row, flows in labelled
        if sum(flow["packets"] for flow in flows) < int(row["packets"])
    ]
    assert wrong == []


def test_call_media_is_called_by_its_name(labelled: Any) -> None:
    pairs = list(flows_of(labelled, "call-media"))
    assert len(pairs) >= 25
    assert [(row, flow) for row, flow in pairs if (flow["app"], flow["kind"]) != (row["app"], "call-media")] == []


def test_call_signalling_is_of_its_application_or_unknown(labelled: Any) -> None:
    pairs = list(flows_of(labelled, "call-signalling"))
    assert {flow["app"] for row, flow in pairs if flow["app"] != row["app"]} <= {"unknown"}
    # A TCP connection refused: not one byte of payload to know it by.
    assert {flow["bytes"] // flow["packets"] for row, flow in pairs if flow["app"] == "unknown"} <= {HEADERS_ONLY}


def test_chat_is_of_its_application_and_no_call(labelled: Any) -> None:
    for row, flow in flows_of(labelled, "chat/other"):
        # The supernodes of the old overlay speak a cipher without a header: unknown is the honest answer.
        allowed = {"unknown", "other"} if row["app"] == "skype" else {row["app"]}
        assert flow["app"] in allowed
        assert flow["kind"] not in ("call-media", "call-signalling")


def test_nothing_else_is_called_a_call(labelled: Any) -> None:
    pairs = list(flows_of(labelled, "not-voip"))
    assert len(pairs) >= 80
    assert {flow["app"] for _, flow in pairs} <= {"other", "unknown"}
