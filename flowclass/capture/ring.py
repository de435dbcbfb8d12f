"""Host module: RingSource, live packets from an AF_PACKET TPACKET_V3 ring (packet(7), packet_mmap.rst of Linux).

The kernel writes frames into blocks of shared memory; `index_ring` makes references to them and the meter reads them
there. Nothing is copied. A block is handed back before the next is asked for.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import select
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flowclass.capture.block import PacketBlock
from flowclass.capture.bpf import FilterError, compile_filter
from flowclass.capture.index_ring import BLOCK_STATUS, SMALLEST_STEP, TAG_BYTES, index_ring
from flowclass.errors import CaptureError, UsageError
from flowclass.record.packet import PACKET_REF

# linux/if_packet.h, linux/if_ether.h, asm/socket.h, net/if_arp.h
ETH_P_ALL = 0x0003
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, PACKET_RESERVE = 1, 5, 6, 10, 12
PACKET_FANOUT = 18
PACKET_FANOUT_HASH, PACKET_FANOUT_FLAG_DEFRAG = 0, 0x8000
TPACKET_V3 = 2
PACKET_MR_PROMISC = 1
SO_ATTACH_FILTER = 26
TP_STATUS_KERNEL, TP_STATUS_USER = 0, 1
ARPHRD_LOOPBACK = 772
#: Link type of frames by the interface's ARPHRD number: Ethernet, loopback, tun (no header), 802.11 with radiotap.
LINKTYPES = {1: 1, ARPHRD_LOOPBACK: 1, 65534: 101, 512: 101, 803: 127}
#: Bytes of one ring block; PACKET_RX_RING wants a multiple of the page size.
BLOCK_BYTES = 1 << 20
#: A frame header's room in the ring; it bounds nothing in version 3, but must divide the block.
FRAME_BYTES = 2048
#: A block that is not full is handed over after this long.
RETIRE_MS = 50
#: Without packets the clock moves, and the caller hears of it, this often.
IDLE_MS = 250
#: Longest frame that is captured whole.
LONGEST_FRAME = 65_535
#: ``ret #n`` of classic BPF.
BPF_RET = 0x06
_VLAN = re.compile(r"\bvlan\b")


@dataclass(frozen=True)
class RingSettings:
    """How to capture.

    Attributes
    ----------
    interface : name
    ring_bytes : memory shared with the kernel, split into blocks of BLOCK_BYTES
    snap_bytes : bytes of a frame that are captured
    promiscuous : see also what is not for this host, as a mirror port needs
    filter : libpcap expression, run by the kernel; None takes all
    fanout : group number shared by several rings that split the traffic by flow; None for a ring of its own
    """

    interface: str
    ring_bytes: int = 64 << 20
    snap_bytes: int = LONGEST_FRAME
    promiscuous: bool = True
    filter: str | None = None
    fanout: int | None = None


class RingSource:
    """Packets of an interface, as they come; see ``block.Source`` for the attributes.

    ``blocks`` ends after ``stop``, or when the interface goes down or away: ``problems`` then says so. Empty blocks
    come while the wire is silent.

    Attributes
    ----------
    dropped : packets that the kernel could not store, since the start
    seen : packets that passed the filter, dropped ones included, since the start

    Raises
    ------
    CaptureError
        No such interface, no permission (CAP_NET_RAW), or the ring does not fit into memory.
    UsageError
        The filter is wrong.
    """

    filtered_packets = 0
    filtered_bytes = 0

    def __init__(self, settings: RingSettings) -> None:
        self.settings = settings
        self.name = settings.interface
        self.problems: list[str] = []
        self.partial = False
        self.dropped = 0
        self.seen = 0
        self._stopped = False
        hardware = _hardware_type(settings.interface)
        if hardware not in LINKTYPES:
            raise CaptureError(f"{self.name}: frames of hardware type {hardware} cannot be read from a ring")
        self._linktype = LINKTYPES[hardware]
        self._skip_outgoing = hardware == ARPHRD_LOOPBACK
        self._blocks = max(2, settings.ring_bytes // BLOCK_BYTES)
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        except PermissionError as error:
            raise CaptureError(
                f"{self.name}: no permission to capture: run as root or with the capability CAP_NET_RAW"
            ) from error
        try:
            self._open()
        except OSError as error:
            self._socket.close()
            raise CaptureError(f"{self.name}: cannot capture: {error.strerror or error}") from error
        except BaseException:
            self._socket.close()
            raise

    def _open(self) -> None:
        chosen = self.settings
        self._attach(_program(chosen.filter, self._linktype, chosen.snap_bytes))
        self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        self._socket.setsockopt(SOL_PACKET, PACKET_RESERVE, TAG_BYTES)
        # struct tpacket_req3: block size and number, frame size and number, time-out, private bytes, features
        frames = self._blocks * (BLOCK_BYTES // FRAME_BYTES)
        request = struct.pack("@7I", BLOCK_BYTES, self._blocks, FRAME_BYTES, frames, RETIRE_MS, 0, 0)
        self._socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        self._memory = mmap.mmap(self._socket.fileno(), self._blocks * BLOCK_BYTES)
        self._data = np.frombuffer(self._memory, np.uint8)
        self._words = self._data.view(np.uint32)
        self._refs = np.zeros(BLOCK_BYTES // SMALLEST_STEP, PACKET_REF)
        # Compiles, or loads, before there is anything to lose.
        index_ring(self._data, self._words, 0, BLOCK_BYTES, False, 0, self._refs)
        # Binding starts the capture: before it every socket would have seen all interfaces.
        self._socket.bind((chosen.interface, ETH_P_ALL))
        if chosen.promiscuous:
            # struct packet_mreq: interface, kind, length of the address, address
            index = socket.if_nametoindex(chosen.interface)
            self._socket.setsockopt(
                SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("@iHH8s", index, PACKET_MR_PROMISC, 0, b"")
            )
        if chosen.fanout is not None:
            how = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG
            self._socket.setsockopt(SOL_PACKET, PACKET_FANOUT, struct.pack("@HH", chosen.fanout & 0xFFFF, how))

    def _attach(self, instructions: Any) -> None:
        """Give the kernel a filter program (struct sock_fprog)."""
        code = b"".join(struct.pack("@HBBI", *row) for row in instructions)
        buffer = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("@HP", len(instructions), ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)

    def blocks(self) -> Iterator[PacketBlock]:
        """Give packets as they come, and an empty block now and then while none do."""
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN | select.POLLERR)
        turn, frame, now = 0, 1, 0
        while not self._stopped:
            start = turn * BLOCK_BYTES
            status = start // 4 + BLOCK_STATUS
            if not self._words[status] & TP_STATUS_USER:
                events = poll.poll(IDLE_MS)
                if not self._words[status] & TP_STATUS_USER:
                    if any(flags & ~select.POLLIN for _, flags in events):
                        self._lost()
                        return
                    now = max(now, time.time_ns())
                    yield PacketBlock(self._data, self._refs[:0], now, frame)
                continue
            count = index_ring(
                self._data, self._words, start, BLOCK_BYTES, self._skip_outgoing, self._linktype, self._refs
            )
            refs = self._refs[:count]
            if count:
                now = max(now, int(refs["ts_ns"][-1]))
            yield PacketBlock(self._data, refs, now, frame)
            frame += count
            self._words[status] = TP_STATUS_KERNEL
            turn = (turn + 1) % self._blocks

    def _lost(self) -> None:
        """Note that the interface is down or gone."""
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        reason = os.strerror(number) if number else "the interface is gone"
        self.partial = True
        self.problems.append(f"{self.name}: capture ended: {reason}")

    def count(self) -> None:
        """Bring ``seen`` and ``dropped`` up to date with the kernel's counters, which restart at every look."""
        # struct tpacket_stats_v3: packets (dropped ones included), drops, times the ring was full
        packets, drops, _ = struct.unpack("@3I", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12))
        self.seen += packets
        self.dropped += drops

    def stop(self) -> None:
        """End ``blocks`` after the block in hand; safe in a signal handler."""
        self._stopped = True

    def close(self) -> None:
        """Close the socket; the ring goes with its last reader."""
        self._socket.close()


def _hardware_type(interface: str) -> int:
    """Return the ARPHRD number of an interface."""
    try:
        return int((Path("/sys/class/net") / interface / "type").read_text())
    except (OSError, ValueError) as error:
        raise CaptureError(f"{interface}: no such network interface") from error


def _program(text: str | None, linktype: int, snap_bytes: int) -> Any:
    """Return BPF instructions that accept what the filter accepts, up to so many bytes."""
    if text is None:
        return [(BPF_RET, 0, 0, snap_bytes)]
    if _VLAN.search(text):
        raise UsageError(
            f"filter {text!r}: the kernel takes VLAN tags off before it filters, so `vlan` finds nothing: leave it "
            "out, tagged frames are found without"
        )
    try:
        rows = compile_filter(text, linktype)
    except FilterError as error:
        raise UsageError(f"filter {text!r}: {error}; see pcap-filter(7) for its language") from error
    return [(code, jt, jf, snap_bytes if code == BPF_RET and k else k) for code, jt, jf, k in rows]
