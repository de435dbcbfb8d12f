"""Host module: Call, one call made over the Internet, and how it is written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from flowclass.errors import SinkError
from flowclass.sinks.sink import Output, format_of


class Outcome(StrEnum):
    """How a call went, as far as the traffic tells."""

    ANSWERED = "answered"  #: media both ways for TALK_LEAST_S at least
    ONE_WAY = "one-way"  #: media one way for ONE_WAY_LEAST_S, and never the other
    UNKNOWN = "unknown"  #: too little media to say


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes
    ----------
    capture : the capture or interface it was seen in
    app : application
    candidates : applications that remain possible, app among them
    client : address of the side whose sockets joined the flows
    start : first packet of the call's flows, in s since 1970 (set-up included)
    talk_start : first moment at which media had come both ways, None when it did not
    end : last media packet, in s since 1970
    talk_s : seconds between talk_start and the last moment at which media still came both ways
    outcome : see Outcome
    cut_start, cut_end : whether media was already there when the capture began, or still there when it ended
    flows, media_flows : flows joined, and those of them that carried media
    packets_up, packets_down : media packets from and to the client; all packets of media flows without RTP
    loss_up, loss_down : share of RTP packets missing before the probe, 0 to 1; None without RTP
    bytes_up, bytes_down : IP bytes of the media flows
    """

    capture: str
    app: str
    candidates: list[str]
    client: str
    start: float
    talk_start: float | None
    end: float
    talk_s: float
    outcome: str
    cut_start: bool
    cut_end: bool
    flows: int
    media_flows: int
    packets_up: int
    packets_down: int
    loss_up: float | None
    loss_down: float | None
    bytes_up: int
    bytes_down: int


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
                {**row, "candidates": " ".join(row["candidates"])} for row in rows
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


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SinkError("Parquet needs pyarrow: pip install 'flowclass[parquet]'") from error
    kinds = {
        "str": pa.string(), "list[str]": pa.list_(pa.string()), "float": pa.float64(), "float | None": pa.float64(),
        "bool": pa.bool_(), "int": pa.int64(),
    }  # fmt: skip
    schema = pa.schema([(one.name, kinds[str(one.type)]) for one in fields(Call)])
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    return bytes(buffer.getvalue())
