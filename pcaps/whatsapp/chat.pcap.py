"""Capture script: WhatsApp's chat over TCP 5222, after a look-up of its name.

FACTS §1.3: the client begins "ED" 00 01, routing data, "WA" 06 03, with the first four bytes in a segment of their
own, then sends Noise frames, each behind its length in three bytes. A second connection is cut within "WA".
"""

from __future__ import annotations

from pcaps.craft import Scene
from pcaps.ordinary.parts import look_up

SERVER = "198.51.100.20"


def frame(body: bytes) -> bytes:
    """Return a Noise frame."""
    return len(body).to_bytes(3, "big") + body


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.11") -> None:
    """Play two connections."""
    look_up(scene, at, client, "g.whatsapp.net", SERVER)
    routing = b"ED\x00\x01" + frame(b"\x08\x12\x08\x02")
    version = b"WA\x06\x03"
    for k, cuts in enumerate(((4,), (4, 11, 12))):
        flow = scene.tcp((client, 40210 + k), (SERVER, 5222), "whatsapp", "chat/other")
        now = flow.open(at + 0.1 + 2.5 * k)
        now = flow.say(now, routing + version + frame(scene.noise(287)), cuts=cuts)
        now = flow.say(now + 0.02, frame(scene.noise(341)), outward=False)
        now = flow.say(now, frame(scene.noise(412)))
        for _ in range(8):
            now += 0.15
            now = flow.say(now, frame(scene.noise(scene.random.randint(34, 180))))
            now = flow.say(now + 0.04, frame(scene.noise(scene.random.randint(40, 260))), outward=False)
        flow.close(now + 0.1)
