"""Capture script: browsing: name look-ups, TLS with server names, plain HTTP, QUIC over IPv4 and IPv6."""

from __future__ import annotations

from pcaps import wire
from pcaps.craft import Scene
from pcaps.ordinary.parts import look_up, tls

SITES = (
    ("www.example.com", "198.51.100.10"),
    ("cdn.example.net", "198.51.100.11"),
    ("mail.example.org", "198.51.100.12"),
    ("static.example.com", "203.0.113.30"),
)


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.30", pages: int = 4) -> None:
    """Open some pages."""
    for k in range(pages):
        name, address = SITES[k % len(SITES)]
        look_up(scene, at + 1.7 * k, client, name, address)
        tls(scene, at + 1.7 * k + 0.05, (client, 41000 + k), address, name)
    http(scene, at + 0.9, client)
    quic(scene, at + 1.1, (client, 43210), ("203.0.113.80", 443))
    quic(scene, at + 2.1, (f"2001:db8:1::{client.rpartition('.')[2]}", 43211), ("2001:db8:2::80", 443))


def http(scene: Scene, at: float, client: str) -> None:
    """Fetch two pages in clear."""
    flow = scene.tcp((client, 42080), ("198.51.100.80", 80), "http", "not-voip")
    now = flow.open(at)
    for k in range(2):
        request = (
            f"GET /page{k}.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: example/1.0\r\nAccept: */*\r\n\r\n"
        )
        now = flow.say(now, request.encode())
        body = scene.noise(1500).hex().encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        now = flow.say(now + 0.02, head + body, outward=False)
    flow.close(now)


def quic(scene: Scene, at: float, client: tuple[str, int], server: tuple[str, int]) -> None:
    """Open a QUIC connection and fetch something (RFC 9000): Initial packets of 1200 bytes, then short headers."""
    flow = scene.udp(client, server, "quic", "not-voip")
    mine, theirs = scene.noise(8), scene.noise(8)
    flow.up(at, wire.quic_initial(mine, b"", scene.noise(1182)))
    flow.down(at + 0.025, wire.quic_initial(b"", theirs, scene.noise(1182)))
    flow.down(at + 0.0255, b"\xe5" + wire.quic_initial(b"", theirs, scene.noise(1000))[1:])
    flow.up(at + 0.03, b"\xe1" + wire.quic_initial(theirs, b"", scene.noise(90))[1:])
    now = at + 0.06
    for _ in range(14):
        now += scene.jitter(30)
        flow.down(now, bytes((0x40 | scene.random.randrange(64),)) + scene.noise(scene.random.randint(300, 1200)))
        if scene.random.random() < 0.5:
            flow.up(now + 0.002, bytes((0x40 | scene.random.randrange(64),)) + theirs + scene.noise(24))
