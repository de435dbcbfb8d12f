"""Country and AS by databases of the forms that publishers use, and by files that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowclass.errors import UsageError
from flowclass.networks import geo
from flowclass.networks.geo import COUNTRY_CODES, Geo, asn_of, country_of
from tests.networks.databases import write_asns, write_countries, write_database
from tests.networks.test_networkmap import flows_between


@pytest.fixture
def databases(tmp_path: Path) -> tuple[str, str]:
    countries, asns = tmp_path / "country.mmdb", tmp_path / "asn.mmdb"
    write_countries(countries, {"192.0.2.0/24": "NL", "2001:db8::/32": "DE"})
    write_asns(asns, {"192.0.2.0/24": 64496, "203.0.113.0/24": 4200000000})
    return str(countries), str(asns)


def test_flows__get_country_and_as_of_both_sides(databases: tuple[str, str]) -> None:
    flows = flows_between(("192.0.2.9", "203.0.113.1"), ("2001:db8::1", "2001:db9::1"))
    Geo(*databases).mark(flows)
    assert [[COUNTRY_CODES[code] for code in row] for row in flows["country"]] == [["NL", ""], ["DE", ""]]
    assert flows["asn"].tolist() == [[64496, 4200000000], [0, 0]]


def test_one_database__leaves_the_other_column_empty(databases: tuple[str, str]) -> None:
    flows = flows_between(("192.0.2.9", "203.0.113.1"))
    Geo(None, databases[1]).mark(flows)
    assert (flows["country"].tolist(), flows["asn"].tolist()) == ([[0, 0]], [[64496, 4200000000]])


def test_ipv4_database__knows_no_ipv6(tmp_path: Path) -> None:
    path = tmp_path / "four.mmdb"
    write_database(path, {"192.0.2.0/24": {"country_code": "FR"}}, version=4)
    flows = flows_between(("192.0.2.9", "203.0.113.1"), ("2001:db8::1", "2001:db9::1"))
    Geo(str(path), None).mark(flows)
    assert [[COUNTRY_CODES[code] for code in row] for row in flows["country"]] == [["FR", ""], ["", ""]]


def test_no_flows__are_no_trouble(databases: tuple[str, str]) -> None:
    Geo(*databases).mark(flows_between())


def test_cache__is_bounded(databases: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geo, "CACHE_SIZE", 3)
    one = Geo(*databases)
    flows = flows_between(*((f"192.0.2.{number}", "203.0.113.1") for number in range(20)))
    one.mark(flows)
    assert len(one._known) <= 3
    assert set(flows["asn"][:, 0].tolist()) == {64496}


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": {"iso_code": "NL"}}, "NL"),
        ({"registered_country": {"iso_code": "NL"}}, "NL"),
        ({"country_code": "NL"}, "NL"),
        ({"country": "NL"}, "NL"),
        ({"country": "Netherlands"}, ""),
        ({"country": {"iso_code": ["NL"]}}, ""),
        ({}, ""),
        (None, ""),
        ("NL", ""),
    ],
    ids=str,
)
def test_country__of_records_as_publishers_write_them(record: Any, country: str) -> None:
    assert COUNTRY_CODES[country_of(record)] == country


@pytest.mark.parametrize(
    ("record", "asn"),
    [
        ({"autonomous_system_number": 64496}, 64496),
        ({"asn": 64496}, 64496),
        ({"asn": "AS64496"}, 64496),
        ({"asn": "64496"}, 64496),
        ({"asn": "AS9999999999"}, 0),
        ({"asn": -1}, 0),
        ({"asn": "none"}, 0),
        (None, 0),
    ],
    ids=str,
)
def test_asn__of_records_as_publishers_write_them(record: Any, asn: int) -> None:
    assert asn_of(record) == asn


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_file_that_is_no_database__is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"cannot use the database .*x\.mmdb"):
        Geo(str(path), None)
