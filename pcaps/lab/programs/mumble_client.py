"""Host module: ``python -m pcaps.lab.programs.mumble_client SERVER NAME SECONDS``: speak on a Mumble server."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Sequence

import pymumble_py3

RATE, FRAME_S = 48_000, 0.02
LOUDNESS = 2000


def main(arguments: Sequence[str]) -> int:
    """Connect, speak, leave; return 0."""
    server, name, seconds = arguments
    client = pymumble_py3.Mumble(server, name, reconnect=False)
    client.set_receive_sound(True)
    client.start()
    client.is_ready()
    draw = random.Random(1)
    until = time.monotonic() + float(seconds)
    at = time.monotonic()
    while time.monotonic() < until:
        samples = (draw.randrange(-LOUDNESS, LOUDNESS) for _ in range(int(RATE * FRAME_S)))
        client.sound_output.add_sound(b"".join(s.to_bytes(2, "little", signed=True) for s in samples))
        at += FRAME_S
        time.sleep(max(at - time.monotonic(), 0))
    client.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
