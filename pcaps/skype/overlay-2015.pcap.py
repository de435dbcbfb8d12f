"""Capture script: Skype's peer-to-peer overlay as of 2015: one UDP port that probes many peers, not a call.

FACTS §1.1: a random id of two bytes, function 02, 18 to 37 bytes; most flows are one packet, some are answered, and a
few are kept alive by 18 bytes at a fixed spacing. Function 07 (11 bytes) reports an address behind NAT. Logins go over
TCP to 33033 and 443.
"""

from __future__ import annotations

from pcaps.craft import Flow, Scene

PORT = 13021


def payload(scene: Scene, size: int) -> bytes:
    """Return a message of function 02: id, function, then what encryption leaves."""
    return scene.noise(2) + b"\x02" + scene.noise(size - 3)


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.15", peers: int = 90) -> None:
    """Probe ``peers`` peers."""
    flows: list[Flow] = []
    for k in range(peers):
        host = f"{('192.0.2', '198.51.100', '203.0.113')[k % 3]}.{1 + (37 * k) % 254}"
        port = scene.random.choice((33033, scene.random.randrange(1024, 65536)))
        flow = scene.udp((client, PORT), (host, port), "skype", "chat/other")
        sent = at + 0.11 * k
        flow.up(sent, payload(scene, scene.random.randint(18, 37)))
        if k % 7 == 0:
            flow.down(sent + 0.06 + scene.jitter(60), payload(scene, scene.random.choice((18, 26, 28))))
        if k % 15 == 3:
            flow.down(sent + 0.05, scene.noise(2) + b"\x07" + scene.noise(4) + bytes((10, 20, 0, 15)))
        flows.append(flow)
    for flow in flows[:3]:
        for k in range(1, 5):
            flow.up(at + 10.0 + 2.0 * k, payload(scene, 18))
            flow.down(at + 10.1 + 2.0 * k, payload(scene, 18))
    login = scene.tcp((client, 49311), ("203.0.113.9", 33033), "skype", "chat/other")
    now = login.open(at + 0.5)
    now = login.say(now, scene.noise(14))
    now = login.say(now, scene.noise(28), outward=False)
    now = login.say(now, b"\x17\x03\x01" + scene.noise(200))
    login.close(now + 1.0)
