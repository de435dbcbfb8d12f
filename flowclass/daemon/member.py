"""Host module: Member, a worker as its supervisor holds it: in a thread of this process, or in a process of its own."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from flowclass.daemon.batch import Batch, Unpacker
from flowclass.daemon.order import Command, Order, send
from flowclass.daemon.process import ROOM_RECORDS, WAIT_S
from flowclass.daemon.waiting import WaitingRoom
from flowclass.daemon.worker import Worker
from flowclass.errors import FlowclassError
from flowclass.metrics.row import Row

#: Bytes taken from a worker's stream at a time, and asked of the kernel for what lies between.
READ_BYTES, BETWEEN_BYTES = 1 << 20, 4 << 20


class Member(Protocol):
    """What a supervisor asks of a worker.

    Attributes
    ----------
    row : its counters, which outlive it
    """

    @property
    def row(self) -> Row: ...

    def start(self, order: Order) -> None:
        """Begin to work; the worker waits for a ring."""

    def stream(self) -> socket.socket:
        """Return what can be read when there are batches."""

    def tell(self, command: Command) -> None:
        """Give a command."""

    def batches(self) -> Iterator[Batch]:
        """Give the batches that have come."""

    def is_alive(self) -> bool:
        """Whether it works."""

    def bury(self) -> str:
        """Clear away a worker that has ended; return why it did, in words."""

    def kill(self) -> None:
        """End a worker that does not end by itself."""


class ThreadMember:
    """A worker in a thread of this process: the only one, whose memory nobody needs to share."""

    def __init__(self) -> None:
        self.row = Row()
        self._stream, self._bell = socket.socketpair()
        self._stream.setblocking(False)
        self._bell.setblocking(False)

    def start(self, order: Order) -> None:
        """Begin to work."""
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._room: WaitingRoom[Batch] = WaitingRoom(ROOM_RECORDS)
        self._error = "the packet loop ended"
        worker = Worker(order, self.row, self, self)
        worker.warm()
        self._thread = threading.Thread(target=self._work, args=(worker,), name="packets", daemon=True)
        self._thread.start()

    def _work(self, worker: Worker) -> None:
        try:
            worker.run()
        except (FlowclassError, OSError) as error:
            self._error = str(error)

    def stream(self) -> socket.socket:
        """Return what can be read when there are batches."""
        return self._stream

    def put(self, batch: Batch, *, patient: bool) -> bool:
        """Take a copy of a batch, in the worker's thread."""
        mine = replace(batch, **{name: rows.copy() for name, rows in batch.arrays.items()})
        taken = self._room.put(batch.weight, mine, WAIT_S if patient else 0.0)
        # A full bell has been heard enough.
        with contextlib.suppress(BlockingIOError):
            self._bell.send(b"!")
        return taken

    def get(self) -> Command | None:
        """Return the next command, in the worker's thread."""
        try:
            return self._commands.get_nowait()
        except queue.Empty:
            return None

    def tell(self, command: Command) -> None:
        """Give a command."""
        self._commands.put(command)

    def batches(self) -> Iterator[Batch]:
        """Give the batches that have come."""
        with contextlib.suppress(BlockingIOError):
            self._stream.recv(READ_BYTES)
        while (item := self._room.get(0.0)) is not None:
            yield item[1]

    def is_alive(self) -> bool:
        """Whether it works."""
        return self._thread.is_alive()

    def bury(self) -> str:
        """Return why the worker ended, in words."""
        return self._error

    def kill(self) -> None:
        """Leave it: it ends with this process."""


class ProcessMember:
    """A worker in a process of its own, with the counters in shared memory, commands one way and batches the other."""

    def __init__(self) -> None:
        self._memory = Row.share()
        self.row = Row(self._memory)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, order: Order) -> None:
        """Begin to work."""
        self._commands, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._stream, outbox = socket.socketpair()
        for end in (self._commands, self._stream):
            end.setblocking(False)
        outbox.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BETWEEN_BYTES)
        descriptors = (self._memory, theirs.fileno(), outbox.fileno())
        try:
            # A group of its own: what a terminal sends to the service must reach the supervisor alone.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "flowclass.daemon.process", *map(str, descriptors), order.to_json()],
                pass_fds=descriptors, stdin=subprocess.DEVNULL, process_group=0,
            )  # fmt: skip
        finally:
            theirs.close()
            outbox.close()
        self._unpacker = Unpacker()
        self._at_end = False

    def stream(self) -> socket.socket:
        """Return what can be read when there are batches."""
        return self._stream

    def tell(self, command: Command) -> None:
        """Give a command."""
        send(self._commands, command)

    def batches(self) -> Iterator[Batch]:
        """Give the batches that have come, as far as one read brings them."""
        try:
            data = self._stream.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._at_end = not data
        yield from self._unpacker.feed(data)

    def is_alive(self) -> bool:
        """Whether it works, or has left batches to be read."""
        return self._process is not None and (self._process.poll() is None or not self._at_end)

    def bury(self) -> str:
        """Clear away a worker that has ended; return why it did, in words."""
        self._commands.close()
        self._stream.close()
        code = self._process.wait() if self._process is not None else 0
        self._process = None
        if code >= 0:
            return f"exit code {code}"
        return f"signal {signal.Signals(-code).name}"

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid if self._process is not None else 0

    def kill(self) -> None:
        """End a worker that does not end by itself."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
