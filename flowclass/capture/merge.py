"""Host module: MergedSource, several inputs as one capture in time order.

The inputs are sorted by their first packet. An input is opened when the time of those before it reaches its first
packet, so inputs that follow one another are read one after another, and only those that overlap are merged.

The merge key of a packet is the latest time met in its input so far: a file whose clock steps back keeps its own
order and delays nobody. Equal keys keep the order of the inputs as given. The result does not depend on block sizes.
All open inputs read into slots of one arena, so a merged block is a new list of refs and no frame is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.capture.block import PacketBlock
from flowclass.capture.formats import open_reader
from flowclass.capture.reader import Reader
from flowclass.capture.stream import Input, can_reopen, input_name
from flowclass.capture.window import buffer_bytes

#: Bytes read to find an input's first packet.
_PEEK_BYTES = 16_384
#: Interface indexes of input i start at i << 16 (an input describes at most 65,536).
_INTERFACE_SHIFT = 16


@dataclass(slots=True)
class _Waiting:
    """An input that is not being merged yet."""

    order: int
    item: Input
    first_ns: int
    reader: Reader | None  #: kept when the input cannot be opened a second time
    count: int


class _Active:
    """An input being merged: its reader and what is left of its block.

    ``keys`` are the merge keys of the rows [at, count) of ``reader.refs``; ``slot`` is its place in the arena.
    """

    def __init__(self, waiting: _Waiting, reader: Reader, slot: int) -> None:
        self.order = waiting.order
        self.reader = reader
        self.slot = slot
        self.at = 0
        self.count = 0
        self.keys: Any = np.zeros(0, np.int64)
        self._latest = -(2**63)
        if waiting.reader is not None:
            self._take(waiting.count)

    def load(self) -> bool:
        """Make sure that a packet is left; False at the end of the input."""
        return self.at < self.count or self._take(self.reader.read())

    def _take(self, count: int) -> bool:
        self.at, self.count = 0, count
        if count:
            self.keys = np.maximum.accumulate(self.reader.refs["ts_ns"][:count])
            np.maximum(self.keys, self._latest, out=self.keys)
            self._latest = int(self.keys[-1])
        return count > 0

    def ready(self, horizon: int, including: bool) -> int:
        """Return the end of the rows whose key is below the horizon, or at it when ``including``."""
        return int(np.searchsorted(self.keys[: self.count], horizon, side="right" if including else "left"))


class MergedSource:
    """Several inputs as one capture; see ``block.Source`` for the attributes.

    Parameters
    ----------
    inputs : paths, ``-`` at most once, file objects
    block_bytes : most bytes read at once from one input
    """

    filtered_packets = 0
    filtered_bytes = 0

    def __init__(self, inputs: Sequence[Input], block_bytes: int) -> None:
        self.name = f"{input_name(inputs[0])} and {len(inputs) - 1} more"
        self.problems: list[str] = []
        self.partial = False
        self._block_bytes = block_bytes
        self._slot_bytes = buffer_bytes(block_bytes)
        self._arena: Any = np.zeros(0, np.uint8)
        self._active: list[_Active] = []
        self._waiting: list[_Waiting] = []
        try:
            for order, item in enumerate(inputs):
                self._peek(order, item)
        except BaseException:
            self.close()
            raise
        self._waiting.sort(key=lambda waiting: (waiting.first_ns, waiting.order))

    def blocks(self) -> Iterator[PacketBlock]:
        """Give the packets of all inputs in time order."""
        frame, now = 1, 0
        while (refs := self._next()) is not None:
            for active in self._active:
                if active.at:
                    now = max(now, int(active.keys[active.at - 1]))
            yield PacketBlock(self._arena, refs, now, frame)
            frame += len(refs)

    def close(self) -> None:
        """Close every input that is open."""
        for waiting in self._waiting:
            if waiting.reader is not None:
                waiting.reader.close()
        for active in self._active:
            active.reader.close()
        self._waiting, self._active = [], []

    def _peek(self, order: int, item: Input) -> None:
        """Find an input's first packet; one that cannot be opened twice stays open."""
        again = can_reopen(item)
        reader = open_reader(item, order << _INTERFACE_SHIFT, _PEEK_BYTES if again else self._block_bytes)
        try:
            count = reader.read()
        except BaseException:
            reader.close()
            raise
        if not count:
            self._retire(reader)
            return
        first_ns = int(reader.refs["ts_ns"][0])
        if again:
            reader.close()
        self._waiting.append(_Waiting(order, item, first_ns, None if again else reader, count))

    def _retire(self, reader: Reader) -> None:
        """Keep what was wrong with an input that has ended."""
        reader.close()
        self.problems += reader.problems
        self.partial |= reader.partial

    def _activate(self) -> None:
        """Begin to read the next waiting input, in a free slot of the arena."""
        taken = {active.slot for active in self._active}
        slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
        if (slot + 1) * self._slot_bytes > len(self._arena):
            self._grow(max(1, 2 * slot))
        waiting = self._waiting.pop(0)
        buffer = self._slot(slot)
        if waiting.reader is None:
            reader = open_reader(waiting.item, waiting.order << _INTERFACE_SHIFT, self._block_bytes, buffer)
        else:
            reader = waiting.reader
            buffer[:] = reader.window.buffer
            reader.window.buffer = buffer
        self._active.append(_Active(waiting, reader, slot))
        self._active.sort(key=lambda active: active.order)

    def _slot(self, slot: int) -> Any:
        return self._arena[slot * self._slot_bytes : (slot + 1) * self._slot_bytes]

    def _grow(self, slots: int) -> None:
        """Move the open inputs to a larger arena."""
        arena = np.zeros(slots * self._slot_bytes, np.uint8)
        arena[: len(self._arena)] = self._arena
        self._arena = arena
        for active in self._active:
            active.reader.window.buffer = self._slot(active.slot)

    def _next(self) -> Any:
        """Return the refs of the next block, pointing into the arena; None at the end."""
        while True:
            for active in list(self._active):
                if not active.load():
                    self._active.remove(active)
                    self._retire(active.reader)
            if not self._active:
                if not self._waiting:
                    return None
                self._activate()
                continue
            last = min(self._active, key=lambda active: (int(active.keys[active.count - 1]), active.order))
            horizon = int(last.keys[last.count - 1])
            if self._waiting and self._waiting[0].first_ns <= horizon:
                self._activate()
                continue
            return self._merge(horizon, last.order)

    def _merge(self, horizon: int, order: int) -> Any:
        """Return all refs that no input can precede any more, in order of (key, input, place in the input)."""
        refs, keys = [], []
        for active in self._active:
            end = active.ready(horizon, including=active.order <= order)
            if end > active.at:
                piece = active.reader.refs[active.at : end].copy()
                piece["offset"] += active.slot * self._slot_bytes
                refs.append(piece)
                keys.append(active.keys[active.at : end])
                active.at = end
        if len(refs) == 1:
            return refs[0]
        return np.concatenate(refs)[np.argsort(np.concatenate(keys), kind="stable")]
