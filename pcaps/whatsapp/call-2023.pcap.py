"""Capture script: a WhatsApp voice call of 2023 that stays on its relay.

FACTS §1.3: Allocate of 212 bytes with a 150-byte token, the relay's own address and MESSAGE-INTEGRITY; of 272 bytes
once the streams' SSRCs are announced (attribute 0x0022); answers of 68 bytes; pings 0x0801 and pongs 0x0802 of 20
bytes; RTP payload type 120 in frames of 60 ms with a header extension, and steps of 420 ms in silence.
"""

from __future__ import annotations

import struct

from pcaps import wire
from pcaps.craft import EPOCH_US, Scene
from pcaps.voice import Voice

RELAYS = tuple(f"192.0.2.{host}" for host in (1, 14, 54, 60, 192))
RELAY_PORT = 3478
RING = 2.6
#: WhatsApp's header extension has a profile number of its own.
PROFILE = 0xDEBE


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.12", talk: float = 9.0) -> None:
    """Play the call; ``talk`` seconds of media."""
    local = (client, 46652)
    prefix = scene.noise(8)
    tokens = [b"\x03" + scene.noise(149) for _ in RELAYS]
    counter = scene.random.randrange(1 << 31)
    mine, theirs = (Voice(scene, 120, 0.06, 960, (25, 56), extension=4, profile=PROFILE) for _ in range(2))
    streams = [
        (wire.META_STREAM, b"\x03" + struct.pack("!I", ssrc) + scene.noise(11))
        for ssrc in (mine.ssrc, mine.ssrc + 1, mine.ssrc + 2)
    ]

    def message(kind: int, relay: int, *extra: wire.Attribute) -> bytes:
        nonlocal counter
        counter += 1
        attributes = [
            (wire.META_TOKEN, tokens[relay]),
            *(extra if kind == wire.ALLOCATE else ()),
            (wire.XOR_RELAYED, wire.xor_address(RELAYS[relay], RELAY_PORT)),
            *(() if kind == wire.ALLOCATE else extra),
            (wire.MESSAGE_INTEGRITY, scene.noise(20)),
        ]
        return wire.stun(kind, prefix + struct.pack("!I", counter), attributes)

    def answer(txid: bytes, when: float) -> bytes:
        clock = struct.pack("!Q", (EPOCH_US // 1000) + int(when * 1000))
        attributes = [
            (wire.XOR_MAPPED, wire.xor_address(client, 46652)),
            (wire.META_CLOCK, clock),
            (wire.MESSAGE_INTEGRITY, scene.noise(20)),
        ]
        return wire.stun(wire.ALLOCATE_SUCCESS, txid, attributes)

    relays = [
        scene.udp(local, (host, RELAY_PORT), "whatsapp", "call-media" if i == 0 else "call-signalling")
        for i, host in enumerate(RELAYS)
    ]
    for i, relay in enumerate(relays):
        for copy in (0, 1):
            sent = at + 0.0012 * i + 0.00012 * copy
            request = message(wire.ALLOCATE, i)
            relay.up(sent, request)
            relay.down(sent + 0.009 + 0.006 * i, answer(request[8:20], sent))
    announced = message(wire.ALLOCATE, 0, *streams)
    relays[0].up(at + RING - 0.3, announced)
    relays[0].down(at + RING - 0.29, answer(announced[8:20], at + RING - 0.29))
    end = at + RING + talk
    ping = at + 1.0
    while ping < end:
        txid = scene.noise(12)
        relays[0].up(ping, wire.stun(wire.META_PING, txid))
        relays[0].down(ping + 0.012, wire.stun(wire.META_PONG, txid))
        ping += 3.0
    for voice, send, delay in ((mine, relays[0].up, 0.0), (theirs, relays[0].down, 0.04)):
        now = at + RING
        while now < end:
            is_silence = scene.random.random() < 0.06
            steps = 7 if is_silence else 1
            send(now + delay + scene.jitter(5), voice.packet(steps=steps, size=25 if is_silence else 0))
            now += steps * voice.period
        for k in range(int(talk / 1.3)):
            report = wire.rtcp(200, voice.ssrc, scene.noise(114), count=1)
            send(at + RING + 0.07 + 1.3 * k + delay, report[:2] + struct.pack("!H", 0x12) + report[4:])
    for i, relay in enumerate(relays):
        relay.up(end + 0.001, message(wire.META_TERMINATE, i, (0x802B, b"\x02\x00\x00\x00")))
