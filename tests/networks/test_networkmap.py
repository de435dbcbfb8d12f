"""Networks by prefix, VLAN and TEID: against pytricia, and by what the file says."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytricia
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.errors import UsageError
from flowclass.flow.record import FLOW
from flowclass.networks.enrichment import Enrichment, EnrichmentSettings
from flowclass.networks.intervals import Intervals
from flowclass.networks.networkmap import MAX_NETWORKS, NetworkMap
from flowclass.networks.prefixfile import Network, PrefixRow
from flowclass.record.client import Client
from flowclass.record.packet import IPV4_MAPPED, TunnelKind
from flowclass.sinks.values import client_network


def words(address: str) -> tuple[int, int]:
    """Return an address as the two words of a flow's key."""
    one = ipaddress.ip_address(address)
    number = int(one) | (IPV4_MAPPED if one.version == 4 else 0)
    return number >> 64, number & (1 << 64) - 1


def flows_between(*pairs: tuple[str, str], sport: int = 40000, dport: int = 40002) -> Any:
    flows = np.zeros(len(pairs), FLOW)
    for row, (src, dst) in enumerate(pairs):
        flows["src_hi"][row], flows["src_lo"][row] = words(src)
        flows["dst_hi"][row], flows["dst_lo"][row] = words(dst)
        flows["version"][row] = ipaddress.ip_address(src).version
    flows["sport"], flows["dport"] = sport, dport
    return flows


def seen(flows: Any) -> tuple[list[int], list[int]]:
    """Return the number of the client's network and its side, by flow."""
    return client_network(flows).tolist(), flows["client"].tolist()


def marked(path: Path, text: str, *pairs: tuple[str, str], **tunnel: Any) -> list[tuple[str, Client]]:
    """Return network and client of flows between pairs of addresses, by a file of this text."""
    path.write_text(text)
    enrichment = Enrichment(EnrichmentSettings(str(path)))
    flows = flows_between(*pairs)
    for name, value in tunnel.items():
        flows[name] = value
    enrichment.mark(flows)
    return [(enrichment.names[number], Client(side)) for number, side in zip(*seen(flows), strict=True)]


@st.composite
def prefixes(draw: st.DrawFn) -> list[Any]:
    """Draw prefixes that nest: all begin alike, IPv4 and IPv6, with the extremes among them."""
    found: dict[Any, None] = {}
    for _ in range(draw(st.integers(0, 40))):
        bits = draw(st.sampled_from((32, 128)))
        length = draw(st.integers(0, bits))
        base = draw(st.sampled_from((0, (1 << bits) - 1, 0xC0000200 << (bits - 32))))
        number = (base ^ draw(st.integers(0, 1 << 12)) << draw(st.integers(0, bits - 13))) % (1 << bits)
        kind = ipaddress.IPv4Network if bits == 32 else ipaddress.IPv6Network
        found[kind((number >> (bits - length) << (bits - length), length))] = None
    return list(found)


@settings(max_examples=150, deadline=None)
@given(prefixes(), st.randoms(use_true_random=False))
def test_intervals__find_what_pytricia_finds(chosen: list[Any], random: Any) -> None:
    tries = {4: pytricia.PyTricia(32), 6: pytricia.PyTricia(128)}
    for value, prefix in enumerate(chosen, 1):
        tries[prefix.version].insert(str(prefix), value)
    edges = [end + step for p in chosen for end in (int(p[0]), int(p[-1])) for step in (-1, 0, 1)]
    asked = [str(ipaddress.IPv4Address(edge % (1 << 32))) for edge in edges]
    asked += [str(ipaddress.IPv6Address(edge % (1 << 128))) for edge in edges if not 0xFFFF << 32 <= edge < 1 << 48]
    asked += ["0.0.0.0", "255.255.255.255", "::", "f" * 4 + ":ffff" * 7]  # noqa: S104 - an address to look up
    random.shuffle(asked)
    pairs = np.array([words(address) for address in asked], np.uint64)
    got = Intervals((prefix, value) for value, prefix in enumerate(chosen, 1)).find(pairs[:, 0], pairs[:, 1])
    expected = [tries[ipaddress.ip_address(address).version].get(address) or 0 for address in asked]
    assert got.tolist() == expected


def test_client__is_the_side_in_the_file(tmp_path: Path) -> None:
    text = "prefix,operator,access,region\n198.51.100.0/24,Blue,mobile,north\n2001:db8::/32,Green,fibre,\n"
    assert marked(
        tmp_path / "p.csv",
        text,
        ("198.51.100.7", "203.0.113.1"),
        ("203.0.113.1", "198.51.100.7"),
        ("2001:db8::5", "2001:4860::1"),
        ("203.0.113.1", "203.0.113.2"),
    ) == [
        ("Blue/mobile/north", Client.SOURCE),
        ("Blue/mobile/north", Client.DESTINATION),
        ("Green/fibre", Client.SOURCE),
        ("other", Client.UNKNOWN),
    ]


def test_client__of_two_subscribers_is_decided_by_port(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prefix,network\n198.51.100.0/24,blue\n203.0.113.0/24,green\n")
    flows = flows_between(("203.0.113.1", "198.51.100.7"), sport=3478)
    enrichment = Enrichment(EnrichmentSettings(str(path)))
    enrichment.mark(flows)
    assert (enrichment.names[seen(flows)[0][0]], flows["client"][0]) == ("blue", Client.DESTINATION)


def test_ipv6_default__covers_no_ipv4(tmp_path: Path) -> None:
    found = marked(tmp_path / "p.csv", "prefix,network\n::/0,six\n", ("192.0.2.1", "192.0.2.2"))
    assert found == [("other", Client.UNKNOWN)]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([], "plain"),
        ([(TunnelKind.VLAN, 12)], "by-vlan"),
        ([(TunnelKind.VLAN, 13)], "plain"),
        ([(TunnelKind.VLAN, 7), (TunnelKind.VLAN, 12)], "by-vlan"),
        ([(TunnelKind.MPLS, 12)], "plain"),
        ([(TunnelKind.GTPU, 0x1A2B)], "by-teid"),
        ([(TunnelKind.VLAN, 12), (TunnelKind.GTPU, 0x1A2B)], "by-both"),
    ],
    ids=str,
)
def test_selectors__more_specific_wins(tmp_path: Path, layers: list[tuple[int, int]], expected: str) -> None:
    text = (
        "prefix,network,vlan,teid\n192.0.2.1/32,plain,,\n192.0.2.0/24,by-vlan,12,\n"
        "*,by-teid,,0x1A2B\n192.0.2.0/25,by-both,12,0x1a2b\n"
    )
    kinds, ids = np.zeros(4, np.uint8), np.full(4, 12, np.uint32)  # what is behind the depth does not count
    for place, (kind, number) in enumerate(layers):
        kinds[place], ids[place] = kind, number
    kinds[len(layers) :] = TunnelKind.VLAN
    found = marked(
        tmp_path / "p.csv",
        text,
        ("192.0.2.1", "198.51.100.1"),
        depth=len(layers),
        tunnel_kind=kinds,
        tunnel_id=ids,
    )
    assert found[0][0] == expected


def test_selectors__without_a_match_leave_the_plain_answer(tmp_path: Path) -> None:
    text = "prefix,network,vlan\n192.0.2.0/24,plain,\n203.0.113.0/24,elsewhere,12\n"
    found = marked(
        tmp_path / "p.csv", text, ("192.0.2.1", "198.51.100.1"), depth=1, tunnel_kind=TunnelKind.VLAN, tunnel_id=12
    )
    assert found == [("plain", Client.SOURCE)]


def test_reload__keeps_numbers_of_names(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prefix,network\n192.0.2.0/24,blue\n198.51.100.0/24,green\n")
    enrichment = Enrichment(EnrichmentSettings(str(path)))
    path.write_text("prefix,network\n198.51.100.0/24,red\n192.0.2.0/24,green\n")
    enrichment.reload(enrichment.settings)
    assert enrichment.names == ("other", "blue", "green", "red")


def test_reload__of_a_bad_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prefix,network\n192.0.2.0/24,blue\n")
    enrichment = Enrichment(EnrichmentSettings(str(path)))
    path.write_text("prefix,network\n192.0.2.0/99,red\n")
    with pytest.raises(UsageError):
        enrichment.reload(enrichment.settings)
    flows = flows_between(("192.0.2.9", "203.0.113.1"))
    enrichment.mark(flows)
    assert enrichment.names[seen(flows)[0][0]] == "blue"


def test_reload__without_a_file_marks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("prefix,network\n192.0.2.0/24,blue\n")
    enrichment = Enrichment(EnrichmentSettings(str(path)))
    flows = flows_between(("192.0.2.9", "203.0.113.1"))
    enrichment.mark(flows)
    enrichment.reload(EnrichmentSettings())
    enrichment.mark(flows)
    assert (flows["client"][0], flows["network"][0].tolist()) == (0, [0, 0])


def test_names__are_limited() -> None:
    rows = [
        PrefixRow(ipaddress.IPv4Network((number, 32)), Network(f"n{number}"), None, None, number)
        for number in range(MAX_NETWORKS)
    ]
    with pytest.raises(UsageError, match=f"{MAX_NETWORKS + 1} names"):
        NetworkMap(rows)
