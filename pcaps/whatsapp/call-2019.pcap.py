"""Capture script: a WhatsApp voice call of 2019: five relays at ring time, relay media, then peer to peer.

FACTS §1.3: token-only Allocate of 126 bytes twice to each relay, answers with the relay's clock, 44-byte checks to the
peer's public and private address, RTP payload type 120 in frames of 160 ms under one SSRC on both paths, RTCP,
"health" texts, and message 0x0800 to every relay at the end.
"""

from __future__ import annotations

import struct

from pcaps import wire
from pcaps.craft import EPOCH_US, Flow, Scene
from pcaps.voice import Voice

RELAYS = tuple(f"203.0.113.{host}" for host in (48, 51, 54, 60, 62))
RELAY_PORT = 3478
RING, SWITCH = 4.2, 1.3


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.11", talk: float = 9.0) -> None:
    """Play the call; ``talk`` seconds of media."""
    local = (client, 51518)
    prefix, token = scene.noise(8), b"\x01\x00" + scene.noise(100)
    counter = scene.random.randrange(1 << 31)

    def message(kind: int) -> bytes:
        nonlocal counter
        counter += 1
        return wire.stun(kind, prefix + struct.pack("!I", counter), [(wire.META_TOKEN, token)], padded=False)

    relays = [
        scene.udp(local, (host, RELAY_PORT), "whatsapp", "call-media" if i == 0 else "call-signalling")
        for i, host in enumerate(RELAYS)
    ]
    for i, relay in enumerate(relays):
        for copy in (0, 1):
            sent = at + 0.0004 * i + 0.00015 * copy
            request = message(wire.ALLOCATE)
            relay.up(sent, request)
            relay.down(sent + 0.02 + 0.004 * i, answer(client, request[8:20], sent))
    media_at = at + RING
    end = media_at + talk
    public = scene.udp(local, ("198.51.100.77", 49170), "whatsapp", "call-media")
    private = scene.udp(local, ("10.99.7.3", 49170), "whatsapp", "call-signalling")
    check(scene, public, media_at, end, answered=True)
    check(scene, private, media_at, end, answered=False)
    keep_alive(scene, relays[0], at + 3.0, end)
    speak(scene, relays[0], public, media_at, end)
    for relay in relays:
        relay.up(end + 0.001, message(wire.META_TERMINATE))


def answer(client: str, txid: bytes, at: float) -> bytes:
    """Return a relay's answer: the client as it is seen, and the relay's clock in Unix milliseconds."""
    clock = struct.pack("!Q", (EPOCH_US // 1000) + int(at * 1000))
    return wire.stun(
        wire.ALLOCATE_SUCCESS, txid, [(wire.XOR_MAPPED, wire.xor_address(client, 51518)), (wire.META_CLOCK, clock)]
    )


def check(scene: Scene, flow: Flow, at: float, end: float, *, answered: bool) -> None:
    """Send 44-byte checks each 620 ms."""
    while at < end:
        txid = scene.noise(12)
        flow.up(at, wire.stun(wire.BINDING, txid, [(wire.MESSAGE_INTEGRITY, scene.noise(20))]))
        if answered:
            back = wire.stun(wire.BINDING_SUCCESS, txid, [(wire.MESSAGE_INTEGRITY, scene.noise(20))])
            flow.down(at + 0.035 + scene.jitter(5), back)
        at += 0.62


def keep_alive(scene: Scene, relay: Flow, at: float, end: float) -> None:
    """Send "health" each three seconds; the relay answers "OK"."""
    while at < end:
        relay.up(at, b"health")
        relay.down(at + 0.02 + scene.jitter(2), b"OK")
        at += 3.0


def speak(scene: Scene, relay: Flow, direct: Flow, at: float, end: float) -> None:
    """Send voice both ways, on the relay first and then directly, with RTCP beside it."""
    switch = at + SWITCH
    mine, theirs = (Voice(scene, 120, 0.16, 2560, (109, 275)) for _ in range(2))
    for k in range(int((end - at) / mine.period)):
        sent = at + k * mine.period
        flow = relay if sent < switch else direct
        flow.up(sent + scene.jitter(4), mine.packet())
        flow.down(sent + 0.06 + scene.jitter(12), theirs.packet())
    for k in range(int((end - at) / 2.1)):
        sent = at + 0.4 + 2.1 * k
        flow = relay if sent < switch else direct
        for offset, kind, size in ((0.0, 200, 106), (0.3, 202, 74), (0.7, 208, 26), (1.1, 201, 86)):
            flow.up(sent + offset, wire.rtcp(kind, mine.ssrc, scene.noise(size - 8), count=kind != 200))
            flow.down(sent + offset + 0.05, wire.rtcp(kind, theirs.ssrc, scene.noise(size - 8), count=kind != 200))
