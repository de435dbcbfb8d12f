"""Host module: CallFile, a file of call records."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from flowclass.calls.record import Call
from flowclass.errors import SinkError
from flowclass.sinks.sink import Output, format_of

COLUMNS = tuple(one.name for one in fields(Call))


class CallFile:
    """A file of call records: JSON Lines, CSV or Parquet by its ending, or standard output.

    Calls are few, so the format's library does the writing.
    """

    def __init__(self, path: str) -> None:
        self._format = format_of(path, None)
        self._output = Output(path)
        self._rows: list[dict[str, Any]] = []
        if self._format == "csv":
            self._output.write((",".join(COLUMNS) + "\n").encode())

    def write(self, calls: Iterable[Call]) -> None:
        """Write records."""
        rows = [asdict(call) for call in calls]
        if self._format == "jsonl":
            self._output.write("".join(json.dumps(row) + "\n" for row in rows).encode())
        elif self._format == "csv":
            csv.DictWriter(_Text(self._output), COLUMNS, lineterminator="\n").writerows(
                {**row, "candidates": " ".join(row["candidates"]), "streams": json.dumps(row["streams"])}
                for row in rows
            )
        else:
            self._rows += rows

    def close(self) -> None:
        """Finish the file."""
        if self._format == "parquet":
            self._output.write(_parquet(self._rows))
        self._output.close()


class _Text:
    """What the csv module writes to."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, text: str) -> int:
        return self._output.write(text.encode())


def _stream_type(pa: Any) -> Any:
    """Return the Arrow type of one stream of a call."""
    words, counts = (
        ("direction", "kind"),
        ("ssrc", "payload_type", "clock_hz", "packets", "lost", "reordered", "duplicates"),
    )
    reals = ("loss", "burst_ratio", "jitter_s", "jitter_max_s", "frame_ms")
    kinds = ((words, pa.string()), (counts, pa.int64()), (reals, pa.float64()))
    return pa.struct([(name, kind) for names, kind in kinds for name in names])


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SinkError("Parquet needs pyarrow: pip install 'flowclass[parquet]'") from error
    kinds = {
        "str": pa.string(), "list[str]": pa.list_(pa.string()), "float": pa.float64(), "float | None": pa.float64(),
        "bool": pa.bool_(), "int": pa.int64(), "list[dict[str, Any]]": pa.list_(_stream_type(pa)),
    }  # fmt: skip
    schema = pa.schema([(one.name, kinds[str(one.type)]) for one in fields(Call)])
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    return bytes(buffer.getvalue())
