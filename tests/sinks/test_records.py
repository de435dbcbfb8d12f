"""The text sinks write exactly the record that the slow twin writes."""

from __future__ import annotations

import csv
import ipaddress
import json
import re
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowclass.flow.record import NO_VOICE
from flowclass.record.packet import TunnelKind
from flowclass.sinks.columns import COLUMN_NAMES, FIXED_COLUMNS, Column, json_schema
from flowclass.sinks.sink import open_sink
from tests.sinks.plain import record
from tests.sinks.records import START_NS, one_flow, random_flows

DESIGN_ORDER = (
    "schema capture flow_id community_id proto src sport dst dport tunnel packets bytes fwd_packets rev_packets "
    "fwd_bytes rev_bytes start duration_s end_reason app kind confidence candidates decided_by decided_at_packet "
    "reasons voice_like_s"
)
#: More than one chunk of rows, so that the border between two is crossed.
MANY = 2500


def written(path: Path, flows: Any, verdicts: Any, capture: str = "a.pcap") -> list[dict[str, Any]]:
    """Return what a JSON Lines sink wrote, numbers with a point as Decimal."""
    sink = open_sink(str(path), None)
    sink.write(flows, verdicts, capture)
    sink.close()
    return [json.loads(line, parse_float=Decimal) for line in path.read_text().splitlines()]


def first_value(path: Path, column: str, **fields: Any) -> Any:
    return written(path, *one_flow(**fields))[0][column]


def test_seconds_of_speech_are_none_where_there_is_no_tunnel(tmp_path: Path) -> None:
    assert first_value(tmp_path / "no.jsonl", "voice_like_s", voice_like_s=NO_VOICE) is None
    assert first_value(tmp_path / "tunnel.jsonl", "voice_like_s", voice_like_s=12) == 12


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    return tmp_path / "flows.jsonl"


def test_columns_are_those_of_schema_version_1() -> None:
    assert [COLUMN_NAMES[column] for column in FIXED_COLUMNS] == DESIGN_ORDER.split()


def test_jsonl__equals_the_twin(jsonl: Path) -> None:
    flows, verdicts = random_flows(MANY)
    for got, flow, verdict in zip(written(jsonl, flows, verdicts), flows, verdicts, strict=True):
        assert got == record(flow, verdict, "a.pcap")


def test_jsonl__keeps_the_order_of_columns(jsonl: Path) -> None:
    assert list(written(jsonl, *random_flows(1))[0]) == DESIGN_ORDER.split()


def test_csv__equals_the_twin(tmp_path: Path) -> None:
    flows, verdicts = random_flows(MANY)
    path = tmp_path / "flows.csv"
    sink = open_sink(str(path), None)
    sink.write(flows, verdicts, 'odd,"name"')
    sink.close()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for got, flow, verdict in zip(rows, flows, verdicts, strict=True):
        expected = record(flow, verdict, 'odd,"name"')
        for name, value in expected.items():
            text = ";".join(value) if isinstance(value, list) else "" if value is None else str(value)
            assert got[name] == text, name


def test_records_fit_their_json_schema(jsonl: Path) -> None:
    schema = json_schema()["properties"]
    for got in written(jsonl, *random_flows(200)):
        for name, value in got.items():
            rule = schema[name]
            if "enum" in rule:
                assert value in rule["enum"]
            if "pattern" in rule and value is not None:
                assert re.search(rule["pattern"], value), name
            if "minimum" in rule and value is not None:
                assert value >= rule["minimum"], name
            if rule.get("type") == "array" and "enum" in rule["items"]:
                assert set(value) <= set(rule["items"]["enum"])


def test_start__keeps_every_nanosecond(jsonl: Path) -> None:
    assert first_value(jsonl, "start", first_ns=START_NS, last_ns=START_NS) == Decimal("1454284800.123456789")


def test_duration__may_be_negative_where_clocks_run_backward(jsonl: Path) -> None:
    assert first_value(jsonl, "duration_s", first_ns=5, last_ns=0) == Decimal("-0.000000005")


@pytest.mark.parametrize(
    ("given", "expected"), [(np.nan, "0.0000"), (1.0, "1.0000"), (2.0, "1.0000"), (0.00004, "0.0000")]
)
def test_confidence__stays_a_probability(jsonl: Path, given: float, expected: str) -> None:
    assert str(first_value(jsonl, "confidence", confidence=given)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "2001:0:0:1::1", "2001:db8::1:0:0:1", "1:0:0:2::",
        "fe80::1:2:3:4", "0:1::", "::2:0:0:0:0", "a:b:c:d:e:f:1:2",
    ],
)  # fmt: skip
def test_ipv6__is_canonical(jsonl: Path, text: str) -> None:
    number = int(ipaddress.IPv6Address(text))
    fields = {"version": 6, "src_hi": number >> 64, "src_lo": number & (1 << 64) - 1}
    assert first_value(jsonl, "src", **fields) == socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big"))


def test_ipv6__mapped_address_is_not_taken_for_ipv4(jsonl: Path) -> None:
    assert first_value(jsonl, "src", version=6, src_lo=0xFFFF_C000_0201) == "::ffff:192.0.2.1"


@pytest.mark.parametrize(("proto", "expected"), [(1, None), (58, None)])
def test_community_id__is_absent_for_icmp(jsonl: Path, proto: int, expected: None) -> None:
    assert first_value(jsonl, "community_id", proto=proto) is expected


def test_tunnel__design_example(jsonl: Path) -> None:
    kinds = [TunnelKind.VLAN, TunnelKind.MPLS, TunnelKind.GTPU, 0]
    fields = {"depth": 3, "tunnel_kind": kinds, "tunnel_id": [12, 3, 0x1A2B, 0]}
    assert first_value(jsonl, "tunnel", **fields) == "vlan:12/mpls:3/gtpu:0x1a2b"


def test_capture__may_be_any_file_name(jsonl: Path) -> None:
    name = 'a"b\\c\ud800é\n'
    assert written(jsonl, *one_flow(), capture=name)[0]["capture"] == name


def test_longest_rows_fit(jsonl: Path) -> None:
    ones = {name: np.iinfo(np.uint64).max for name in ("flow_id", "src_hi", "src_lo", "dst_hi", "dst_lo")}
    flows, verdicts = one_flow(version=6, **ones)
    flows["reasons"] = 0xFFFFFFFF
    flows["depth"], flows["tunnel_kind"], flows["tunnel_id"] = 255, TunnelKind.L2TP, 0xFFFFFFFF
    flows["bytes"] = 1 << 62
    verdicts["candidates"] = np.iinfo(np.uint64).max
    flows, verdicts = np.repeat(flows, 1024), np.repeat(verdicts, 1024)
    rows = written(jsonl, flows, verdicts)
    assert len(rows) == 1024
    assert rows[-1]["tunnel"].endswith("/+251")


def test_every_column_has_its_documentation() -> None:
    assert all(json_schema()["properties"][name]["description"] for name in COLUMN_NAMES)
    assert len(Column) == len(COLUMN_NAMES)
