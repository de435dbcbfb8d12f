"""The manifest keeps licensed captures once each, and no address of a host."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pcaps.manifest import COLUMNS, MANIFEST, entries, main

ROW = {
    "path": "a/x.pcap", "url": "https://example.org/x.pcap", "license": "MIT (LICENSE)", "sha256": "AB" * 32,
    "repo": "owner/name", "file_bytes": "12", "call_apps": "viber sip", "n_chat": "0", "n_notvoip": "3",
    "n_unknown": "",
}  # fmt: skip


def test_entry_has_the_columns_and_the_call_applications() -> None:
    (entry,) = entries([ROW])
    assert tuple(entry) == COLUMNS
    assert (entry["label"], entry["sha256"]) == ("sip viber", "ab" * 32)


def test_without_calls_the_kinds_are_the_label() -> None:
    (entry,) = entries([{**ROW, "call_apps": "", "n_chat": "2"}])
    assert entry["label"] == "messaging not-voip"


@pytest.mark.parametrize(
    "change",
    [
        {"license": "none stated"},
        {"license": "none stated (README has a Licence section)"},
        {"license": ""},
        {"url": "http://example.org/x.pcap"},
        {"path": "a/10.7.29.101_25.pcap"},
    ],
)
def test_left_out(change: dict[str, str]) -> None:
    assert entries([{**ROW, **change}]) == []


def test_a_version_number_is_no_address() -> None:
    assert len(entries([{**ROW, "path": "a/browser55.0.2879.0.pcap"}])) == 1


def test_one_digest_is_taken_once() -> None:
    assert [entry["name"] for entry in entries([ROW, {**ROW, "path": "b/y.pcap"}])] == ["a/x.pcap"]


def test_committed_manifest_is_sorted_and_whole() -> None:
    with MANIFEST.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    assert [row for row in rows if len(row["sha256"]) != 64 or not all(row.values())] == []


def test_committed_manifest_is_what_the_index_gives(corpus: Path, tmp_path: Path) -> None:
    again = tmp_path / "manifest.csv"
    assert main([str(corpus / "index.csv"), "--output", str(again)]) == 0
    assert again.read_bytes() == MANIFEST.read_bytes()
