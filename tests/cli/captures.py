"""Small captures for the tests of the command line, written byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path

SECOND = 1_700_000_000
LINKTYPE_RAW = 101


def udp(src: str, sport: int, dst: str, dport: int, payload: bytes) -> bytes:
    """Return an IPv4 UDP packet; checksums are zero, which nothing here checks."""
    addresses = b"".join(bytes(int(part) for part in address.split(".")) for address in (src, dst))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(payload), 0, 0, 64, 17, 0) + addresses
    return ip + struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def pcap(frames: list[tuple[int, bytes]]) -> bytes:
    """Return a classic capture of raw IP frames, each with its time in microseconds after SECOND."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW)
    records = (
        struct.pack("<IIII", SECOND + us // 1_000_000, us % 1_000_000, len(frame), len(frame)) + frame
        for us, frame in frames
    )
    return head + b"".join(records)


def two_flows() -> list[tuple[int, bytes]]:
    """Return a query with its answer, three times, and one packet of another flow."""
    frames = []
    for k in range(3):
        frames.append((k * 20_000, udp("192.0.2.1", 5000, "198.51.100.7", 9999, b"question %d" % k)))
        frames.append((k * 20_000 + 500, udp("198.51.100.7", 9999, "192.0.2.1", 5000, b"answer number %d" % k)))
    frames.append((70_000, udp("192.0.2.9", 1234, "198.51.100.7", 4321, b"alone")))
    return frames


def write(folder: Path, name: str = "two.pcap", cut: int = 0) -> str:
    """Write the capture of `two_flows`, without its last ``cut`` bytes; return its path."""
    data = pcap(two_flows())
    path = folder / name
    path.write_bytes(data[: len(data) - cut])
    return str(path)
