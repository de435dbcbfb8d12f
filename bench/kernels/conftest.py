"""Traffic that the kernel benchmarks share: a small share of the ``calls`` and ``flood`` workloads."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bench.workloads import calls, flood
from bench.workloads.catalog import SEED
from flowclass.capture.source import open_source

PACKETS = 200_000


class Traffic(NamedTuple):
    """A capture, and all of it in memory as one block."""

    path: Path
    packets: int
    flows: int
    data: Any
    refs: Any


def _traffic(path: Path, flows: int) -> Traffic:
    """Join the blocks of a capture; frames are moved, so references are too."""
    source = open_source([str(path)])
    pieces, refs, at = [], [], 0
    for block in source.blocks():
        mine = block.refs.copy()
        first = int(mine["offset"][0])
        last = int(mine["offset"][-1]) + int(mine["caplen"][-1])
        pieces.append(np.array(block.data[first:last]))
        mine["offset"] += at - first
        refs.append(mine)
        at += last - first
    source.close()
    joined = np.concatenate(refs)
    return Traffic(path, len(joined), flows, np.concatenate(pieces), joined)


@pytest.fixture(scope="session")
def call_traffic(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    """Return 200,000 packets of calls."""
    path = tmp_path_factory.mktemp("bench") / "calls.pcap"
    return _traffic(path, calls.write(path, PACKETS, SEED, calls=800))


@pytest.fixture(scope="session")
def flood_traffic(tmp_path_factory: pytest.TempPathFactory) -> Traffic:
    """Return 200,000 packets, each a flow of its own."""
    path = tmp_path_factory.mktemp("bench") / "flood.pcap"
    return _traffic(path, flood.write(path, PACKETS, SEED))


@pytest.fixture(scope="session")
def as_pcapng(call_traffic: Traffic) -> Path:
    """Return the calls as pcapng: one section, one interface of microseconds, enhanced packet blocks."""
    out = [
        struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28),
        struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20),
    ]
    frames = call_traffic.data.tobytes()
    for ts_ns, offset, caplen, wirelen in zip(
        *(call_traffic.refs[name].tolist() for name in ("ts_ns", "offset", "caplen", "wirelen")), strict=True
    ):
        high, low = divmod(ts_ns // 1000, 1 << 32)
        padding = -caplen % 4
        size = 32 + caplen + padding
        head = struct.pack("<IIIIIII", 6, size, 0, high, low, caplen, wirelen)
        out.append(head + frames[offset : offset + caplen] + bytes(padding) + struct.pack("<I", size))
    path = call_traffic.path.with_suffix(".pcapng")
    path.write_bytes(b"".join(out))
    return path


@pytest.fixture(scope="session")
def as_gzip(call_traffic: Traffic) -> Path:
    """Return the calls compressed."""
    path = call_traffic.path.with_suffix(".pcap.gz")
    path.write_bytes(gzip.compress(call_traffic.path.read_bytes(), compresslevel=1))
    return path


@pytest.fixture
def timed(benchmark: Any) -> Callable[..., Any]:
    """Return a timer: warms up once, runs some rounds, notes the nanoseconds an item, gives the last result."""

    def time(function: Callable[..., Any], items: int, *, setup: Any = None, rounds: int = 7) -> Any:
        result = benchmark.pedantic(function, setup=setup, rounds=rounds, warmup_rounds=1)
        if benchmark.stats is not None:
            benchmark.extra_info["ns_each"] = round(benchmark.stats.stats.median / items * 1e9, 1)
        benchmark.extra_info["items"] = items
        return result

    return time
