"""Host module: ``python -m flowclass.daemon.process``: a worker in a process of its own, started by the supervisor.

Nothing of use to people: its arguments are descriptors of shared memory, of commands and of batches, and an order.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading

from flowclass.daemon.batch import Batch
from flowclass.daemon.order import Order, Orders
from flowclass.daemon.waiting import WaitingRoom
from flowclass.errors import FlowclassError
from flowclass.journal import Level, log
from flowclass.metrics.row import Row

#: Flow records that may wait between a packet loop and the supervisor; a flow takes about 350 bytes.
ROOM_RECORDS = 131_072
#: At the end a worker waits this long for room: nothing must be lost, and nobody waits for the worker any more.
WAIT_S = 60.0


class Stream:
    """Sends batches to the supervisor, in a thread of its own: a packet loop must not wait for anybody.

    Parameters
    ----------
    line : socket to the supervisor
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._room: WaitingRoom[bytes] = WaitingRoom(ROOM_RECORDS)
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, batch: Batch, *, patient: bool) -> bool:
        """Take a batch; return False when there is no room for it."""
        return self._room.put(batch.weight, batch.packed(), WAIT_S if patient else 0.0)

    def close(self) -> None:
        """Send what waits."""
        self._room.put(0, b"")
        self._thread.join()

    def _work(self) -> None:
        while (item := self._room.get()) is not None:
            if not item[1]:
                return
            try:
                self._line.sendall(item[1])
            except OSError:
                # The supervisor has gone; the worker hears of it on its other line.
                continue


def main(arguments: list[str]) -> int:
    """Work until told to stop; return the exit code."""
    # A service manager tells all processes to stop at once; the supervisor lets the worker finish first.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    memory, commands, batches = (int(text) for text in arguments[:3])
    from flowclass.daemon.worker import Worker

    line = socket.socket(fileno=commands)
    stream = Stream(socket.socket(fileno=batches))
    try:
        worker = Worker(Order.from_json(arguments[3]), Row(memory), Orders(line), stream)
        worker.warm()
        stream.start()
        worker.run()
    except FlowclassError as error:
        log(f"worker: {error}", Level.ERROR)
        return 1
    stream.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
