"""The two ends of flows: text, the client's, relays."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
import pytest

from flowclass.calls.ends import (
    LOW_WORD,
    NOBODY_KNOWS,
    PRIVATE,
    SOURCE,
    TARGET,
    client_ends,
    is_private,
    relayed,
    texts,
)
from flowclass.flow.record import FLOW
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.verdict import App


def words(*addresses: str) -> tuple[Any, Any]:
    """Return addresses as uint64[n] of words."""
    parsed = [ipaddress.ip_address(text) for text in addresses]
    numbers = [int(one) | (IPV4_MAPPED if one.version == 4 else 0) for one in parsed]
    return tuple(
        np.array(column, np.uint64) for column in zip(*((n >> 64, n & LOW_WORD) for n in numbers), strict=True)
    )


@pytest.mark.parametrize("address", ["1.0.0.0", "10.0.0.255", "::", "::1", "::1.2.3.4", "2001:db8::8:0:0:1", "fe80::1"])
def test_texts__are_those_of_ipaddress(address: str) -> None:
    assert texts(*words("192.0.2.1", address)) == ["192.0.2.1", str(ipaddress.ip_address(address))]


@pytest.mark.parametrize("network", PRIVATE)
def test_private__networks_end_where_they_end(network: str) -> None:
    one = ipaddress.ip_network(network)
    assert is_private(*words(str(one[0]), str(one[-1]))).tolist() == [True, True]
    beyond = [number for number in (int(one[0]) - 1, int(one[-1]) + 1) if 0 <= number < 1 << one.max_prefixlen]
    kind = type(one[0])
    assert not any(is_private(*words(*(str(kind(number)) for number in beyond))))


@pytest.mark.parametrize("address", ["8.8.8.8", "100.128.0.1", "2a00::1"])
def test_private__is_not_the_rest(address: str) -> None:
    assert is_private(*words(address)).tolist() == [False]


def flow(src: str, sport: int, dst: str, dport: int) -> Any:
    """Return FLOW[1] between two sockets."""
    found = np.zeros(1, FLOW)
    found["src_hi"], found["src_lo"] = words(src)
    found["dst_hi"], found["dst_lo"] = words(dst)
    found["sport"], found["dport"] = sport, dport
    return found


@pytest.mark.parametrize(
    ("app", "src", "sport", "dst", "dport", "end"),
    [
        (App.WHATSAPP, "10.0.0.1", 3478, "8.8.8.8", 9, SOURCE),  # the private address, whatever the ports
        (App.WHATSAPP, "8.8.8.8", 9, "fd00::1", 9, TARGET),
        (App.TELEGRAM, "8.8.8.8", 600, "9.9.9.9", 443, TARGET),  # a relay of the application before any server
        (App.RTP, "8.8.8.8", 9, "9.9.9.9", 5060, SOURCE),
        (App.TELEGRAM, "8.8.8.8", 443, "9.9.9.9", 9, TARGET),
        (App.DISCORD, "8.8.8.8", 9, "9.9.9.9", 9, SOURCE),  # never between peers: who spoke first
        (App.RTP, "10.0.0.1", 9, "10.0.0.2", 9, NOBODY_KNOWS),
    ],
)
def test_client_ends(app: App, src: str, sport: int, dst: str, dport: int, end: int) -> None:
    assert client_ends(np.array([app]), flow(src, sport, dst, dport)).tolist() == [end]


def test_relayed() -> None:
    apps = np.array([App.DISCORD, App.TEAMS, App.TEAMS, App.ZOOM, App.RTP])
    assert relayed(apps, np.array([9, 3478, 9344, 8810, 3478])) == [True, True, False, True, None]
