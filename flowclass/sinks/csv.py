"""Host module: records as CSV (RFC 4180 quoting, newline-ended), a header line first; lists are joined by ``;``."""

from __future__ import annotations

from flowclass.sinks.columns import COLUMN_NAMES, Column
from flowclass.sinks.format import Format, Marks, prefixed

MARKS = Marks(row_end=b"\n", separator=b";")
HEADER = (",".join(COLUMN_NAMES) + "\n").encode()


def csv_format(capture: str) -> Format:
    """Return how a record of ``capture`` is written."""
    return Format(prefixed(_comma, quoted(capture).encode(errors="surrogateescape")), MARKS)


def _comma(column: Column) -> bytes:
    return b"," if column else b""


def quoted(text: str) -> str:
    """Return a field as RFC 4180 §2 wants it."""
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
