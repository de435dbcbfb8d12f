"""Capture script: what looks like calls and is none: games at a fixed rate, BitTorrent's DHT and uTP."""

from __future__ import annotations

import struct

from pcaps.craft import Scene


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.32", seconds: float = 4.0) -> None:
    """Play a game and share a file."""
    game(scene, at, client, seconds)
    dht(scene, at + 0.3, client)
    transfer(scene, at + 0.9, client)


def game(scene: Scene, at: float, client: str, seconds: float) -> None:
    """Send a counter and state each 50 ms, get more back each 33 ms: small packets at a steady rate, no RTP."""
    flow = scene.udp((client, 27005), ("203.0.113.27", 27015), "game", "not-voip")
    for k in range(int(seconds / 0.05)):
        body = struct.pack("<II", k, max(k - 1, 0)) + scene.noise(scene.random.randint(20, 60))
        flow.up(at + 0.05 * k + scene.jitter(3), body)
    for k in range(int(seconds / 0.033)):
        body = struct.pack("<II", k, k) + scene.noise(scene.random.randint(60, 240))
        flow.down(at + 0.02 + 0.033 * k + scene.jitter(4), body)


def dht(scene: Scene, at: float, client: str) -> None:
    """Ask peers for peers (BEP 5)."""
    for k in range(16):
        peer = (f"203.0.113.{100 + k}", scene.random.randrange(6881, 65000))
        flow = scene.udp((client, 6881), peer, "bittorrent", "not-voip")
        target, mine, tag = scene.noise(20), scene.noise(20), scene.noise(2)
        query = b"d1:ad2:id20:" + mine + b"6:target20:" + target + b"e1:q9:find_node1:t2:" + tag + b"1:y1:qe"
        flow.up(at + 0.07 * k, query)
        if k % 3:
            reply = b"d1:rd2:id20:" + scene.noise(20) + b"5:nodes208:" + scene.noise(208) + b"e1:t2:" + tag + b"1:y1:re"
            flow.down(at + 0.07 * k + 0.08, reply)


def transfer(scene: Scene, at: float, client: str) -> None:
    """Transfer over uTP (BEP 29): 20-byte headers, data of type 0, states of type 2."""
    flow = scene.udp((client, 6881), ("198.51.100.66", 51413), "bittorrent", "not-voip")
    number = scene.random.randrange(1 << 16)

    def head(kind: int, seq: int, ack: int) -> bytes:
        stamp = int(at * 1e6) + 977 * seq
        return struct.pack("!BBHIIIHH", kind << 4 | 1, 0, number, stamp & 0xFFFFFFFF, 21000, 1 << 20, seq, ack)

    flow.up(at, head(4, 1, 0))
    flow.down(at + 0.05, head(2, 1, 1))
    flow.up(at + 0.051, head(0, 2, 1) + b"\x13BitTorrent protocol" + scene.noise(48))
    for k in range(20):
        flow.down(at + 0.1 + 0.01 * k, head(0, 2 + k, 2) + scene.noise(700))
        flow.up(at + 0.105 + 0.01 * k, head(2, 3, 2 + k))
