"""Host module: Geo, country and autonomous system of addresses by any MaxMind database (needs maxminddb)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from flowclass.calls.ends import address
from flowclass.errors import UsageError

#: Letters of a country code (ISO 3166-1 alpha-2), and all there can be by number, none first.
_LETTERS = 26
COUNTRY_CODES = ("", *(chr(65 + i // _LETTERS) + chr(65 + i % _LETTERS) for i in range(_LETTERS * _LETTERS)))
_COUNTRY_NUMBERS = {code: number for number, code in enumerate(COUNTRY_CODES)}
#: Addresses whose answer is kept: a search takes microseconds, and relays come again and again.
CACHE_SIZE = 65_536
MAX_ASN = 0xFFFFFFFF


class Geo:
    """Country and AS by address.

    Parameters
    ----------
    country, asn : database files; None leaves that column out

    Raises
    ------
    UsageError
        A file cannot be read or is no MaxMind database, or maxminddb is not installed.
    """

    def __init__(self, country: str | None, asn: str | None) -> None:
        self._country = None if country is None else _open(country)
        self._asn = None if asn is None else _open(asn)
        self._known: dict[tuple[int, int], tuple[int, int]] = {}

    def mark(self, flows: Any) -> None:
        """Set ``country`` and ``asn`` of FLOW[n]."""
        for way, side in enumerate(("src", "dst")):
            pairs = zip(flows[f"{side}_hi"].tolist(), flows[f"{side}_lo"].tolist(), strict=True)
            found = np.array([self._find(*pair) for pair in pairs], np.uint32).reshape(-1, 2)
            flows["country"][:, way] = found[:, 0]
            flows["asn"][:, way] = found[:, 1]

    def _find(self, hi: int, lo: int) -> tuple[int, int]:
        known = self._known.get((hi, lo))
        if known is None:
            one = address(hi, lo)
            known = (
                0 if self._country is None else country_of(_get(self._country, one)),
                0 if self._asn is None else asn_of(_get(self._asn, one)),
            )
            if len(self._known) >= CACHE_SIZE:
                self._known.clear()
            self._known[hi, lo] = known
        return known

    def close(self) -> None:
        """Close the databases."""
        for database in (self._country, self._asn):
            if database is not None:
                database.close()


def country_of(record: Any) -> int:
    """Return the number of a record's country among COUNTRY_CODES, 0 for none.

    Databases differ in what they call it: MaxMind and DB-IP nest ``country.iso_code``, IPinfo and others have a flat
    ``country_code`` or ``country``.
    """
    if not isinstance(record, dict):
        return 0
    nested = [record[name] for name in ("country", "registered_country") if isinstance(record.get(name), dict)]
    codes = [*(one.get("iso_code") for one in nested), record.get("country_code"), record.get("country")]
    return next((_COUNTRY_NUMBERS[code] for code in codes if isinstance(code, str) and code in _COUNTRY_NUMBERS), 0)


def asn_of(record: Any) -> int:
    """Return a record's AS number, 0 for none: a number, or text such as ``AS64496``."""
    if not isinstance(record, dict):
        return 0
    value = record.get("autonomous_system_number", record.get("asn"))
    if isinstance(value, str) and re.fullmatch(r"(?:AS)?[0-9]{1,10}", value):
        value = int(value.removeprefix("AS"))
    return value if isinstance(value, int) and 0 <= value <= MAX_ASN else 0


def _open(path: str) -> Any:
    try:
        import maxminddb
    except ImportError as error:
        raise UsageError("country and AS need the package maxminddb: install flowclass[geo]") from error
    try:
        return maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise UsageError(f"cannot use the database {path}: {error}") from error


def _get(database: Any, one: Any) -> Any:
    """Return the record of an address; an IPv4 database knows no IPv6, and a damaged one gives nothing."""
    try:
        return database.get(one)
    except ValueError:  # InvalidDatabaseError is one too
        return None
