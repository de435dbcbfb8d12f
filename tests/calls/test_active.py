"""Calls in progress, from the rows of a flow table."""

from __future__ import annotations

import ipaddress
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowclass.calls.active import CALLER, SILENT_NS, calling, clients_of
from flowclass.flow.record import FLOW
from flowclass.flow.rows import BODY, HOT
from flowclass.networks.enrichment import EnrichmentSettings
from flowclass.privacy.policy import PolicySettings, RecordPolicy
from flowclass.record.packet import IPV4_MAPPED, TunnelKind
from flowclass.record.verdict import App, Kind

NOW = 1_000 * 1_000_000_000
CLIENT, OTHER, RELAY, PEER = "10.0.0.1", "192.168.7.9", "203.0.113.1", "198.51.100.7"


def words(address: str) -> tuple[int, int]:
    """Return an address as FLOW holds it."""
    number = ipaddress.ip_address(address)
    if number.version == 4:
        return 0, IPV4_MAPPED | int(number)
    return int(number) >> 64, int(number) & (1 << 64) - 1


def table(*flows: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return HOT and BODY rows: WhatsApp media of CLIENT with RELAY now, unless said otherwise."""
    hot, body = np.zeros(len(flows) + 1, HOT), np.zeros(len(flows) + 1, BODY)
    for row, flow in enumerate(flows):
        hot[row]["src_hi"], hot[row]["src_lo"] = words(flow.get("src", CLIENT))
        hot[row]["dst_hi"], hot[row]["dst_lo"] = words(flow.get("dst", RELAY))
        hot[row]["sport"], hot[row]["dport"] = flow.get("sport", 40000), flow.get("dport", 3478)
        hot[row]["in_use"], hot[row]["last_ns"] = 1, flow.get("last_ns", NOW)
        body[row]["app"], body[row]["kind"] = flow.get("app", App.WHATSAPP), flow.get("kind", Kind.CALL_MEDIA)
        body[row]["streams"] = flow.get("streams", 1)
    return hot, body


@pytest.mark.parametrize(
    ("flows", "wanted"),
    [
        pytest.param([], {}, id="none"),
        pytest.param([{}, {"dst": PEER, "dport": 9344}], {App.WHATSAPP: 1}, id="two-legs-of-one-call"),
        pytest.param([{}, {"src": OTHER}], {App.WHATSAPP: 2}, id="two-clients-of-one-relay"),
        pytest.param([{"src": RELAY, "dst": CLIENT, "sport": 3478, "dport": 40000}, {}], {App.WHATSAPP: 1}, id="ways"),
        pytest.param([{"last_ns": NOW - SILENT_NS - 1}], {}, id="silent"),
        pytest.param([{"kind": Kind.CALL_SIGNALLING, "streams": 0}], {}, id="set-up-alone"),
        pytest.param([{"kind": Kind.CALL_SIGNALLING}], {App.WHATSAPP: 1}, id="relay-with-media"),
        pytest.param([{"app": App.SKYPE}, {"app": App.TEAMS}], {App.TEAMS: 1}, id="look-alikes"),
        pytest.param([{"app": App.ZOOM}, {}], {App.WHATSAPP: 1, App.ZOOM: 1}, id="two-applications"),
    ],
)
def test_active_calls(flows: list[dict[str, Any]], wanted: dict[App, int]) -> None:
    assert Counter(App(app) for app in clients_of(calling(*table(*flows), NOW))["app"].tolist()) == wanted


@pytest.mark.parametrize(
    "flow",
    [{"src": PEER, "dst": RELAY}, {"src": RELAY, "dst": PEER}, {"src": PEER, "dst": RELAY, "sport": 3478, "dport": 9}],
    ids=["from", "to", "ports say otherwise"],
)
def test_client__is_the_side_in_the_prefix_file_as_in_records(flow: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "networks.csv"
    path.write_text(f"prefix,network\n{PEER},blue\n")
    policy = RecordPolicy(PolicySettings(EnrichmentSettings(str(path))))
    callers = calling(*table(flow), NOW)
    policy.locate(callers)
    (client,) = clients_of(callers)
    assert (client["hi"], client["lo"]) == words(PEER)
    assert policy.network_name(int(client["network"])) == "blue"


def test_network__may_be_that_of_a_vlan(tmp_path: Path) -> None:
    path = tmp_path / "networks.csv"
    path.write_text("prefix,network,vlan\n*,green,12\n")
    policy = RecordPolicy(PolicySettings(EnrichmentSettings(str(path))))
    hot, body = table({}, {"src": OTHER})
    body[0]["depth"], body[0]["tunnel_kind"][0], body[0]["tunnel_id"][0] = 1, TunnelKind.VLAN, 12
    callers = calling(hot, body, NOW)
    policy.locate(callers)
    names = {int(client["lo"]): policy.network_name(int(client["network"])) for client in clients_of(callers)}
    assert names == {words(CLIENT)[1]: "green", words(OTHER)[1]: "other"}


def test_columns__are_those_of_a_flow() -> None:
    assert all(CALLER[name] == FLOW[name] for name in CALLER.names or () if name != "app")
