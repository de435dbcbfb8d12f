"""Capture files written by struct, straight from the formats' drafts; and what a source gives, as plain tuples."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from flowclass.capture.source import open_source

#: (time in ns, frame, length on the wire)
Packet = tuple[int, bytes, int]

ETHERNET, RAW = 1, 101
SECOND = 1_000_000_000


def pcap_header(order: str = "<", magic: int = 0xA1B2C3D4, linktype: int = ETHERNET, minor: int = 4) -> bytes:
    return struct.pack(f"{order}IHHIIII", magic, 2, minor, 0, 0, 262144, linktype)


def pcap(packets: Iterable[Packet], order: str = "<", magic: int = 0xA1B2C3D4, linktype: int = ETHERNET) -> bytes:
    """Return a pcap file; times are cut to the format's unit."""
    tick = 1 if magic == 0xA1B23C4D else 1000
    out = [pcap_header(order, magic, linktype)]
    for ts_ns, frame, wirelen in packets:
        seconds, rest = divmod(ts_ns, SECOND)
        out.append(struct.pack(f"{order}IIII", seconds, rest // tick, len(frame), wirelen))
        if magic == 0xA1B2CD34:
            out.append(struct.pack(f"{order}IHBB", 3, 0x0800, 0, 0))
        out.append(frame)
    return b"".join(out)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    total = len(body) + 12
    return struct.pack(f"{order}II", kind, total) + body + struct.pack(f"{order}I", total)


def section(order: str = "<", options: bytes = b"") -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1) + options)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def interface(
    order: str = "<",
    linktype: int = ETHERNET,
    snaplen: int = 0,
    tsresol: int | None = None,
    tsoffset: int | None = None,
) -> bytes:
    options = option(order, 2, b"wire")
    if tsresol is not None:
        options += option(order, 9, bytes([tsresol]))
    if tsoffset is not None:
        options += option(order, 14, struct.pack(f"{order}q", tsoffset))
    options += option(order, 0, b"")
    return block(order, 1, struct.pack(f"{order}HHI", linktype, 0, snaplen) + options)


def enhanced(order: str, ticks: int, frame: bytes, wirelen: int, which: int = 0, options: bytes = b"") -> bytes:
    head = struct.pack(f"{order}IIIII", which, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), wirelen)
    return block(order, 6, head + frame + bytes(-len(frame) % 4) + options)


def simple(order: str, frame: bytes, wirelen: int) -> bytes:
    return block(order, 3, struct.pack(f"{order}I", wirelen) + frame)


def obsolete(order: str, ticks: int, frame: bytes, wirelen: int, which: int = 0) -> bytes:
    head = struct.pack(f"{order}HHIIII", which, 7, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), wirelen)
    return block(order, 2, head + frame)


def pcapng(packets: Iterable[Packet], order: str = "<", linktype: int = ETHERNET) -> bytes:
    """Return a pcapng file with one interface and ns times."""
    blocks = [section(order), interface(order, linktype, tsresol=9)]
    blocks += [enhanced(order, ts_ns, frame, wirelen) for ts_ns, frame, wirelen in packets]
    return b"".join(blocks)


def frames(count: int, size: int = 60, start: int = 1_700_000_000 * SECOND, step: int = 1000) -> list[Packet]:
    """Return packets of differing content and length, ``step`` ns apart."""
    return [
        (start + i * step, bytes((i + j) & 0xFF for j in range(size + i % 7)), size + i % 7 + (i % 3) * 100)
        for i in range(count)
    ]


def read_source(source: Any) -> list[Packet]:
    """Return all packets of a source, checking what every block promises."""
    packets: list[Packet] = []
    clock = 0
    for given in source.blocks():
        assert given.first_frame == len(packets) + 1
        data = memoryview(given.data)
        for ts_ns, offset, caplen, wirelen in given.refs[["ts_ns", "offset", "caplen", "wirelen"]].tolist():
            assert 0 <= offset <= offset + caplen <= len(data)
            packets.append((ts_ns, bytes(data[offset : offset + caplen]), wirelen))
        assert given.now_ns >= clock
        clock = given.now_ns
        if len(given.refs):
            assert clock >= given.refs["ts_ns"].max()
    return packets


def read(inputs: Sequence[Any], **options: Any) -> tuple[list[Packet], list[str], bool]:
    """Open, read and close; return packets, problems and partial."""
    source = open_source(inputs, **options)
    try:
        return read_source(source), source.problems, source.partial
    finally:
        source.close()
