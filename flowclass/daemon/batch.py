"""Host module: Batch, what a worker tells of ended flows, and its form on a stream between processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from flowclass.calls.active import CALLER
from flowclass.calls.live import LIVE
from flowclass.flow.record import FLOW, MEDIA
from flowclass.flow.sipevents import SIP_EVENT
from flowclass.model.verdict import VERDICT
from flowclass.record.field import Field, dtype_of
from flowclass.record.verdict import Kind

#: The arrays of a batch, in the order in which they follow its head.
ARRAYS = {"flows": FLOW, "verdicts": VERDICT, "media": MEDIA, "events": SIP_EVENT, "live": LIVE, "callers": CALLER}
#: Its numbers.
NUMBERS = (
    Field("now_ns", "i8", "the capture's clock", "ns"),
    Field("first_ns", "i8", "first packet ever, 0 before it", "ns"),
    Field("last_ns", "i8", "last packet", "ns"),
    Field("dropped", "u8", "packets that the kernel has dropped so far", "packet"),
    Field("both_ways", "u1", "1 once a flow, of calls or not, had packets both ways"),
    Field("is_snapshot", "u1", "1 where the live rows, even none, are all there are at now_ns"),
    Field("is_census", "u1", "1 where the callers, even none, are all there are at now_ns"),
)
HEAD = dtype_of(
    (
        *(Field(name, "u4", f"{name} rows that follow") for name in ARRAYS),
        Field("note", "u4", "bytes of UTF-8 that follow", "byte"),
        *NUMBERS,
    )
)


@dataclass
class Batch:
    """Ended flows of one worker, or none: then it tells the time.

    Attributes
    ----------
    flows, verdicts : FLOW[n], VERDICT[n]
    media : MEDIA[k], whose ``flow`` points into the flows
    events : SIP_EVENT[e] seen since the batch before
    live : LIVE[m], see ``is_snapshot``
    callers : CALLER[c], flows with media of a call now, see ``is_census``
    note : a word for the supervisor
    now_ns, first_ns, last_ns, dropped, both_ways, is_snapshot, is_census : see NUMBERS
    """

    flows: Any = field(default_factory=partial(np.zeros, 0, ARRAYS["flows"]))
    verdicts: Any = field(default_factory=partial(np.zeros, 0, ARRAYS["verdicts"]))
    media: Any = field(default_factory=partial(np.zeros, 0, ARRAYS["media"]))
    events: Any = field(default_factory=partial(np.zeros, 0, ARRAYS["events"]))
    live: Any = field(default_factory=partial(np.zeros, 0, ARRAYS["live"]))
    callers: Any = field(default_factory=partial(np.zeros, 0, ARRAYS["callers"]))
    now_ns: int = 0
    first_ns: int = 0
    last_ns: int = 0
    dropped: int = 0
    both_ways: int = 0
    is_snapshot: int = 0
    is_census: int = 0
    note: str = ""

    @property
    def weight(self) -> int:
        """How many flow records take as much memory; 0 where it brings nothing but numbers and a note."""
        others = int(self.events.nbytes + self.live.nbytes + self.callers.nbytes)
        return len(self.flows) + -(-others // FLOW.itemsize)

    @property
    def arrays(self) -> dict[str, Any]:
        """Its arrays by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    def packed(self) -> bytes:
        """Return the batch as bytes."""
        note = self.note.encode()
        head = np.zeros(1, HEAD)
        head["note"] = len(note)
        for name, rows in self.arrays.items():
            head[name] = len(rows)
        for number in NUMBERS:
            head[number.name] = getattr(self, number.name)
        return b"".join((head.tobytes(), *(rows.tobytes() for rows in self.arrays.values()), note))


def of_calls(flows: Any, verdicts: Any, media: Any) -> tuple[Any, Any, Any]:
    """Return the flows that may belong to calls, with what goes with them."""
    chosen = (verdicts["kind"] == Kind.CALL_MEDIA) | (verdicts["kind"] == Kind.CALL_SIGNALLING)
    kept = media[chosen[media["flow"]]]
    kept["flow"] = (np.cumsum(chosen) - 1)[kept["flow"]]
    return flows[chosen], verdicts[chosen], kept


class Unpacker:
    """Turns a stream of bytes into batches; what was cut off at its end is left over."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Batch]:
        """Give the batches that are complete now."""
        self._bytes += data
        while True:
            batch, size = self._first()
            if batch is None:
                return
            yield batch
            del self._bytes[:size]

    def _first(self) -> tuple[Batch | None, int]:
        if len(self._bytes) < HEAD.itemsize:
            return None, 0
        head = np.frombuffer(bytes(self._bytes[: HEAD.itemsize]), HEAD)[0]
        parts = [(name, dtype, int(head[name])) for name, dtype in ARRAYS.items()]
        size = HEAD.itemsize + int(head["note"]) + sum(dtype.itemsize * count for _, dtype, count in parts)
        if len(self._bytes) < size:
            return None, 0
        # Writable, as the meter's own arrays are: kernels are compiled for those.
        body = self._bytes[HEAD.itemsize : size]
        batch, at = Batch(), 0
        for name, dtype, count in parts:
            setattr(batch, name, np.frombuffer(body, dtype, count, at))
            at += dtype.itemsize * count
        for number in NUMBERS:
            setattr(batch, number.name, int(head[number.name]))
        batch.note = body[at:].decode(errors="replace")
        return batch, size
