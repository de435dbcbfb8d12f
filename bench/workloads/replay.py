"""Host module: the ``corpus`` workload: real captures replayed, each time with fresh addresses.

Each replica of a capture XORs one number of its own into the low 16 bits of every IPv4 address (the low 32 of every
IPv6 one), outer and inner alike, so that its flows are new flows while hosts stay distinct, networks stay themselves
and the packets keep their bytes. IPv4 header checksums are put right again; transport checksums and addresses inside
payloads go stale. Replicas run in waves: within a wave each capture begins at a random moment of ten minutes, so that
tens of thousands of flows of several replicas are live at once. Gaps within a capture longer than five minutes are
cut to five.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.workloads.captures import ethernet_frames, ip_headers
from bench.workloads.packing import PcapFile

CHUNK = 200_000
START_US = 1_700_000_000_000_000
REPLICAS_A_WAVE = 4
WAVE_US = 600_000_000
LONGEST_GAP_US = 300_000_000
#: Frames longer than any Ethernet carries (offloaded ones) are kept; this only bounds a broken file.
LONGEST_FRAME = 262_144

Array = Any


@dataclass
class _Corpus:
    """All frames in one buffer, with where the words to rewrite lie."""

    data: Array
    starts: Array
    lengths: Array
    wire_lengths: Array
    times: Array
    capture: Array
    captures: int
    ip4_frame: Array
    ip4_at: Array
    ip6_frame: Array
    ip6_at: Array


def read_corpus(folder: Path) -> _Corpus:
    """Read every Ethernet capture below ``folder``."""
    pieces: list[bytes] = []
    times: list[Array] = []
    owner: list[int] = []
    wire_lengths: list[int] = []
    ip4: list[tuple[int, int]] = []
    ip6: list[tuple[int, int]] = []
    captures = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        mine: list[int] = []
        for at_us, wirelen, frame in ethernet_frames(path):
            if len(frame) < 14 or len(frame) > LONGEST_FRAME:
                continue
            for header in ip_headers(frame):
                (ip4 if header > 0 else ip6).append((len(pieces), abs(header)))
            pieces.append(frame)
            wire_lengths.append(max(wirelen, len(frame)))
            mine.append(at_us)
        if mine:
            clock = np.array(mine, dtype=np.float64)
            steps = np.clip(np.diff(clock, prepend=clock[0]), 0, LONGEST_GAP_US)
            times.append(np.cumsum(steps).astype(np.int64))
            owner += [captures] * len(mine)
            captures += 1
    if not pieces:
        raise FileNotFoundError(f"no Ethernet capture below {folder}")
    lengths = np.array([len(piece) for piece in pieces], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    table4, table6 = (np.array(sorted(t), dtype=np.int64).reshape(-1, 2) for t in (ip4, ip6))
    return _Corpus(
        np.frombuffer(b"".join(pieces), dtype=np.uint8),
        starts,
        lengths,
        np.array(wire_lengths),
        np.concatenate(times),
        np.array(owner),
        captures,
        *table4.T,
        *table6.T,
    )


def write(path: Path, packets: int, seed: int, folder: Path) -> int:
    """Write at least ``packets`` packets, whole replicas only, and return the number of replicas."""
    rng = np.random.default_rng(seed)
    corpus = read_corpus(folder)
    n = len(corpus.starts)
    replicas = -(-packets // n)
    masks = rng.integers(1, 1 << 32, (replicas, corpus.captures), dtype=np.uint64)
    masks |= np.uint64(1)
    begins = rng.integers(0, WAVE_US, (replicas, corpus.captures))
    begins += WAVE_US * (np.arange(replicas) // REPLICAS_A_WAVE)[:, None]
    times = (begins[:, corpus.capture] + corpus.times[None, :]).reshape(-1)
    order = np.argsort(times, kind="stable")
    with PcapFile(path) as out:
        for first in range(0, len(order), CHUNK):
            chosen = order[first : first + CHUNK]
            replica, frame = chosen // n, chosen % n
            lengths = corpus.lengths[frame]
            buffer, starts = out.layout(START_US + times[chosen], lengths, corpus.wire_lengths[frame])
            _copy(buffer, starts, corpus.data, corpus.starts[frame], lengths)
            _freshen(buffer, starts, frame, masks[replica, corpus.capture[frame]], corpus)
            out.append(buffer, len(chosen))
    return replicas


def _copy(buffer: Array, to: Array, data: Array, source: Array, lengths: Array) -> None:
    """Copy byte strings of any lengths, those of one length at a time."""
    order = np.argsort(lengths, kind="stable")
    for at in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        width = int(lengths[at[0]])
        rows = np.lib.stride_tricks.sliding_window_view(data, width)[source[at]]
        np.lib.stride_tricks.sliding_window_view(buffer, width, writeable=True)[to[at]] = rows


def _headers_of(frame: Array, table_frame: Array, table_at: Array) -> tuple[Array, Array]:
    """Return, for the IP headers of each chosen frame, the row that chose it and the header's offset in the frame."""
    low = np.searchsorted(table_frame, frame, side="left")
    count = np.searchsorted(table_frame, frame, side="right") - low
    row = np.repeat(np.arange(len(frame)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return row, table_at[np.repeat(low, count) + within]


def _get16(buffer: Array, at: Array) -> Array:
    return (buffer[at].astype(np.int64) << 8) | buffer[at + 1]


def _set16(buffer: Array, at: Array, value: Array) -> None:
    buffer[at] = value >> 8
    buffer[at + 1] = value & 255


def _freshen(buffer: Array, starts: Array, frame: Array, mask: Array, corpus: _Corpus) -> None:
    """Rewrite the addresses of the frames that lie at ``starts``, and the IPv4 header checksums with them."""
    row, at = _headers_of(frame, corpus.ip4_frame, corpus.ip4_at)
    at = at + starts[row]
    low = (mask[row] & np.uint64(0xFFFF)).astype(np.int64)
    checksum = _get16(buffer, at + 10)
    for word in (14, 18):
        old = _get16(buffer, at + word)
        new = old ^ low
        _set16(buffer, at + word, new)
        # RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m').
        total = (checksum ^ 0xFFFF) + (old ^ 0xFFFF) + new
        total = (total & 0xFFFF) + (total >> 16)
        checksum = ((total & 0xFFFF) + (total >> 16)) ^ 0xFFFF
    _set16(buffer, at + 10, checksum)
    row, at = _headers_of(frame, corpus.ip6_frame, corpus.ip6_at)
    at = at + starts[row]
    for address in (8, 24):
        for byte in range(4):
            shift = np.uint64(8 * (3 - byte))
            buffer[at + address + 12 + byte] ^= ((mask[row] >> shift) & np.uint64(255)).astype(np.uint8)
