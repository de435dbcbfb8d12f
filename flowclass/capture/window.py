"""Host module: Window, one reused read buffer over a byte stream.

Reads of about 1 MB into memory that stays in the cache beat mmap by a factor of two to three (page faults bind
mmap). A record that straddles the buffer's end is moved to the front before the next read.
"""

from __future__ import annotations

from typing import Any

from flowclass.capture.stream import Stream
from flowclass.capture.walk import MAXIMUM_BLOCK
from flowclass.errors import CaptureError

#: Bytes read at once: much less, and what a block costs in Python shows; much more, and it leaves the cache.
BLOCK_BYTES = 1 << 20


def buffer_bytes(block_bytes: int) -> int:
    """Return how much memory a window needs: one read, and the largest record that may be left from the last."""
    return block_bytes + MAXIMUM_BLOCK


class Window:
    """The bytes of a stream that are in memory.

    Parameters
    ----------
    stream : where the bytes come from
    buffer : uint8[buffer_bytes(block_bytes)], writable, owned by the caller
    block_bytes : most bytes read at once, at least 1

    Attributes
    ----------
    buffer : uint8[:]; [lo, hi) are the bytes not used yet
    offset : place of ``buffer[0]`` in the (decompressed) stream
    damage : what broke the stream, None while it is sound
    """

    def __init__(self, stream: Stream, buffer: Any, block_bytes: int) -> None:
        self.stream = stream
        self.buffer = buffer
        self.block_bytes = block_bytes
        self.lo = 0
        self.hi = 0
        self.offset = 0
        self.damage: str | None = None

    def __len__(self) -> int:
        return self.hi - self.lo

    @property
    def place(self) -> int:
        """Offset of ``lo`` in the stream."""
        return self.offset + self.lo

    def fill(self) -> bool:
        """Move what is left to the front and read once more; False at the end of the stream."""
        left = self.hi - self.lo
        if self.lo:
            self.buffer[:left] = self.buffer[self.lo : self.hi]
            self.offset += self.lo
            self.lo, self.hi = 0, left
        room = min(self.block_bytes, len(self.buffer) - left)
        if not room or self.damage is not None:
            return False
        try:
            count = self.stream.readinto(memoryview(self.buffer)[left : left + room])
        except CaptureError as error:
            self.damage = str(error)
            return False
        self.hi += count
        return count > 0

    def need(self, count: int) -> bool:
        """Read until ``count`` bytes (at most MAXIMUM_BLOCK) are there; False when the stream ends before."""
        while len(self) < count:
            if not self.fill():
                return False
        return True

    def take(self, count: int) -> bytes:
        """Return and pass over ``count`` bytes that ``need`` has made sure of."""
        data: bytes = self.buffer[self.lo : self.lo + count].tobytes()
        self.lo += count
        return data

    def skip(self, count: int) -> int:
        """Pass over ``count`` bytes; return how many were missing at the end of the stream."""
        while count:
            passed = min(count, len(self))
            self.lo += passed
            count -= passed
            if count and not self.fill():
                break
        return count
