"""What is hidden of flows and calls, and that nothing written gives the rest away."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from yacryptopan import CryptoPAn

from flowclass.calls.batch import Calls
from flowclass.errors import UsageError
from flowclass.flow.record import FLOW
from flowclass.privacy.anonymizer import Anonymizer
from flowclass.sinks.sink import open_sink
from tests.calls.records import call_with
from tests.sinks.plain import address, community
from tests.sinks.records import random_flows

KEY = bytes(range(32))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    return path


def sides(flow: Any) -> list[str]:
    version = int(flow["version"])
    return [address(version, int(flow[f"{side}_hi"]), int(flow[f"{side}_lo"])) for side in ("src", "dst")]


def test_flows__have_addresses_as_yacryptopan_has_them() -> None:
    flows, _ = random_flows(30)
    before = flows.copy()
    Anonymizer(KEY).hide(flows)
    oracle = CryptoPAn(KEY)
    for flow, old in zip(flows, before, strict=True):
        expected = [str(ipaddress.ip_address(oracle.anonymize(str(side)))) for side in sides(old)]
        assert sides(flow) == expected


def test_flows__keep_all_but_addresses_and_identifiers() -> None:
    flows, _ = random_flows(30)
    before = flows.copy()
    Anonymizer(KEY).hide(flows)
    changed = {name for name in FLOW.names or () if not np.array_equal(flows[name], before[name])}
    assert changed == {"src_hi", "src_lo", "dst_hi", "dst_lo", "flow_id"}


def test_flow_id__depends_on_the_key_and_keeps_flows_apart() -> None:
    flows, _ = random_flows(200)
    flows["flow_id"][1] = flows["flow_id"][0]
    ids = []
    for key in (KEY, KEY, KEY[::-1]):
        hidden = flows.copy()
        Anonymizer(key).hide(hidden)
        ids.append(hidden["flow_id"])
    assert np.array_equal(ids[0], ids[1])
    assert not (ids[0] == ids[2]).any()
    assert not np.isin(ids[0], flows["flow_id"]).any()
    assert len(set(ids[0].tolist())) == 199


def test_linked_flow__is_the_hidden_id_of_that_flow_and_0_stays() -> None:
    flows, _ = random_flows(2)
    flows["linked_flow"] = [0, flows["flow_id"][0]]
    Anonymizer(KEY).hide(flows)
    assert flows["linked_flow"].tolist() == [0, int(flows["flow_id"][0])]


def test_community_id__is_of_the_hidden_addresses(tmp_path: Path) -> None:
    flows, verdicts = random_flows(40)
    Anonymizer(KEY).hide(flows)
    sink = open_sink(str(tmp_path / "flows.jsonl"), None)
    sink.write(flows, verdicts, "a.pcap")
    sink.close()
    for line, flow in zip((tmp_path / "flows.jsonl").read_text().splitlines(), flows, strict=True):
        got = json.loads(line)
        assert got["community_id"] == community(flow, got["src"], got["dst"])
        assert [got["src"], got["dst"]] == sides(flow)


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "0.0.0.0", "::"])  # noqa: S104 - addresses to hide
def test_address_as_text__is_as_in_a_flow(text: str) -> None:
    assert Anonymizer(KEY).hide_address(text) == str(ipaddress.ip_address(CryptoPAn(KEY).anonymize(text)))


def test_key_file__is_read(key_file: Path) -> None:
    assert Anonymizer.read(str(key_file)).hide_address("192.0.2.1") == Anonymizer(KEY).hide_address("192.0.2.1")


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_key_of_another_length__is_refused(key_file: Path, size: int) -> None:
    key_file.write_bytes(bytes(size))
    with pytest.raises(UsageError, match="is no key of 32 bytes: make one with"):
        Anonymizer.read(str(key_file))


def test_missing_key__is_named() -> None:
    with pytest.raises(UsageError, match="cannot read the key /nowhere"):
        Anonymizer.read("/nowhere")


def test_call__names_its_flows_as_their_records_do() -> None:
    flows, _ = random_flows(3)
    ids = [f"{number:016x}" for number in flows["flow_id"].tolist()]
    anonymizer = Anonymizer(KEY)
    (hidden,) = anonymizer.hide_calls(Calls.of([call_with(call_id=ids[0], flows=ids)]))
    anonymizer.hide(flows)
    assert [hidden.call_id, hidden.flows] == [
        f"{flows['flow_id'][0]:016x}",
        [f"{number:016x}" for number in flows["flow_id"].tolist()],
    ]
