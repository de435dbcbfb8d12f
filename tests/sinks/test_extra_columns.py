"""Columns that settings ask for: the same in every format, names of networks as of the moment of writing."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowclass.networks.enrichment import Enrichment, EnrichmentSettings
from flowclass.networks.geo import COUNTRY_CODES
from flowclass.sinks.columns import COLUMN_NAMES, EXTRA_COLUMNS, FIXED_COLUMNS, columns_with
from flowclass.sinks.sink import open_sink
from tests.networks.databases import write_asns, write_countries
from tests.sinks.plain import record
from tests.sinks.records import random_flows

#: Names that a format might trip over.
NAMES = ("plain", "two words/fibre", "Ünïcode/región", "l'été")


@pytest.fixture
def enrichment(tmp_path: Path) -> Enrichment:
    """Return an enrichment with all three files; what flows are marked with does not come from it here."""
    prefixes = tmp_path / "networks.csv"
    rows = (f"10.{number}.0.0/16,{name}" for number, name in enumerate(NAMES))
    prefixes.write_text("\n".join(["prefix,network", *rows]), encoding="utf-8")
    countries, asns = tmp_path / "country.mmdb", tmp_path / "asn.mmdb"
    write_countries(countries, {"192.0.2.0/24": "NL"})
    write_asns(asns, {"192.0.2.0/24": 64496})
    return Enrichment(EnrichmentSettings(str(prefixes), str(countries), str(asns)))


def marked_flows(n: int) -> tuple[Any, Any]:
    flows, verdicts = random_flows(n)
    draw = np.random.default_rng(3)
    flows["network"] = draw.integers(0, len(NAMES) + 1, (n, 2))
    flows["client"] = draw.integers(0, 3, n)
    flows["country"] = draw.integers(0, len(COUNTRY_CODES), (n, 2)) * draw.integers(0, 2, (n, 2))
    flows["asn"] = draw.integers(0, 1 << 32, (n, 2)) * draw.integers(0, 2, (n, 2))
    return flows, verdicts


def extra_of(flow: Any) -> dict[str, Any]:
    """Return what the columns should hold."""
    return {
        "network": ("other", *NAMES)[flow["network"][flow["client"] - 1] if flow["client"] else 0],
        "client": (None, "src", "dst")[flow["client"]],
        "src_country": COUNTRY_CODES[flow["country"][0]] or None,
        "dst_country": COUNTRY_CODES[flow["country"][1]] or None,
        "src_asn": int(flow["asn"][0]) or None,
        "dst_asn": int(flow["asn"][1]) or None,
    }


def write(path: Path, flows: Any, verdicts: Any, enrichment: Enrichment) -> Path:
    sink = open_sink(str(path), None, enrichment)
    sink.write(flows, verdicts, "a.pcap")
    sink.close()
    return path


def test_jsonl__holds_them_behind_the_others(tmp_path: Path, enrichment: Enrichment) -> None:
    flows, verdicts = marked_flows(1500)
    path = write(tmp_path / "flows.jsonl", flows, verdicts, enrichment)
    for line, flow, verdict in zip(path.read_text("utf-8").splitlines(), flows, verdicts, strict=True):
        got = json.loads(line)
        assert list(got) == list(COLUMN_NAMES)
        assert {name: got[name] for name in extra_of(flow)} == extra_of(flow)
        assert got["flow_id"] == record(flow, verdict, "a.pcap")["flow_id"]


def test_csv__holds_them_behind_the_others(tmp_path: Path, enrichment: Enrichment) -> None:
    flows, verdicts = marked_flows(300)
    path = write(tmp_path / "flows.csv", flows, verdicts, enrichment)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMN_NAMES)
    for row, flow in zip(rows, flows, strict=True):
        expected = {name: "" if value is None else str(value) for name, value in extra_of(flow).items()}
        assert {name: row[name] for name in expected} == expected


def test_parquet__holds_them_behind_the_others(tmp_path: Path, enrichment: Enrichment) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    flows, verdicts = marked_flows(300)
    table = pq.read_table(write(tmp_path / "flows.parquet", flows, verdicts, enrichment))
    assert table.column_names == list(COLUMN_NAMES)
    for row, flow in zip(table.drop_columns(["start"]).to_pylist(), flows, strict=True):
        assert {name: row[name] for name in extra_of(flow)} == extra_of(flow)


def test_columns__are_those_of_the_files_named(tmp_path: Path, enrichment: Enrichment) -> None:
    for name, columns in EXTRA_COLUMNS.items():
        settings = EnrichmentSettings(**{name: getattr(enrichment.settings, name)})
        assert tuple(columns_with(Enrichment(settings)))[len(FIXED_COLUMNS) :] == columns


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_open_sink__uses_names_of_a_reloaded_file(tmp_path: Path, enrichment: Enrichment, ending: str) -> None:
    flows, verdicts = marked_flows(1)
    flows["network"], flows["client"] = 1, 1
    path = tmp_path / f"flows.{ending}"
    sink = open_sink(str(path), None, enrichment)
    sink.write(flows, verdicts, "a.pcap")
    Path(str(enrichment.settings.file)).write_text("prefix,network\n10.0.0.0/8,newcomer\n")
    enrichment.reload(enrichment.settings)
    flows["network"] = len(NAMES) + 1
    sink.write(flows, verdicts, "a.pcap")
    sink.close()
    if ending == "parquet":
        names = pytest.importorskip("pyarrow.parquet").read_table(path)["network"].to_pylist()
    else:
        names = [json.loads(line)["network"] for line in path.read_text().splitlines()]
    assert names == ["plain", "newcomer"]
