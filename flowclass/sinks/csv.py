"""Host module: records as CSV (RFC 4180 quoting, newline-ended), a header line first; lists are joined by ``;``."""

from __future__ import annotations

from collections.abc import Sequence

from flowclass.sinks.columns import COLUMN_NAMES, FIXED_COLUMNS, Column
from flowclass.sinks.format import Format, Marks, prefixed

#: A field with one of these is quoted.
QUOTED_MARKS = ',"\r\n'
MARKS = Marks(row_end=b"\n", separator=b";")


def header(columns: Sequence[Column]) -> bytes:
    """Return the first line."""
    return (",".join(COLUMN_NAMES[column] for column in columns) + "\n").encode()


def csv_format(capture: str, columns: Sequence[Column] = FIXED_COLUMNS, networks: Sequence[str] = ()) -> Format:
    """Return how a record of ``capture`` is written."""
    return Format(prefixed(_comma, quoted(capture).encode(errors="surrogateescape"), columns), MARKS, networks)


def _comma(column: Column) -> bytes:
    return b"," if column else b""


def quoted(text: str) -> str:
    """Return a field as RFC 4180 §2 wants it."""
    if any(mark in text for mark in QUOTED_MARKS):
        return '"' + text.replace('"', '""') + '"'
    return text
