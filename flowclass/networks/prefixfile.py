"""Host module: read a prefix file (CSV or TOML): which prefix is whose; every mistake is named with file and line."""

from __future__ import annotations

import csv
import ipaddress
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowclass.errors import UsageError
from flowclass.networks.intervals import Prefix

COLUMNS = ("prefix", "network", "operator", "access", "region", "vlan", "teid")
#: Most rows of a file: a full Internet table is about as long, and bounded memory must hold it.
MAX_ROWS = 1_500_000
LONGEST_NAME = 48
#: Largest VLAN identifier (IEEE 802.1Q §9.6) and GTP-U TEID (3GPP TS 29.281 §5.1).
MAX_VLAN, MAX_TEID = 4094, 0xFFFFFFFF
#: Marks that some record format gives a meaning.
_FORBIDDEN = re.compile(r'[",;\\]')


@dataclass(frozen=True)
class Network:
    """One name of the closed set, and what it stands for; all but the name may be empty."""

    name: str
    operator: str = ""
    access: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class PrefixRow:
    """One row of a prefix file.

    Attributes
    ----------
    prefix : None for any address
    network : whose it is
    vlan, teid : the packets must lie in this VLAN or GTP-U tunnel, None for any
    line : where the row stands
    """

    prefix: Prefix | None
    network: Network
    vlan: int | None
    teid: int | None
    line: int


def read_prefixes(path: str) -> list[PrefixRow]:
    """Return the rows of a prefix file: TOML when its name ends in ``.toml``, CSV with a header line otherwise.

    Raises
    ------
    UsageError
        The file cannot be read, or a row is wrong or stands there twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read the prefix file {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text: {error}") from error
    cells = _toml_rows(text, path) if path.lower().endswith(".toml") else _csv_rows(text, path)
    rows: list[PrefixRow] = []
    seen: dict[tuple[Prefix | None, int | None, int | None], int] = {}
    networks: dict[str, Network] = {}
    for line, row_cells in cells:
        row = _row(row_cells, line, path)
        key = (row.prefix, row.vlan, row.teid)
        if key in seen:
            raise UsageError(f"{path}:{line}: {row_cells['prefix'] or '*'} stands in line {seen[key]} already")
        if networks.setdefault(row.network.name, row.network) != row.network:
            raise UsageError(
                f"{path}:{line}: network {row.network.name!r} had another operator, access or region above"
            )
        seen[key] = line
        rows.append(row)
        if len(rows) > MAX_ROWS:
            raise UsageError(f"{path}:{line}: more than {MAX_ROWS} rows")
    if not rows:
        raise UsageError(f"{path}: no prefix in it")
    return rows


def _csv_rows(text: str, path: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells; empty lines and those that begin with # are left out."""
    header: list[str] | None = None
    for line, text_line in enumerate(text.splitlines(), 1):
        if not text_line.strip() or text_line.startswith("#"):
            continue
        try:
            # Line by line: a quotation mark that is never closed would swallow the rest of the file.
            values = [value.strip() for value in next(csv.reader([text_line], strict=True, skipinitialspace=True))]
        except csv.Error as error:
            raise UsageError(f"{path}:{line}: {error}") from error
        if header is None:
            header = [value.lower() for value in values]
            _check_keys(header, path, line)
            continue
        if len(values) != len(header):
            raise UsageError(f"{path}:{line}: {len(values)} columns, where the header has {len(header)}")
        yield line, {**dict.fromkeys(COLUMNS, ""), **dict(zip(header, values, strict=True))}


def _toml_rows(text: str, path: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells of each ``[[prefix]]`` table."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from error
    tables = document.get("prefix")
    if not isinstance(tables, list) or set(document) != {"prefix"}:
        raise UsageError(f"{path}: expected nothing but [[prefix]] tables")
    heads = [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*prefix\s*\]\]", line)]
    heads += [0] * (len(tables) - len(heads))  # tables written inline have no line of their own
    for line, table in zip(heads, tables, strict=False):
        if not isinstance(table, dict):
            raise UsageError(f"{path}: expected nothing but [[prefix]] tables")
        _check_keys(list(table), path, line)
        for key, value in table.items():
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise UsageError(f"{path}:{line}: {key} must be text or a whole number, not {value!r}")
        yield line, {**dict.fromkeys(COLUMNS, ""), **{key: str(value).strip() for key, value in table.items()}}


def _check_keys(keys: list[str], path: str, line: int) -> None:
    for key in keys:
        if key not in COLUMNS:
            raise UsageError(f"{path}:{line}: unknown column {key!r}; known: {', '.join(COLUMNS)}")
    if len(set(keys)) < len(keys):
        raise UsageError(f"{path}:{line}: a column stands there twice")
    if not {"network", "operator"} & set(keys):
        raise UsageError(f"{path}:{line}: neither a column network nor a column operator")


def _row(cells: dict[str, str], line: int, path: str) -> PrefixRow:
    def wrong(problem: str) -> UsageError:
        return UsageError(f"{path}:{line}: {problem}")

    vlan, teid = (_number(cells[key], key, most, wrong) for key, most in (("vlan", MAX_VLAN), ("teid", MAX_TEID)))
    text = cells["prefix"]
    prefix: Prefix | None = None
    if text not in ("", "*"):
        try:
            prefix = ipaddress.ip_network(text)
        except ValueError as error:
            raise wrong(f"{text!r} is no prefix: {_hint(text, error)}") from error
    elif vlan is None and teid is None:
        raise wrong("no prefix, VLAN or TEID: the row says nothing")
    name = cells["network"] or "/".join(part for part in (cells["operator"], cells["access"], cells["region"]) if part)
    if not name:
        raise wrong("neither a network nor an operator")
    for key, value in (("network", name), *((key, cells[key]) for key in ("operator", "access", "region"))):
        if len(value) > LONGEST_NAME or not value.isprintable() or _FORBIDDEN.search(value):
            raise wrong(f'{key} {value!r} must be at most {LONGEST_NAME} printable characters without " , ; or \\')
    return PrefixRow(prefix, Network(name, cells["operator"], cells["access"], cells["region"]), vlan, teid, line)


def _hint(text: str, error: ValueError) -> str:
    """Return what is wrong with a prefix; the commonest mistake is an address instead of a network."""
    try:
        return f"bits are set behind its length; {ipaddress.ip_network(text, strict=False)} is one"
    except ValueError:
        return str(error)


def _number(text: str, key: str, most: int, wrong: Any) -> int | None:
    if not text:
        return None
    try:
        value = int(text, 0)
    except ValueError:
        raise wrong(f"{key} {text!r} is no whole number") from None
    if not 0 <= value <= most:
        raise wrong(f"{key} {value} is outside 0 to {most}")
    return value
