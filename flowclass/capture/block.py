"""Host module: PacketBlock and Source, the contract between where packets come from and everything after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(slots=True)
class PacketBlock:
    """Some thousands of packets, valid until the next block is requested.

    Attributes
    ----------
    data : uint8[:], C-contiguous, to be read only (one array type everywhere, so kernels compile once)
    refs : PACKET_REF[n] in the capture's order; empty when only the clock moved
    now_ns : the capture's clock after the last packet, the latest time met; it never goes back, unless a wire's
        clock is set back (LiveClock)
    first_frame : number, from 1, of ``refs[0]`` among the packets given by the source (after its filter)
    """

    data: Any
    refs: Any
    now_ns: int
    first_frame: int


class LiveClock:
    """The capture's clock on a wire: that of the packets, and between them moved on by the time that has passed.

    So a clock that somebody sets moves nothing until packets bear the new time, and then it is followed, back as well.
    """

    def __init__(self) -> None:
        self._now_ns = time.time_ns()
        self._set_at = time.monotonic_ns()

    def at(self, refs: Any) -> int:
        """Return the time after the packets PACKET_REF[n], in ns."""
        if not len(refs):
            return self.idle()
        self._now_ns, self._set_at = int(refs["ts_ns"][-1]), time.monotonic_ns()
        return self._now_ns

    def idle(self) -> int:
        """Return the time now that no packet has come."""
        return self._now_ns + time.monotonic_ns() - self._set_at


class Source(Protocol):
    """Where packets come from.

    Attributes
    ----------
    name : what was read, for people
    problems : what was wrong with it, complete after the last block
    partial : whether packets may be missing for it
    filtered_packets, filtered_bytes : packets refused by the filter, and their bytes on the wire
    """

    filtered_packets: int
    filtered_bytes: int

    @property
    def name(self) -> str: ...

    @property
    def problems(self) -> list[str]: ...

    @property
    def partial(self) -> bool: ...

    def blocks(self) -> Iterator[PacketBlock]:
        """Give the packets, once."""
        ...

    def close(self) -> None:
        """Let go of files and buffers; may be called at any time, and twice."""
        ...
