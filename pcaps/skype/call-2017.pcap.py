"""Capture script: a Skype conference call of 2017, on Microsoft's ICE.

FACTS §1.1: checks of 104 bytes with two 4-character ufrags, attributes 0x0024, 0x802A or 0x8029, 0x8054 and 0x8070 = 3,
answers of 72 bytes; RTP payload type 104 at 16 kHz, 20 ms, 83-87 bytes; RTCP 206 with FMT 15 of 47 bytes; RTCP 201
padded to 127 and 915 bytes, a bandwidth probe.
"""

from __future__ import annotations

import struct

from pcaps import wire
from pcaps.craft import Scene
from pcaps.ordinary.parts import look_up
from pcaps.voice import Voice

SERVER = ("203.0.113.149", 54321)
VERSION_3 = (wire.MS_IMPLEMENTATION, b"\x00\x00\x00\x03")
CANDIDATE = (wire.MS_CANDIDATE, b"1\x00\x00\x00")


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.16", talk: float = 6.0) -> None:
    """Play the call; ``talk`` seconds of media."""
    look_up(scene, at, client, "api.cc.skype.com", "203.0.113.150")
    flow = scene.udp((client, 50012), SERVER, "skype", "call-media")
    start = at + 0.5
    for k in range(5):
        for send, back, ufrags, role in (
            (flow.up, flow.down, b"gppe:zWyk", wire.ICE_CONTROLLING),
            (flow.down, flow.up, b"zWyk:gppe", wire.ICE_CONTROLLED),
        ):
            txid = scene.noise(12)
            when = start + 0.3 * k + (0.02 if back is flow.up else 0.0)
            send(when, wire.stun(wire.BINDING, txid, check(scene, ufrags, role), fingerprint=True))
            answer = [
                (wire.XOR_MAPPED, wire.xor_address(client, 50012)), VERSION_3,
                (wire.MESSAGE_INTEGRITY, scene.noise(20)),
            ]  # fmt: skip
            back(when + 0.028, wire.stun(wire.BINDING_SUCCESS, txid, answer, fingerprint=True))
    media_at = start + 1.0
    for send, delay in ((flow.up, 0.0), (flow.down, 0.05)):
        voice = Voice(scene, 104, 0.02, 320, (83, 87))
        for k in range(int(talk / voice.period)):
            send(media_at + delay + k * voice.period + scene.jitter(6), voice.packet(marker=k == 0))
        for k in range(int(talk / 0.5)):
            feedback = wire.rtcp(206, voice.ssrc, scene.noise(39), count=15)
            send(media_at + delay + 0.25 + 0.5 * k, feedback)
        for k, size in enumerate((127, 127, 915, 915, 127)):
            probe = wire.rtcp(201, voice.ssrc, scene.noise(size - 8), count=1)
            send(media_at + delay + 0.02 * k, bytes((probe[0] | 0x20,)) + probe[1:])


def check(scene: Scene, ufrags: bytes, role: int) -> list[wire.Attribute]:
    """Return the attributes of a check; with FINGERPRINT it has 104 bytes."""
    return [
        (wire.USERNAME, ufrags),
        (wire.PRIORITY, struct.pack("!I", 0x6EFFFEFF)),
        (role, scene.noise(8)),
        CANDIDATE,
        VERSION_3,
        (wire.MESSAGE_INTEGRITY, scene.noise(20)),
    ]
