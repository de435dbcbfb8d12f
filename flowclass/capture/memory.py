"""Host module: MemorySource, packets that are already in memory: for tests and for the library's callers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from flowclass.capture.block import PacketBlock
from flowclass.record.packet import PACKET_REF

#: LINKTYPE_ETHERNET.
ETHERNET = 1


class MemorySource:
    """Give a list of packets in blocks; see ``block.Source`` for the attributes.

    Parameters
    ----------
    packets : (time in ns, frame, length on the wire or None for all of it), in order
    linktype : LINKTYPE_ value of all of them
    block_packets : packets a block
    name : how messages call it

    Examples
    --------
    >>> source = MemorySource([(1_000, b"frame", None), (2_000, b"cut fra", 1500)])
    >>> [int(ref["wirelen"]) for block in source.blocks() for ref in block.refs]
    [5, 1500]
    """

    filtered_packets = 0
    filtered_bytes = 0
    partial = False

    def __init__(
        self,
        packets: Sequence[tuple[int, bytes, int | None]],
        linktype: int = ETHERNET,
        block_packets: int = 1024,
        name: str = "<memory>",
    ) -> None:
        if block_packets < 1:
            raise ValueError(f"block_packets must be at least 1, not {block_packets}")
        self.name = name
        self.problems: list[str] = []
        self._packets = packets
        self._linktype = linktype
        self._block_packets = block_packets

    def blocks(self) -> Iterator[PacketBlock]:
        """Give the packets in the order of the list."""
        now = 0
        for first in range(0, len(self._packets), self._block_packets):
            packets = self._packets[first : first + self._block_packets]
            # a writable copy, as read buffers are
            data = np.frombuffer(bytearray(b"".join(frame for _, frame, _ in packets)), np.uint8)
            refs = np.zeros(len(packets), PACKET_REF)
            offset = 0
            for ref, (ts_ns, frame, wirelen) in zip(refs, packets, strict=True):
                whole = len(frame) if wirelen is None else max(wirelen, len(frame))
                ref["ts_ns"], ref["offset"], ref["caplen"], ref["wirelen"] = ts_ns, offset, len(frame), whole
                offset += len(frame)
                now = max(now, ts_ns)
            refs["linktype"] = self._linktype
            yield PacketBlock(data, refs, now, first + 1)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
