"""Capture script: a Viber call of 2024: TURN on UDP 443 with the realm "viber.com".

FACTS §1.5: Allocate of 28 bytes, refused with realm and nonce, repeated with USERNAME "expiry:number";
CreatePermission, ICE checks in Send and Data indications, ChannelBind, then media as ChannelData. FINGERPRINT on all,
no SOFTWARE.
"""

from __future__ import annotations

import struct

from pcaps import wire
from pcaps.craft import EPOCH_US, Scene
from pcaps.voice import Voice

SERVER = "192.0.2.121"
TURN_PORT = 443
CHANNEL = 0x4001
PEER = ("198.51.100.201", 52114)
RING = 2.0


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.14", talk: float = 5.0) -> None:
    """Play the call; ``talk`` seconds of media."""
    flow = scene.udp((client, 53777), (SERVER, TURN_PORT), "viber", "call-media")
    nonce = scene.noise(8).hex().encode()
    user = f"{EPOCH_US // 1_000_000 + 86_400}:{scene.random.randrange(10**9, 10**10)}".encode()
    peer = (wire.XOR_PEER, wire.xor_address(*PEER))
    udp = (wire.REQUESTED_TRANSPORT, b"\x11\x00\x00\x00")

    def seal(*attributes: wire.Attribute) -> list[wire.Attribute]:
        credentials = [(wire.USERNAME, user), (wire.REALM, b"viber.com"), (wire.NONCE, nonce)]
        return [*attributes, *credentials, (wire.MESSAGE_INTEGRITY, scene.noise(20))]

    def exchange(when: float, kind: int, request: list[wire.Attribute], back: int, reply: list[wire.Attribute]) -> None:
        txid = scene.noise(12)
        flow.up(when, wire.stun(kind, txid, request, fingerprint=bool(len(request) > 1)))
        flow.down(when + 0.03 + scene.jitter(4), wire.stun(back, txid, reply, fingerprint=True))

    refusal = [(wire.ERROR_CODE, b"\x00\x00\x04\x01Unauthorized"), (wire.NONCE, nonce), (wire.REALM, b"viber.com")]
    exchange(at, wire.ALLOCATE, [udp], wire.ALLOCATE_ERROR, refusal)
    granted = [
        (wire.XOR_RELAYED, wire.xor_address(SERVER, 57001)),
        (wire.XOR_MAPPED, wire.xor_address(client, 53777)),
        (wire.LIFETIME, struct.pack("!I", 600)),
        (wire.MESSAGE_INTEGRITY, scene.noise(20)),
    ]
    exchange(at + 0.05, wire.ALLOCATE, seal(udp), wire.ALLOCATE_SUCCESS, granted)
    done = [(wire.MESSAGE_INTEGRITY, scene.noise(20))]
    exchange(at + 0.4, wire.CREATE_PERMISSION, seal(peer), wire.CREATE_PERMISSION_SUCCESS, done)
    for k in range(4):
        inner = wire.stun(
            wire.BINDING,
            scene.noise(12),
            [
                (wire.USERNAME, b"k3Fz:Tq8w"),
                (wire.GOOG_NETWORK_INFO, b"\x00\x01\x00\x0a"),
                (wire.ICE_CONTROLLING, scene.noise(8)),
                (wire.PRIORITY, b"\x6e\x7f\x1e\xff"),
                (wire.MESSAGE_INTEGRITY, scene.noise(20)),
            ],
            fingerprint=True,
        )
        outer = [peer, (wire.DATA, inner)]
        flow.up(at + 0.6 + 0.1 * k, wire.stun(wire.SEND_INDICATION, scene.noise(12), outer, fingerprint=True))
        flow.down(at + 0.66 + 0.1 * k, wire.stun(wire.DATA_INDICATION, scene.noise(12), outer, fingerprint=True))
    bind = [(wire.CHANNEL_NUMBER, struct.pack("!HH", CHANNEL, 0)), peer]
    exchange(at + 1.2, wire.CHANNEL_BIND, seal(*bind), wire.CHANNEL_BIND_SUCCESS, done)
    for send, delay in ((flow.up, 0.0), (flow.down, 0.05)):
        voice = Voice(scene, 111, 0.02, 960, (70, 130), extension=4)
        for k in range(int(talk / voice.period)):
            packet = wire.channel_data(CHANNEL, voice.packet(marker=k == 0))
            send(at + RING + delay + k * voice.period + scene.jitter(6), packet)
        for k in range(int(talk)):
            report = wire.rtcp(200, voice.ssrc, scene.noise(44), count=1)
            send(at + RING + delay + 0.5 + k, wire.channel_data(CHANNEL, report))
    exchange(
        at + RING + talk + 0.1, wire.REFRESH, seal((wire.LIFETIME, bytes(4))),
        wire.REFRESH_SUCCESS, [(wire.LIFETIME, bytes(4)), *done],
    )  # fmt: skip
