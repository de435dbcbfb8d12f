"""Calls and the prefix file: it says whose call it is, and the record has the name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowclass.calls.assembler import Assembler
from flowclass.calls.record import Call
from flowclass.networks.enrichment import EnrichmentSettings
from flowclass.privacy.policy import PolicySettings, RecordPolicy
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.verdict import App, Kind
from tests.calls.flows import S, flow

BLUE, GREEN, SERVER = "198.51.100.7", "203.0.113.9", "192.0.2.33"


def number(address: str) -> int:
    octets = [int(part) for part in address.split(".")]
    return IPV4_MAPPED | octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]


def calls_between(src: str, dst: str, policy: RecordPolicy, **fields: Any) -> list[Call]:
    """Return the calls of one flow between two addresses."""
    rows = flow(100, 160, **fields)
    rows.flows["src_hi"] = rows.flows["dst_hi"] = 0
    rows.flows["src_lo"], rows.flows["dst_lo"] = number(src), number(dst)
    policy.mark(rows.flows)
    assembler = Assembler("test", 120 * S, 1800 * S, network_name=policy.network_name)
    assembler.first_ns = 0
    assembler.add(*rows)
    return [call for calls in assembler.drain(10_000 * S) for call in policy.calls(calls)]


@pytest.fixture
def policy(tmp_path: Path) -> RecordPolicy:
    path = tmp_path / "networks.csv"
    path.write_text("prefix,network\n198.51.100.0/24,blue\n203.0.113.0/24,green\n")
    return RecordPolicy(PolicySettings(EnrichmentSettings(str(path))))


@pytest.mark.parametrize(("src", "dst"), [(BLUE, SERVER), (SERVER, BLUE)])
def test_client__is_the_side_in_the_file_whatever_the_ports_say(policy: RecordPolicy, src: str, dst: str) -> None:
    # Ports that without a file make the other side the client.
    ports = {"sport": 3478, "dport": 50000} if src == BLUE else {"sport": 50000, "dport": 3478}
    call = calls_between(src, dst, policy, **ports)[0]
    assert (call.client, call.network) == (BLUE, "blue")


def test_call_of_two_subscribers__is_of_its_clients_network(policy: RecordPolicy) -> None:
    call = calls_between(BLUE, GREEN, policy)[0]
    assert call.network == {BLUE: "blue", GREEN: "green"}[call.client]


def test_call_of_nobody_in_the_file__is_of_another_network(policy: RecordPolicy) -> None:
    assert calls_between("192.0.2.1", SERVER, policy)[0].network == "other"


def test_attempt__has_a_network(policy: RecordPolicy) -> None:
    found = calls_between(BLUE, SERVER, policy, app=App.WHATSAPP, kind=Kind.CALL_SIGNALLING, sent=(30, 30), dport=3478)
    assert [call.network for call in found] == ["blue"]


def test_without_a_file__calls_have_no_network() -> None:
    assert calls_between(BLUE, SERVER, RecordPolicy())[0].network is None
