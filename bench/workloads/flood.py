"""Host module: the ``flood`` workload: every packet opens a flow of its own.

The worst case of a flow table: random addresses and ports, UDP, 60 to 100 bytes of random payload.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.workloads.packing import PcapFile, scatter, udp_frames

CHUNK = 250_000
SMALLEST, LARGEST = 60, 100
#: Time between packets: half a million new flows a second.
GAP_US = 2
START_US = 1_700_000_000_000_000


def write(path: Path, packets: int, seed: int) -> int:
    """Write the capture and return its number of flows, as counted over the addresses drawn."""
    rng = np.random.default_rng(seed)
    flows = 0
    with PcapFile(path) as out:
        for first in range(0, packets, CHUNK):
            n = min(CHUNK, packets - first)
            # Unicast, public-looking and all different: the low word counts, scrambled by an odd multiplier.
            serial = np.arange(first, first + n, dtype=np.uint64)
            src = np.uint64(0x14000000) + ((serial * np.uint64(2654435761)) & np.uint64(0x7FFFFFF))
            dst = np.uint64(0x64000000) + rng.integers(0, 1 << 24, n, dtype=np.uint64)
            sport = rng.integers(1024, 65536, n)
            dport = rng.integers(1024, 65536, n)
            flows += len(np.unique(src))
            sizes = rng.integers(SMALLEST, LARGEST + 1, n)
            times = START_US + GAP_US * np.arange(first, first + n)
            buffer, starts = out.layout(times, sizes + 42)
            for size in range(SMALLEST, LARGEST + 1):
                at = np.flatnonzero(sizes == size)
                payloads = rng.integers(0, 256, (len(at), size), dtype=np.uint8)
                ids = serial[at] & np.uint64(0xFFFF)
                scatter(buffer, starts[at], udp_frames(payloads, src[at], dst[at], sport[at], dport[at], ids))
            out.append(buffer, n)
    return flows
