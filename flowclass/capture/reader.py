"""Host module: Reader, what reading one pcap or pcapng input has in common, and the words for what can be wrong.

``open_reader`` picks the format by magic. A reader is driven by ``source.FileSource`` and ``merge.MergedSource``:
``read()`` fills ``refs`` once a buffer; a few lines of Python for thousands of packets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from flowclass.capture.walk import MAXIMUM_BLOCK, MAXIMUM_CAPLEN, MAXIMUM_WIRELEN, WALK, WalkStatus
from flowclass.capture.window import Window
from flowclass.record.packet import PACKET_REF

#: Rows of one block at most.
BLOCK_PACKETS = 8192

_WORDS = {
    WalkStatus.BAD_CAPLEN: "claims {detail} captured bytes (limit {caplen}, and what its block holds)",
    WalkStatus.BAD_WIRELEN: "claims {detail} bytes on the wire (limit {wirelen})",
    WalkStatus.BAD_BLOCK_LENGTH: "lies in a block of {detail} bytes (a multiple of 4 from 12 to {block} is right)",
    WalkStatus.BAD_TRAILER: "ends with the block length {detail}, not the one it began with",
    WalkStatus.BAD_INTERFACE: "names interface {detail}, which was not described before",
}


class Reader(ABC):
    """One input being read.

    Attributes
    ----------
    refs : PACKET_REF[BLOCK_PACKETS]; the first ``read()`` rows are the block's packets
    packets : whole packets read so far
    problems, partial : what was wrong, and whether packets may be missing for it
    """

    def __init__(self, window: Window, interface_base: int) -> None:
        self.window = window
        self.name = window.stream.name
        self.refs: Any = np.zeros(BLOCK_PACKETS, PACKET_REF)
        self.walk: Any = np.zeros(1, WALK)
        self.walk[0]["interface"] = interface_base
        self.packets = 0
        self.problems: list[str] = []
        self.partial = False
        self._ended = False
        self._bad_times = 0
        self._first_bad_time = ""
        self._due = WalkStatus.FULL

    @property
    def data(self) -> Any:
        """The bytes that ``refs`` point into: uint8[:], the filled part of the read buffer."""
        return self.window.buffer[: self.window.hi]

    @property
    def clock_ns(self) -> int:
        """Latest time met so far."""
        return int(self.walk[0]["clock_ns"])

    def read(self) -> int:
        """Fill ``refs`` and return how many rows; 0 at the end. Invalidates ``data`` of the call before."""
        window, row = self.window, self.walk[0]
        while True:
            self._act(self._due)
            if self._ended:
                self._tell_bad_times()
                return 0
            row["position"], row["end"] = window.lo, window.hi
            self._due = WalkStatus(self._index())
            window.lo = int(row["position"])
            count = int(row["packets"])
            if row["bad_times"]:
                self._note_bad_times(window.offset + int(row["bad_time_at"]))
            self.packets += count
            if count:
                return count

    def _note_bad_times(self, place: int) -> None:
        """Remember packets whose time did not fit: they were given the clock's."""
        self._first_bad_time = self._first_bad_time or f"the first at byte {place}"
        self._bad_times += int(self.walk[0]["bad_times"])

    def _tell_bad_times(self) -> None:
        """Say once, at the end, how many there were."""
        if self._bad_times:
            self.problems.append(
                f"{self.name}: {self._bad_times} packets, {self._first_bad_time}, have a time beyond the year 2116; "
                "they were given the time of the packet before"
            )
            self.partial = True
            self._bad_times = 0

    def _act(self, status: WalkStatus) -> None:
        """Do what the walker's last status asks for; the packets before it have been used by now."""
        if status == WalkStatus.MORE and not self.window.fill():
            self._finish()
        elif status in _WORDS:
            words = _WORDS[status].format(
                detail=int(self.walk[0]["detail"]),
                caplen=MAXIMUM_CAPLEN,
                wirelen=MAXIMUM_WIRELEN,
                block=MAXIMUM_BLOCK,
            )
            self._stop(f"packet or block after packet {self.packets}, at byte {self.window.place}, {words}")

    def _stop(self, what: str) -> None:
        """End the reading with a problem; all whole packets so far are kept."""
        self.problems.append(f"{self.name}: {what}; {self.packets} whole packets read")
        self.partial = True
        self._ended = True

    def _finish(self) -> None:
        """Tell a clean end from a cut or damaged one."""
        self._ended = True
        window = self.window
        if window.damage is not None:
            self._stop(f"unreadable beyond byte {window.offset + window.hi} of the capture ({window.damage})")
        elif len(window):
            self._stop(f"cut in the middle of {self._next_thing()} at byte {window.place}")

    def _next_thing(self) -> str:
        """Name the record that is not whole."""
        return f"packet {self.packets + 1}"

    @abstractmethod
    def _index(self) -> int:
        """Run the walker over the window; return its WalkStatus."""

    def close(self) -> None:
        """Close the stream; ``problems`` and ``partial`` stay."""
        self._ended = True
        self.window.stream.close()
