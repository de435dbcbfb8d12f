"""Host module: Order, what a worker is told at its start, and Command, what it is told later, as JSON."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from typing import Any

from flowclass.capture.ringsocket import RingSettings
from flowclass.errors import CaptureError
from flowclass.flow.state import MeterSettings

#: Longest command; it is written and read in one piece.
LONGEST = 65_536


@dataclass(frozen=True)
class Order:
    """What a worker is to do.

    Attributes
    ----------
    capture : how to capture
    method : ``ring`` or ``libpcap``
    meter : see MeterSettings
    model : folder of a model bundle, None for the shipped one
    all_flows : whether somebody takes records of all flows, or of calls alone
    words : whether somebody takes records that tell in words why the model decided
    """

    capture: RingSettings
    method: str
    meter: MeterSettings
    model: str | None
    all_flows: bool
    words: bool

    def to_json(self) -> str:
        """Return the order as text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Return the order of a text."""
        values = json.loads(text)
        values["capture"] = RingSettings(**values["capture"])
        values["meter"] = MeterSettings(**values["meter"])
        return cls(**values)


@dataclass(frozen=True)
class Command:
    """What a worker is told while it runs.

    Attributes
    ----------
    what : ``capture`` (from the ring that comes with it, or by libpcap), ``model`` (use the bundle in ``folder``),
        ``meter`` (use these time-outs), ``stop`` (drain and end) or ``die`` (the supervisor has gone)
    folder : of a model bundle, None for the shipped one
    ring : an open ring
    generation : number of this opening of the interface
    sequence, skip : where the reader before stopped (RingSource)
    timeouts : idle, active and linger time-out in s
    """

    what: str
    folder: str | None = None
    ring: socket.socket | None = None
    generation: int = 0
    sequence: int = 0
    skip: int = 0
    timeouts: tuple[float, float, float] | None = None


class Orders:
    """A worker's end of the line on which commands come from another process.

    Parameters
    ----------
    line : SOCK_SEQPACKET socket
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        # recv_fds of Python 3.11 takes flags and forgets them.
        line.setblocking(False)

    def get(self) -> Command | None:
        """Return the next command if there is one."""
        try:
            text, descriptors, _, _ = socket.recv_fds(self._line, LONGEST, 1)
        except BlockingIOError:
            return None
        except OSError:
            return Command("die")
        if not text:
            return Command("die")
        values: dict[str, Any] = json.loads(text)
        if values.get("timeouts"):
            values["timeouts"] = tuple(values["timeouts"])
        return Command(**values, ring=socket.socket(fileno=descriptors[0]) if descriptors else None)


def send(line: socket.socket, command: Command) -> None:
    """Send a command; a worker that has died meanwhile does not get it.

    Raises
    ------
    CaptureError
        The worker does not take its commands.
    """
    values = {name: getattr(command, name) for name in ("what", "folder", "generation", "sequence", "skip", "timeouts")}
    try:
        socket.send_fds(line, [json.dumps(values).encode()], [command.ring.fileno()] if command.ring else [])
    except BlockingIOError as error:
        raise CaptureError("a worker does not take its commands") from error
    except OSError:
        return
