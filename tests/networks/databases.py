"""Small MaxMind databases, written in the forms that publishers use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet


def write_database(path: Path, records: dict[str, Any], version: int = 6) -> None:
    """Write a database of records by prefix."""
    writer = MMDBWriter(ip_version=version, ipv4_compatible=version == 6)
    for prefix, record in records.items():
        writer.insert_network(IPSet([prefix]), record)
    writer.to_db_file(str(path))


def write_countries(path: Path, countries: dict[str, str]) -> None:
    """Write a database as MaxMind's GeoLite2-Country."""
    write_database(path, {prefix: {"country": {"iso_code": code}} for prefix, code in countries.items()})


def write_asns(path: Path, asns: dict[str, int]) -> None:
    """Write a database as MaxMind's GeoLite2-ASN."""
    write_database(path, {prefix: {"autonomous_system_number": number} for prefix, number in asns.items()})
