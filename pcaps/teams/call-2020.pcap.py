"""Capture script: a Teams call of 2020: relays on UDP 3478-3481, then peer to peer, audio and video apart.

FACTS §1.2: Allocate with 0x000F, 0x8037, 0x8008, 0x8006, 0x0010 and 0x8055 (68 bytes), refused, repeated with nonce and
realm (0x8095 too); Data indications without a cookie; checks of 112 and answers of 88 bytes with 0x8070 = 7; media
behind FF 10 on the relay first; RTP payload type 104 (audio, 16 kHz, 20 ms) from client port 50016 and 122 (video) from
50036; RTCP 201 of 38, 110 and 1214 bytes. A third flow to port 3478 has a framing of its own (06, 07, 03 and a UUID).
"""

from __future__ import annotations

import struct
import uuid

from pcaps import wire
from pcaps.craft import Flow, Scene
from pcaps.ordinary.parts import look_up
from pcaps.voice import Voice

RELAY, RELAY_MEDIA = "203.0.113.250", "203.0.113.141"
PEER, PEER_PRIVATE = "198.51.100.205", "10.99.5.20"
VERSION_7 = (wire.MS_IMPLEMENTATION, b"\x00\x00\x00\x07")
COMMON = (
    (wire.MS_MAGIC_COOKIE, b"\x72\xc6\x4b\xc6"),
    (wire.MS_8037, struct.pack("!I", 2)),
    (wire.MS_VERSION, struct.pack("!I", 6)),
    (wire.MS_8006, struct.pack("!I", 4)),
    (wire.MS_BANDWIDTH, struct.pack("!I", 12000)),
    (wire.MS_SERVICE_QUALITY, b"\x00\x02\x00\x02"),
)
#: Microsoft's relays put the nonce into 0x0014 and the realm into 0x0015.
NONCE, REALM = 0x0014, 0x0015
NO_INTEGRITY = b"\x00\x00\x04\x01The request did not contain a Message-Integrity attribute"


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.17", talk: float = 5.0) -> None:
    """Play the call; ``talk`` seconds of media."""
    look_up(scene, at, client, "teams.microsoft.com", "192.0.2.76")
    signalling(scene, at + 0.2, client)
    start = at + 0.5
    sessions = {port: scene.noise(8) for port in (50016, 50036)}
    for k, (port, session) in enumerate(sessions.items()):
        relay = scene.udp((client, port), (RELAY, 3478), "teams", "call-signalling")
        allocate(scene, relay, start + 0.05 * k, session)
    multiplexed = scene.udp((client, 50016), (RELAY_MEDIA, 3479), "teams", "call-media")
    audio = scene.udp((client, 50016), (PEER, 16332), "teams", "call-media")
    video = scene.udp((client, 50036), (PEER, 16333), "teams", "call-media")
    private = scene.udp((client, 50016), (PEER_PRIVATE, 50005), "teams", "call-signalling")
    checking = start + 0.9
    for k in range(6):
        txid = scene.noise(12)
        private.up(checking + 0.3 * k, check(scene, txid, b"o/5I:FY32", wire.ICE_CONTROLLING))
    for k in range(4):
        exchange_checks(scene, audio, checking + 0.07 + 0.25 * k)
        exchange_checks(scene, video, checking + 0.09 + 0.25 * k)
    media_at = checking + 1.2
    frame(scene, multiplexed, checking + 0.1, media_at, sessions[50016])
    speak(scene, audio, media_at, talk)
    show(scene, video, media_at + 0.1, talk)


def signalling(scene: Scene, at: float, client: str) -> None:
    """Play the flow beside the relays."""
    flow = scene.udp((client, 51681), (RELAY, 3478), "teams", "call-signalling")
    name = str(uuid.UUID(bytes=scene.noise(16), version=4)).encode()
    for k in range(3):
        when = at + 0.5 * k
        flow.up(when, b"\x06" + scene.noise(976))
        flow.down(when + 0.046, b"\x03" + name)
        flow.down(when + 0.048, b"\x07" + scene.noise(192))
        flow.up(when + 0.1, b"\x03" + name)


def allocate(scene: Scene, flow: Flow, at: float, session: bytes) -> None:
    """Ask a relay for an address: refused without credentials, granted with them."""
    nonce = scene.noise(20)
    txid = scene.noise(12)
    flow.up(at, wire.stun(wire.ALLOCATE, txid, COMMON, padded=False))
    mapped = wire.xor_address(flow.near[0], flow.near[1])
    refusal = [
        COMMON[0], COMMON[2], (wire.ERROR_CODE, NO_INTEGRITY), (0x000E, mapped), (NONCE, nonce),
        (REALM, b'"rtcmedia"'), (0x0001, mapped), (wire.MS_SESSION, session), (wire.XOR_MAPPED, mapped),
    ]  # fmt: skip
    flow.down(at + 0.058, wire.stun(wire.ALLOCATE_ERROR, txid, refusal, padded=False))
    txid = scene.noise(12)
    credentials = [
        *COMMON, (wire.MS_SESSION, session), (NONCE, nonce), (REALM, b'"rtcmedia"'),
        (wire.USERNAME, scene.noise(56)), (wire.MESSAGE_INTEGRITY, scene.noise(32)),
    ]  # fmt: skip
    flow.up(at + 0.083, wire.stun(wire.ALLOCATE, txid, credentials, padded=False))
    granted = [
        COMMON[0], (wire.LIFETIME, struct.pack("!I", 60)), (0x0001, mapped), COMMON[2], (wire.XOR_MAPPED, mapped),
        (wire.MS_SEQUENCE, scene.noise(20) + bytes(4)), (wire.SOFTWARE, b"2.0.1.211"), COMMON[4],
        (wire.MESSAGE_INTEGRITY, scene.noise(32)),
    ]  # fmt: skip
    flow.down(at + 0.126, wire.stun(wire.ALLOCATE_SUCCESS, txid, granted, padded=False))
    # What a peer sends through the relay comes as a Data indication of 156 bytes, without a cookie.
    for k in range(2):
        inner = check(scene, scene.noise(12), b"FY32:o/5I", wire.ICE_CONTROLLED)
        data = [(wire.XOR_PEER, wire.xor_address(PEER, 50021)), (wire.DATA, inner)]
        flow.down(
            at + 1.6 + 0.1 * k, wire.stun(wire.MICROSOFT_DATA_INDICATION, scene.noise(16), data, cookie=False)
        )  # fmt: skip


def check(scene: Scene, txid: bytes, ufrags: bytes, role: int) -> bytes:
    """Return a check of 112 bytes."""
    attributes = [
        (wire.USERNAME, ufrags), (role, scene.noise(8)), VERSION_7, (wire.MS_8036, struct.pack("!I", 1)),
        (wire.PRIORITY, struct.pack("!I", 0x6EFFFEFF)), (wire.MS_8037, struct.pack("!I", 2)),
        (wire.MESSAGE_INTEGRITY, scene.noise(20)),
    ]  # fmt: skip
    return wire.stun(wire.BINDING, txid, attributes, fingerprint=True)


def answer(scene: Scene, txid: bytes, seen: tuple[str, int]) -> bytes:
    """Return the answer to a check, 88 bytes."""
    attributes = [
        VERSION_7, (wire.XOR_MAPPED, wire.xor_address(*seen)), (wire.MS_8037, struct.pack("!I", 2)),
        (wire.MS_8036, struct.pack("!I", 1)), (wire.MESSAGE_INTEGRITY, scene.noise(20)),
    ]  # fmt: skip
    return wire.stun(wire.BINDING_SUCCESS, txid, attributes, fingerprint=True)


def exchange_checks(scene: Scene, flow: Flow, at: float) -> None:
    """Check the path from both ends."""
    txid = scene.noise(12)
    flow.up(at, check(scene, txid, b"o/5I:FY32", wire.ICE_CONTROLLING))
    flow.down(at + 0.03, answer(scene, txid, flow.near))
    txid = scene.noise(12)
    flow.down(at + 0.04, check(scene, txid, b"FY32:o/5I", wire.ICE_CONTROLLED))
    flow.up(at + 0.041, answer(scene, txid, flow.far))


def frame(scene: Scene, flow: Flow, at: float, end: float, session: bytes) -> None:
    """Check and speak through the relay, each datagram behind FF 10, until the direct path is chosen."""
    txid = scene.noise(12)
    flow.down(at, wire.microsoft_multiplexed(session, check(scene, txid, b"FY32:o/5I", wire.ICE_CONTROLLED)))
    flow.up(at + 0.01, wire.microsoft_multiplexed(session, answer(scene, txid, flow.far)))
    for send, delay in ((flow.up, 0.0), (flow.down, 0.05)):
        voice = Voice(scene, 104, 0.02, 320, (73, 88), extension=4)
        for k in range(int((end - at - 0.3) / voice.period)):
            packet = wire.microsoft_multiplexed(session, voice.packet())
            send(at + 0.3 + delay + k * voice.period + scene.jitter(5), packet)


def speak(scene: Scene, flow: Flow, at: float, talk: float) -> None:
    """Send audio both ways; RTCP probes the bandwidth at first."""
    for send, delay, ssrc in ((flow.up, 0.0, 0x0000E65A), (flow.down, 0.04, 0x000074EC)):
        voice = Voice(scene, 104, 0.02, 320, (73, 88), extension=4, ssrc=ssrc)
        for k, size in enumerate((38, 1214, 1214, 110)):
            send(at - 0.05 + delay + 0.002 * k, report(scene, ssrc, size))
        for k in range(int(talk / voice.period)):
            send(at + delay + k * voice.period + scene.jitter(5), voice.packet(marker=k == 0))
        for k in range(int(talk)):
            send(at + delay + 0.7 + k, report(scene, ssrc, 110))


def show(scene: Scene, flow: Flow, at: float, talk: float) -> None:
    """Send a few frames of video a second each way, several packets a frame under one timestamp."""
    for send, delay, ssrc in ((flow.up, 0.0, 0x0000E65B), (flow.down, 0.05, 0x000074ED)):
        video = Voice(scene, 122, 0.4, 36000, (500, 1050), extension=4, ssrc=ssrc)
        for k in range(int(talk / video.period)):
            for part in (0, 1, 2):
                packet = video.packet(steps=int(part == 2), marker=part == 2)
                send(at + delay + k * video.period + 0.001 * part, packet)


def report(scene: Scene, ssrc: int, size: int) -> bytes:
    """Return RTCP 201 of this size: the words that its length counts, then SRTCP's trailer of 14 bytes."""
    words = (size - 14) // 4
    return struct.pack("!BBHI", 0x80, 201, words - 1, ssrc) + scene.noise(size - 8)
