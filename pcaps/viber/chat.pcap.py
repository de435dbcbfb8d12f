"""Capture script: Viber's chat over TCP 5242 and 4244.

FACTS §1.5: each message begins with its length, little endian, equal to the segment's; the first ones carry FC FF at
offset 6 (and 80 at 9).
"""

from __future__ import annotations

import struct

from pcaps.craft import Scene
from pcaps.ordinary.parts import look_up

SERVERS = (("198.51.100.252", 5242), ("198.51.100.253", 4244))


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.13") -> None:
    """Play one connection to each port."""
    look_up(scene, at, client, "aloha.viber.com", SERVERS[0][0])
    for k, server in enumerate(SERVERS):
        flow = scene.tcp((client, 40710 + k), server, "viber", "chat/other")
        now = flow.open(at + 0.2 + 3.0 * k)
        now = flow.say(now, first(scene, (24, 96)[k]))
        now = flow.say(now + 0.03, b"\x04\x02\xed\x03\x80" + scene.noise(511), outward=False)
        for _ in range(7):
            now += 0.2
            now = flow.say(now, message(scene, scene.random.randint(40, 220)))
            now = flow.say(now + 0.05, message(scene, scene.random.randint(30, 300)), outward=False)
        flow.close(now + 0.1)


def first(scene: Scene, size: int) -> bytes:
    """Return the client's first message."""
    return struct.pack("<H", size) + bytes(4) + b"\xfc\xff\x03\x80" + scene.noise(size - 10)


def message(scene: Scene, size: int) -> bytes:
    """Return a later message."""
    return struct.pack("<H", size) + b"\x00\x00" + scene.noise(size - 4)
