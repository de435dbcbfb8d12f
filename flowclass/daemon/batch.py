"""Host module: Batch, what a worker tells of ended flows, and its form on a stream between processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.flow.record import FLOW, MEDIA
from flowclass.model.verdict import VERDICT
from flowclass.record.field import Field, dtype_of
from flowclass.record.verdict import Kind

HEAD = dtype_of(
    (
        Field("flows", "u4", "FLOW and VERDICT rows that follow"),
        Field("media", "u4", "MEDIA rows that follow"),
        Field("note", "u4", "bytes of UTF-8 that follow", "byte"),
        Field("now_ns", "i8", "the capture's clock", "ns"),
        Field("first_ns", "i8", "first packet ever, 0 before it", "ns"),
        Field("last_ns", "i8", "last packet", "ns"),
        Field("dropped", "u8", "packets that the kernel has dropped so far", "packet"),
    )
)


@dataclass
class Batch:
    """Ended flows of one worker, or none: then it tells the time.

    Attributes
    ----------
    flows, verdicts : FLOW[n], VERDICT[n]
    media : MEDIA[k], whose ``flow`` points into the flows
    now_ns, first_ns, last_ns, dropped, note : see HEAD; a note is a word for the supervisor
    """

    flows: Any
    verdicts: Any
    media: Any
    now_ns: int = 0
    first_ns: int = 0
    last_ns: int = 0
    dropped: int = 0
    note: str = ""

    def packed(self) -> bytes:
        """Return the batch as bytes."""
        note = self.note.encode()
        head = np.zeros(1, HEAD)
        head["flows"], head["media"], head["note"] = len(self.flows), len(self.media), len(note)
        for name in ("now_ns", "first_ns", "last_ns", "dropped"):
            head[name] = getattr(self, name)
        return b"".join((head.tobytes(), self.flows.tobytes(), self.verdicts.tobytes(), self.media.tobytes(), note))


NOTHING = Batch(np.zeros(0, FLOW), np.zeros(0, VERDICT), np.zeros(0, MEDIA))


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
        parts = ((FLOW, int(head["flows"])), (VERDICT, int(head["flows"])), (MEDIA, int(head["media"])))
        size = HEAD.itemsize + int(head["note"]) + sum(dtype.itemsize * count for dtype, count in parts)
        if len(self._bytes) < size:
            return None, 0
        # Writable, as the meter's own arrays are: kernels are compiled for those.
        body = self._bytes[HEAD.itemsize : size]
        arrays, at = [], 0
        for dtype, count in parts:
            arrays.append(np.frombuffer(body, dtype, count, at))
            at += dtype.itemsize * count
        now_ns, first_ns, last_ns, dropped = (int(head[name]) for name in ("now_ns", "first_ns", "last_ns", "dropped"))
        note = body[at:].decode(errors="replace")
        return Batch(arrays[0], arrays[1], arrays[2], now_ns, first_ns, last_ns, dropped, note), size
