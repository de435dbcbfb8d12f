"""Host module: call records as Arrow tables, for Parquet and for the library (needs pyarrow)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowclass.calls.record import CALL_COLUMNS, Call, as_dict
from flowclass.sinks.arrow import require_pyarrow
from flowclass.sinks.parquet import GroupWriter
from flowclass.sinks.sink import Output

#: Calls gathered before a row group is written: a call takes some kilobytes until then.
CALL_GROUP = 1 << 13


def _stream_type(pa: Any) -> Any:
    """Return the Arrow type of one stream of a call."""
    words, counts = (
        ("direction", "kind", "codec_guess"),
        ("ssrc", "payload_type", "clock_hz", "packets", "lost", "reordered", "duplicates"),
    )
    reals = ("loss", "burst_ratio", "jitter_s", "jitter_max_s", "frame_ms", "far_loss", "far_jitter_s", "rtt_s")
    kinds = ((words, pa.string()), (counts, pa.int64()), (reals, pa.float64()))
    return pa.struct([(name, kind) for names, kind in kinds for name in names])


def _schema(pa: Any) -> Any:
    """Return the Arrow schema of call records."""
    kinds = {
        "str": pa.string(), "list[str]": pa.list_(pa.string()), "float": pa.float64(), "float | None": pa.float64(),
        "int | None": pa.int64(),
        "str | None": pa.string(),
        "bool": pa.bool_(), "int": pa.int64(), "list[dict[str, Any]]": pa.list_(_stream_type(pa)),
    }  # fmt: skip
    return pa.schema([(one.name, kinds[str(one.type)]) for one in CALL_COLUMNS])


def call_table(calls: Iterable[Call]) -> Any:
    """Return calls as an Arrow table.

    Raises
    ------
    SinkError
        When pyarrow is not installed.
    """
    pa = require_pyarrow()
    return pa.Table.from_pylist([as_dict(call) for call in calls], schema=_schema(pa))


class CallGroups:
    """Write calls as row groups of CALL_GROUP or a little more.

    Raises
    ------
    SinkError
        When pyarrow is not installed, or the file cannot be written.
    """

    def __init__(self, output: Output) -> None:
        self._groups = GroupWriter(output, _schema(require_pyarrow()))
        self._waiting: list[Call] = []

    def write(self, calls: Iterable[Call]) -> None:
        """Gather calls; write whole row groups."""
        self._waiting += calls
        if len(self._waiting) >= CALL_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        """Write what was gathered."""
        self._groups.write(call_table(self._waiting))
        self._waiting = []

    def close(self) -> None:
        """Write the last group and the footer, and close the output."""
        if self._waiting:
            self._write_group()
        self._groups.close()
