"""How a user names a flow."""

from __future__ import annotations

import pytest

from flowclass.cli.flowname import parse
from flowclass.errors import UsageError
from tests.sinks.records import one_flow, random_flows

V4 = 0xFFFF_0000_0000


def test_flow_id() -> None:
    flows, _ = random_flows(50)
    flows["flow_id"][7] = 0xAB
    assert parse("00000000000000aB").matches(flows).nonzero()[0].tolist() == [7]


@pytest.mark.parametrize("text", ["192.0.2.1:5000-198.51.100.7:443/udp", "198.51.100.7:443-192.0.2.1:5000/17"])
def test_tuple__either_direction(text: str) -> None:
    flows, _ = one_flow(src_lo=V4 | 0xC0000201, sport=5000, dst_lo=V4 | 0xC6336407, dport=443)
    assert parse(text).matches(flows).tolist() == [True]


@pytest.mark.parametrize("text", ["192.0.2.1:5000-198.51.100.7:443/tcp", "192.0.2.1:5001-198.51.100.7:443/udp"])
def test_tuple__another_flow(text: str) -> None:
    flows, _ = one_flow(src_lo=V4 | 0xC0000201, sport=5000, dst_lo=V4 | 0xC6336407, dport=443)
    assert parse(text).matches(flows).tolist() == [False]


def test_tuple__ipv6() -> None:
    flows, _ = one_flow(
        version=6, src_hi=0x20010DB8 << 32, src_lo=1, dst_hi=0x20010DB8 << 32, dst_lo=2, sport=1, dport=2
    )
    assert parse("[2001:db8::1]:1-[2001:db8::2]:2/udp").matches(flows).tolist() == [True]


@pytest.mark.parametrize(
    "text",
    ["", "12345", "a:1-b:2/udp", "192.0.2.1:1-192.0.2.2:70000/udp", "192.0.2.1:1-192.0.2.2:2/nosuch", "1.2.3.4:1/udp"],
)
def test_nonsense__is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)
