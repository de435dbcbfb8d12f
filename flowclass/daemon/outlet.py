"""Host module: Outlet, a record file that may fail without stopping the capture, and begins anew by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from flowclass.errors import FlowclassError
from flowclass.metrics.collector import SinkHealth

#: Seconds until a failed sink is tried again: the first time, and at most.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


class RecordFile(Protocol):
    """What a file of records can do."""

    def write(self, *records: Any) -> None:
        """Write records."""

    def close(self) -> None:
        """Finish the file."""


class Outlet:
    """Writes records to files named by a pattern.

    Parameters
    ----------
    pattern : file name; strftime codes in it begin a new file each time they change (UTC)
    begin : opens a file of records by its name: a flow sink or a call file
    what : what the metrics call it

    Attributes
    ----------
    health : records written and lost, and whether the last ones were taken

    Notes
    -----
    A file that exists is never overwritten: the new one gets a number. After a failure records are counted as lost,
    and the file is tried again after a pause that doubles up to LONGEST_PAUSE_S.
    """

    def __init__(self, pattern: str, begin: Callable[[str], RecordFile], what: str) -> None:
        self.health = SinkHealth(what)
        self._begin = begin
        self.last_error = ""
        self._pattern = pattern
        self._sink: RecordFile | None = None
        self._name = ""
        self._pause_s = FIRST_PAUSE_S
        self._retry_at = 0.0

    def write(self, count: int, *records: Any) -> None:
        """Write ``count`` records, or count them as lost; ``records`` is what the file's ``write`` takes."""
        try:
            sink = self._ready()
            if sink is not None:
                sink.write(*records)
                self.health.written += count
                self.health.up, self._pause_s = True, FIRST_PAUSE_S
                return
        except (FlowclassError, OSError) as error:
            self._fail(str(error))
        self.health.lost += count

    def close(self) -> None:
        """Finish the file."""
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except (FlowclassError, OSError) as error:
                self._fail(str(error))

    def _ready(self) -> RecordFile | None:
        """Return the sink of this moment's file, None while a failure is waited out."""
        if time.monotonic() < self._retry_at:
            return None
        name = time.strftime(self._pattern, time.gmtime())
        if self._sink is None or name != self._name:
            self.close()
            self._sink = self._begin(unused(name))
            self._name = name
        return self._sink

    def _fail(self, error: str) -> None:
        self.last_error = error
        self.health.up = False
        self._retry_at = time.monotonic() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except (FlowclassError, OSError):
                return


def unused(name: str) -> str:
    """Return the name, or the first of name-1, name-2… that no file has."""
    path = Path(name)
    number = 0
    while name != "-" and path.exists():
        number += 1
        path = Path(name).with_name(f"{Path(name).stem}-{number}{Path(name).suffix}")
    return name if number == 0 else str(path)
