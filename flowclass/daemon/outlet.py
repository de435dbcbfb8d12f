"""Host module: Outlet, a place for records with a thread of its own, which may fail or stall and hold up nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from flowclass.daemon.waiting import WaitingRoom
from flowclass.errors import FlowclassError
from flowclass.journal import Level, Log
from flowclass.metrics.health import SinkHealth

#: Seconds until a failed sink is tried again: the first time, and at most.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
#: Records that wait for a slow sink; more are lost. A flow record is about 350 bytes here.
MOST_WAITING = 131_072
#: A file whose time is over is finished this much later at the latest, when no record comes either.
LOOK_S = 1.0
#: Seconds that a sink has at the end for what still waits.
CLOSING_S = 10.0


class RecordFile(Protocol):
    """What a file of records can do."""

    def write(self, *records: Any) -> None:
        """Write records."""

    def close(self) -> None:
        """Finish the file."""


class Outlet:
    """Writes records to files named by a pattern, in a thread of its own.

    Parameters
    ----------
    pattern : file name; strftime codes in it begin a new file each time they change (UTC)
    begin : opens a file of records by its name: a flow sink or a call file
    what : what the metrics call it
    log : told when records begin to be lost, and when they are written again
    most : records that may wait

    Attributes
    ----------
    health : records written and lost, those that wait, and whether the last ones were taken

    Notes
    -----
    A file that exists is never overwritten: the new one gets a number. After a failure records are counted as lost,
    and the file is tried again after a pause that doubles up to LONGEST_PAUSE_S. Whoever hands records over never
    waits: what does not fit into the queue is counted as lost too.
    """

    def __init__(
        self,
        pattern: str,
        begin: Callable[[str], RecordFile],
        what: str,
        log: Log,
        most: int = MOST_WAITING,
    ) -> None:
        self.health = SinkHealth(what)
        self.pattern = pattern
        self._begin = begin
        self._log = log
        self._room: WaitingRoom[tuple[Any, ...] | None] = WaitingRoom(most)
        self._in_hand = 0
        self._is_patient = False
        self._sink: RecordFile | None = None
        self._name = ""
        self._pause_s = FIRST_PAUSE_S
        self._retry_at = 0.0
        self._thread = threading.Thread(target=self._work, name=f"sink-{what}", daemon=True)

    def start(self, *nothing: Any) -> None:
        """Open the file and write no records to it, which loads the sink's kernels; then begin to work."""
        self._write(0, nothing)
        self._thread.start()

    def put(self, count: int, *records: Any) -> None:
        """Take ``count`` records, as the file's ``write`` takes them, or count them as lost; waits only at the end."""
        if not self._room.put(count, records, CLOSING_S if self._is_patient else 0.0):
            self.health.overflowed += count
            self._is_patient = False
        self.health.waiting = self._room.records

    def be_patient(self) -> None:
        """From now on nobody is held up: wait for a slow sink, until one wait was in vain."""
        self._is_patient = True

    def close(self) -> None:
        """Write what waits, and finish the file; what takes longer than CLOSING_S is lost."""
        self._room.put(0, None)
        self._thread.join(CLOSING_S)
        if self._thread.is_alive():
            left = self._room.records + self._in_hand
            self.health.overflowed += left
            self._log(f"{self.health.name}: {left} records are lost: the sink does not take them")

    def _work(self) -> None:
        """Write records until there are no more."""
        while True:
            item = self._room.get(LOOK_S)
            if item is None:
                self._finish_over()
                continue
            self._in_hand, records = item
            if records is None:
                break
            self._write(self._in_hand, records)
            self._in_hand = 0
            self.health.waiting = self._room.records
        self._finish()

    def _write(self, count: int, records: tuple[Any, ...]) -> None:
        try:
            sink = self._ready()
            if sink is not None:
                sink.write(*records)
                self.health.written += count
                if not self.health.up:
                    self._log(f"{self.health.name}: records are written again", Level.INFO)
                self.health.up, self._pause_s = True, FIRST_PAUSE_S
                return
        except (FlowclassError, OSError) as error:
            self._fail(str(error))
        self.health.lost += count

    def _finish(self) -> None:
        """Finish the file."""
        sink, self._sink = self._sink, None
        if sink is not None:
            try:
                sink.close()
            except (FlowclassError, OSError) as error:
                self._fail(str(error))

    def _finish_over(self) -> None:
        """Finish a file whose time is over: whoever waits for it need not wait for a record of the next."""
        if self._sink is not None and self._name_now() != self._name:
            self._finish()

    def _name_now(self) -> str:
        return time.strftime(self.pattern, time.gmtime())

    def _ready(self) -> RecordFile | None:
        """Return the sink of this moment's file, None while a failure is waited out."""
        if time.monotonic() < self._retry_at:
            return None
        name = self._name_now()
        if self._sink is None or name != self._name:
            self._finish()
            self._sink = self._begin(unused(name))
            self._name = name
        return self._sink

    def _fail(self, error: str) -> None:
        if self.health.up:
            self._log(f"{self.health.name}: records are being lost: {error}")
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
