"""Host module: RingSource, live packets from an AF_PACKET TPACKET_V3 ring (packet(7), packet_mmap.rst of Linux).

The kernel writes frames into blocks of shared memory; `index_ring` makes references to them and the meter reads them
there. Nothing is copied. A block is handed back before the next is asked for.
"""

from __future__ import annotations

import mmap
import os
import select
import socket
import struct
from collections.abc import Iterator

import numpy as np

from flowclass.capture.block import LiveClock, PacketBlock
from flowclass.capture.index_ring import BLOCK_SEQUENCE, BLOCK_STATUS, SMALLEST_STEP, index_ring
from flowclass.capture.ringsocket import (
    ARPHRD_LOOPBACK,
    BLOCK_BYTES,
    LINKTYPES,
    PACKET_STATISTICS,
    SOL_PACKET,
    RingSettings,
    admit,
    hardware_type,
    open_rings,
)
from flowclass.record.packet import PACKET_REF

TP_STATUS_KERNEL, TP_STATUS_USER = 0, 1
#: Without packets the clock moves, and the caller hears of it, this often.
IDLE_MS = 250


class RingSource:
    """Packets of an interface, as they come; see ``block.Source`` for the attributes.

    ``blocks`` ends after ``stop``, or when the interface goes down or away: ``problems`` then says so. Empty blocks
    come while the wire is silent.

    Parameters
    ----------
    settings : how to capture
    ring : a ring opened with these settings, perhaps read by somebody before; None opens one
    sequence, skip : block in which that reader stopped, and how many of its packets it had taken

    Attributes
    ----------
    dropped : packets that the kernel could not store, since the start
    seen : packets that passed the filter, dropped ones included, since the start
    freezes : times that the kernel found the ring full and waited for a block to be handed back
    sequence : the kernel's number of the block in hand

    Raises
    ------
    CaptureError
        No such interface, no permission (CAP_NET_RAW), or the ring does not fit into memory.
    UsageError
        The filter is wrong.
    """

    filtered_packets = 0
    filtered_bytes = 0

    def __init__(
        self, settings: RingSettings, ring: socket.socket | None = None, *, sequence: int = 0, skip: int = 0
    ) -> None:
        self.settings = settings
        self.name = settings.interface
        self.problems: list[str] = []
        self.partial = False
        self.dropped = 0
        self.seen = 0
        self.freezes = 0
        self.sequence = sequence
        self._skip = skip
        self._stopped = False
        hardware = hardware_type(settings.interface)
        self._linktype = LINKTYPES.get(hardware, 1)
        self._skip_outgoing = hardware == ARPHRD_LOOPBACK
        self._blocks = settings.blocks
        self._socket = ring or open_rings(settings)[0]
        self._memory = mmap.mmap(self._socket.fileno(), self._blocks * BLOCK_BYTES)
        self._data = np.frombuffer(self._memory, np.uint8)
        self._words = self._data.view(np.uint32)
        self._refs = np.zeros(BLOCK_BYTES // SMALLEST_STEP, PACKET_REF)
        # Compiles, or loads, before there is anything to lose.
        index_ring(self._data, self._words, 0, 0, False, 0, self._refs)
        if ring is None:
            admit(self._socket, settings)

    def blocks(self) -> Iterator[PacketBlock]:
        """Give packets as they come, and an empty block now and then while none do."""
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN | select.POLLERR)
        turn, frame, clock = self._first_block(), 1, LiveClock()
        while not self._stopped:
            start = turn * BLOCK_BYTES
            status = start // 4 + BLOCK_STATUS
            if not self._words[status] & TP_STATUS_USER:
                events = poll.poll(IDLE_MS)
                if not self._words[status] & TP_STATUS_USER:
                    if any(flags & ~select.POLLIN for _, flags in events):
                        self._lost()
                        return
                    yield PacketBlock(self._data, self._refs[:0], clock.idle(), frame)
                continue
            count = index_ring(
                self._data, self._words, start, BLOCK_BYTES, self._skip_outgoing, self._linktype, self._refs
            )
            taken = self._taken(turn)
            refs = self._refs[taken:count]
            yield PacketBlock(self._data, refs, clock.at(refs), frame)
            frame += len(refs)
            self._words[status] = TP_STATUS_KERNEL
            turn = (turn + 1) % self._blocks

    def _sequences(self) -> np.ndarray:
        """Return uint64[blocks]: the kernel's numbers of the blocks, 0 for those never used."""
        words = self._words.reshape(self._blocks, BLOCK_BYTES // 4)
        return words[:, BLOCK_SEQUENCE : BLOCK_SEQUENCE + 2].copy().view(np.uint64).reshape(-1)

    def _first_block(self) -> int:
        """Return the block to begin with: the oldest that is full, else the one that the kernel fills now."""
        sequences = self._sequences()
        status = self._words.reshape(self._blocks, BLOCK_BYTES // 4)[:, BLOCK_STATUS]
        full = np.flatnonzero(status & TP_STATUS_USER)
        return int(full[sequences[full].argmin()] if full.size else sequences.argmax())

    def _taken(self, turn: int) -> int:
        """Return how many packets of a block an earlier reader took, and take its number."""
        word = turn * BLOCK_BYTES // 4 + BLOCK_SEQUENCE
        number = int(self._words[word : word + 2].view(np.uint64)[0])
        taken = self._skip if number == self.sequence else 0
        self.sequence, self._skip = number, 0
        return taken

    def _lost(self) -> None:
        """Note that the interface is down or gone."""
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        reason = os.strerror(number) if number else "the interface is gone"
        self.partial = True
        self.problems.append(f"{self.name}: capture ended: {reason}")

    def count(self) -> None:
        """Bring ``seen``, ``dropped`` and ``freezes`` up to date: the kernel's counters restart at every look."""
        # struct tpacket_stats_v3: packets (dropped ones included), drops, times the ring was full
        packets, drops, freezes = struct.unpack("@3I", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12))
        self.seen += packets
        self.dropped += drops
        self.freezes += freezes

    def stop(self) -> None:
        """End ``blocks`` after the block in hand; safe in a signal handler."""
        self._stopped = True

    def close(self) -> None:
        """Close the socket; the ring goes with its last reader."""
        self._socket.close()
