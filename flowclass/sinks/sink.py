"""Host module: the Sink protocol, its output file, and ``open_sink``, which picks the format."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flowclass.errors import SinkError, UsageError

if TYPE_CHECKING:
    from flowclass.networks.enrichment import Enrichment

FORMATS = ("jsonl", "csv", "parquet")
#: File endings that name a format when none is given.
ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


#: Ending of a file that must not be read yet.
UNFINISHED = ".part"


class Sink(Protocol):
    """Where records go. ``write`` may be called any number of times; ``close`` once, also after an error."""

    def write(self, flows: Any, verdicts: Any, capture: str) -> None:
        """Write FLOW[n] and VERDICT[n] of the capture named; the arrays are the caller's again afterwards."""

    def close(self) -> None:
        """Finish the file."""


class Output:
    """A file or standard output, opened for bytes; every failure is a SinkError that names it.

    After a failure the file is closed, and whatever is tried with it fails the same way. A closed pipe stays a
    BrokenPipeError: the command line ends quietly on it.

    Parameters
    ----------
    path : file name, or ``-`` for standard output
    whole : the file is of no use before it is finished: until then its name ends in UNFINISHED, and there is none after
        a failure
    """

    def __init__(self, path: str, *, whole: bool = False) -> None:
        self.name = "standard output" if path == "-" else path
        self._failure: Exception | None = None
        self._path = Path(path)
        # What is there and no file, such as a pipe, stays what it is.
        self._is_whole = whole and path != "-" and (self._path.is_file() or not self._path.exists())
        self._written = Path(path + UNFINISHED) if self._is_whole else self._path
        try:
            self._file = sys.stdout.buffer if path == "-" else self._written.open("wb", buffering=0)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> Exception:
        """Remember and return what to raise for ``error``."""
        message = f"cannot write records to {self.name}: {error.strerror or error}"
        self._failure = error if isinstance(error, BrokenPipeError) else SinkError(message)
        return self._failure

    def write(self, text: bytes | memoryview) -> int:
        """Write all bytes."""
        if self._failure is not None:
            raise self._failure
        left = memoryview(text)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            self._close_file()
            if self._is_whole:
                self._written.unlink(missing_ok=True)
            raise self._failed(error) from error
        return len(text)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        if self._failure is not None:
            raise self._failure
        try:
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Flush, and close unless it is standard output."""
        self.flush()
        try:
            self._close_file()
            if self._is_whole:
                self._written.replace(self._path)
        except OSError as error:
            raise self._failed(error) from error

    def _close_file(self) -> None:
        if self._file is not sys.stdout.buffer:
            self._file.close()


def format_of(path: str, chosen: str | None) -> str:
    """Return the format of a record file: the one chosen, else by the path's ending; JSON Lines on standard output."""
    if chosen is not None:
        return chosen
    if path == "-":
        return "jsonl"
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise UsageError(f"cannot tell the record format of {path!r}: name it with --format {'|'.join(FORMATS)}")
    return ENDINGS[ending]


def check_outputs(outputs: Sequence[tuple[str, str | None]], inputs: Sequence[str]) -> None:
    """See whether records can go to some places before any is opened, which empties a file.

    Parameters
    ----------
    outputs : path (``-`` for standard output) and chosen format of each, as for `format_of`
    inputs : files being read, which must not be overwritten

    Raises
    ------
    UsageError
        A format cannot be told, a file is one of the inputs, or two are the same.
    """
    seen: list[str] = []
    for path, chosen in outputs:
        format_of(path, chosen)
        if path == "-":
            continue
        if any(_same_file(path, other) for other in inputs):
            raise UsageError(f"{path} is one of the inputs: write the records elsewhere")
        if any(Path(path).absolute() == Path(other).absolute() or _same_file(path, other) for other in seen):
            raise UsageError(f"{path} is named for two kinds of records: give each a file of its own")
        seen.append(path)


def open_sink(path: str, chosen: str | None, enrichment: Enrichment | None = None) -> Sink:
    """Return a sink for flow records.

    Parameters
    ----------
    path : file name, or ``-`` for standard output
    chosen : one of FORMATS, or None to go by the ending
    enrichment : what adds columns; it may be reloaded while the sink is open, but the columns stay

    Raises
    ------
    UsageError
        The format cannot be told.
    SinkError
        The file cannot be opened, or the format needs a package that is missing.
    """
    name = format_of(path, chosen)
    if name == "parquet":
        from flowclass.sinks.arrow import require_pyarrow
        from flowclass.sinks.parquet import ParquetSink

        require_pyarrow()
        return ParquetSink(Output(path, whole=True), enrichment)
    from flowclass.sinks.csv import csv_format, header
    from flowclass.sinks.jsonl import jsonl_format
    from flowclass.sinks.rows import RowSink

    if name == "csv":
        return RowSink(Output(path), csv_format, header, enrichment)
    return RowSink(Output(path), jsonl_format, enrichment=enrichment)


def _same_file(path: str, other: str) -> bool:
    try:
        return Path(path).samefile(other) and Path(path).is_file()
    except OSError:
        return False
