"""Host module: records as JSON Lines, one object a line."""

from __future__ import annotations

import json
from collections.abc import Sequence

from flowclass.sinks.columns import COLUMN_NAMES, FIXED_COLUMNS, Column
from flowclass.sinks.format import Format, Marks, prefixed

MARKS = Marks(row_end=b"}\n", null=b"null", brackets=b"[]", separator=b",", quote=b'"')


def jsonl_format(capture: str, columns: Sequence[Column] = FIXED_COLUMNS, networks: Sequence[str] = ()) -> Format:
    """Return how a record of ``capture`` is written; bytes of a file name that are no text become JSON escapes."""
    return Format(prefixed(_key, json.dumps(capture).encode(), columns), MARKS, networks)


def _key(column: Column) -> bytes:
    return (("," if column else "{") + json.dumps(COLUMN_NAMES[column]) + ":").encode()
