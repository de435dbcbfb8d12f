"""Host module: many packets at once, by NumPy: rows of one template patched, checksummed and scattered into a pcap.

Called by the workload generators. Nothing here runs once a packet: a chunk of some 100,000 packets is a few dozen
array operations.
"""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

#: pcap, microseconds, little endian, Ethernet (draft-ietf-opsawg-pcap §4).
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
RECORD_HEADER_BYTES = 16
ETHERNET_BYTES, IPV4_BYTES, UDP_BYTES = 14, 20, 8
HEADERS_BYTES = ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES
#: Locally administered addresses: the frames belong to nobody.
ETHERNET_HEADER = bytes.fromhex("020000000002020000000001") + b"\x08\x00"

Array = Any


def put(rows: Array, at: int, values: Array, width: int) -> None:
    """Write the integers ``values`` big-endian into ``rows[:, at:at+width]``."""
    values = np.asarray(values, dtype=np.uint64)
    for i in range(width):
        rows[:, at + i] = (values >> np.uint64(8 * (width - 1 - i))) & np.uint64(255)


def ones_sum(rows: Array) -> Array:
    """Return the one's complement sum of each row's 16-bit words (RFC 1071); the width must be even."""
    total = rows.reshape(len(rows), -1).view(">u2").astype(np.uint64).sum(axis=1)
    for _ in range(3):
        total = (total & np.uint64(0xFFFF)) + (total >> np.uint64(16))
    return total


def udp_frames(payloads: Array, src: Array, dst: Array, sport: Array, dport: Array, ip_id: Array) -> Array:
    """Return Ethernet/IPv4/UDP frames around equally long payloads, every checksum right.

    Parameters
    ----------
    payloads : uint8[n, length]
    src, dst : integers[n]
        IPv4 addresses.
    sport, dport, ip_id : integers[n]

    Returns
    -------
    uint8[n, 42 + length]
    """
    n, length = payloads.shape
    even = length + length % 2
    rows = np.zeros((n, HEADERS_BYTES + even), dtype=np.uint8)
    rows[:, HEADERS_BYTES : HEADERS_BYTES + length] = payloads
    rows[:, :ETHERNET_BYTES] = np.frombuffer(ETHERNET_HEADER, dtype=np.uint8)
    udp_length = UDP_BYTES + length
    ip = struct.pack("!BBHHHBBH", 0x45, 0, IPV4_BYTES + udp_length, 0, 0x4000, 64, 17, 0)
    rows[:, 14:26] = np.frombuffer(ip, dtype=np.uint8)
    put(rows, 18, ip_id, 2)
    put(rows, 26, src, 4)
    put(rows, 30, dst, 4)
    put(rows, 34, sport, 2)
    put(rows, 36, dport, 2)
    put(rows, 38, np.full(n, udp_length), 2)
    put(rows, 24, np.uint64(0xFFFF) - ones_sum(np.ascontiguousarray(rows[:, 14:34])), 2)
    pseudo = ones_sum(np.ascontiguousarray(rows[:, 26:])) + np.uint64(17 + udp_length)
    pseudo = (pseudo & np.uint64(0xFFFF)) + (pseudo >> np.uint64(16))
    checksum = np.uint64(0xFFFF) - pseudo
    put(rows, 40, np.where(checksum == 0, np.uint64(0xFFFF), checksum), 2)
    return rows[:, : HEADERS_BYTES + length]


class PcapFile:
    """A pcap being written chunk by chunk."""

    def __init__(self, path: Path) -> None:
        self.packets = 0
        self.bytes = 0
        self._file: BinaryIO = path.open("wb")
        self._file.write(PCAP_HEADER)

    def __enter__(self) -> PcapFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def layout(self, times_us: Array, lengths: Array, wire_lengths: Array | None = None) -> tuple[Array, Array]:
        """Return a buffer with the record headers of packets in order, and where each frame goes in it."""
        starts = np.zeros(len(lengths), dtype=np.int64)
        np.cumsum(lengths[:-1] + RECORD_HEADER_BYTES, out=starts[1:])
        size = int(starts[-1] + lengths[-1] + RECORD_HEADER_BYTES)
        buffer = np.empty(size, dtype=np.uint8)
        heads = np.empty((len(lengths), 4), dtype="<u4")
        heads[:, 0] = times_us // 1_000_000
        heads[:, 1] = times_us % 1_000_000
        heads[:, 2] = lengths
        heads[:, 3] = lengths if wire_lengths is None else wire_lengths
        scatter(buffer, starts, heads.view(np.uint8))
        return buffer, starts + RECORD_HEADER_BYTES

    def append(self, buffer: Array, packets: int) -> None:
        """Write a filled buffer of ``layout``."""
        self._file.write(memoryview(buffer))
        self.packets += packets
        self.bytes += len(buffer) - packets * RECORD_HEADER_BYTES


def scatter(buffer: Array, starts: Array, rows: Array) -> None:
    """Copy each row to ``buffer[start : start + width]``, rows of one width."""
    width = rows.shape[1]
    np.lib.stride_tricks.sliding_window_view(buffer, width, writeable=True)[starts] = rows
