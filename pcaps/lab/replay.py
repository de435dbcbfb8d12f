"""Host module: ``python -m pcaps.lab.replay SCHEDULE ADDRESS PEER WAY BEGIN``: send one side of somebody's traffic, by
sizes and times alone.

SCHEDULE is an ``.npz`` of ``at_ns``, ``outward`` and ``ip_bytes``; WAY is 1 for the host's own packets, 0 for those to
it; BEGIN is the monotonic time at which it starts. Every packet becomes a datagram of the same IP length, filled with
zeros; where that is not possible (less than its headers, more than a tunnel takes in one piece) the nearest length.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Sequence

import numpy as np

PORT = 40_000
HEADER_BYTES = 28
LARGEST_PAYLOAD = 1300


def main(arguments: Sequence[str]) -> int:
    """Send; return 0."""
    schedule, address, peer, way, begin = arguments
    with np.load(schedule) as file:
        chosen = file["outward"] == bool(int(way))
        times = file["at_ns"][chosen] / 1e9 + float(begin)
        sizes = (file["ip_bytes"][chosen] - HEADER_BYTES).clip(0, LARGEST_PAYLOAD)
    content = bytes(LARGEST_PAYLOAD)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((address, PORT))
        sender.setblocking(False)
        for at, size in zip(times.tolist(), sizes.tolist(), strict=True):
            wait = at - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            # A full queue drops, as it does on any link.
            with contextlib.suppress(BlockingIOError):
                sender.sendto(content[:size], (peer, PORT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
