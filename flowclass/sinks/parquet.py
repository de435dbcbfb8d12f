"""Host module: records as Parquet, by pyarrow (``pip install flowclass[parquet]``); the columns are `sinks.arrow`'s."""

from __future__ import annotations

from typing import Any

from flowclass.errors import SinkError
from flowclass.networks.enrichment import Enrichment
from flowclass.sinks.arrow import ArrowFlows, require_pyarrow
from flowclass.sinks.sink import Output

#: Records gathered before a row group is written: large enough to compress, small enough for bounded memory.
ROW_GROUP = 1 << 16


class GroupWriter:
    """Row groups in a Parquet file; failures of Arrow are SinkErrors."""

    def __init__(self, output: Output, schema: Any) -> None:
        self._pa = require_pyarrow()
        self._output = output
        self._file = _ArrowFile(output)
        self._writer = self._pa.parquet.ParquetWriter(self._file, schema, compression="zstd")

    def write(self, table: Any) -> None:
        """Write an Arrow table as a row group."""
        self._guarded(lambda: self._writer.write_table(table, row_group_size=ROW_GROUP))

    def _guarded(self, action: Any) -> None:
        """Run an Arrow action; its failures are SinkErrors."""
        try:
            action()
        except (SinkError, BrokenPipeError):
            raise
        except (OSError, self._pa.ArrowException) as error:
            raise SinkError(f"cannot write records to {self._output.name}: {error}") from error

    def close(self) -> None:
        """Write the footer, and close the output."""
        self._guarded(self._writer.close)
        self._output.close()


class ParquetSink:
    """Write flow records as row groups of ROW_GROUP."""

    def __init__(self, output: Output, enrichment: Enrichment | None = None) -> None:
        self._pa = require_pyarrow()
        self._arrow = ArrowFlows(enrichment)
        self._groups = GroupWriter(output, self._arrow.schema)
        self._waiting: list[Any] = []
        self._rows = 0

    def write(self, flows: Any, verdicts: Any, capture: str) -> None:
        """Gather FLOW[n] with its VERDICT[n]; write whole row groups."""
        for lo in range(0, len(flows), ROW_GROUP):
            part = slice(lo, lo + ROW_GROUP)
            self._waiting.append(self._arrow.batch(flows[part], verdicts[part], capture))
            self._rows += len(flows[part])
            if self._rows >= ROW_GROUP:
                self._write_group()

    def _write_group(self) -> None:
        """Write what was gathered."""
        self._groups.write(self._pa.Table.from_batches(self._waiting, self._arrow.schema).unify_dictionaries())
        self._waiting, self._rows = [], 0

    def close(self) -> None:
        """Write the last group and the footer."""
        if self._waiting:
            self._write_group()
        self._groups.close()


class _ArrowFile:
    """The few file methods that pyarrow's writer calls, over an Output."""

    closed = False

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, text: bytes) -> int:
        return self._output.write(text)

    def flush(self) -> None:
        self._output.flush()

    def close(self) -> None:
        """Leave closing to the sink, which also owns standard output."""
