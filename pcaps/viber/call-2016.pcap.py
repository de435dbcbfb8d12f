"""Capture script: a classic Viber call over a voice server.

FACTS §1.5: every datagram begins with a 2-byte id of the session; control packets carry their type behind it, little
endian; media are complete RTP packets behind it, with the top bit of the id's second byte cleared. Payload types 107
(speech) and 98 (31 bytes, silence) share SSRC and sequence; 20 ms at 16 kHz. Beside it an empty TCP connection to the
same server.
"""

from __future__ import annotations

import struct

from pcaps import wire
from pcaps.craft import Flow, Scene
from pcaps.voice import Voice

SERVER = "203.0.113.186"
VOICE_PORT = 7985
RING = 3.1
MINE, THEIRS = b"\xce\xc0", b"\xa0\x96"


def media_id(control_id: bytes) -> bytes:
    """Return the id as media packets carry it."""
    return bytes((control_id[0], control_id[1] & 0x7F))


def build(scene: Scene, at: float = 0.0, client: str = "10.20.0.13", talk: float = 6.0) -> None:
    """Play the call; ``talk`` seconds of media."""
    local = (client, 48564)
    flow = scene.udp(local, (SERVER, VOICE_PORT), "viber", "call-media")
    session = scene.noise(16)

    def control(kind: int, size: int, known: bytes = b"") -> bytes:
        body = known + scene.noise(size - 4 - len(known))
        return MINE + struct.pack("<H", kind) + body

    for k in range(6):
        flow.up(at + 0.51 * k, control(0x01, 136, b"\x05\x00" + session))
        size = (74, 89, 76)[min(k, 2)]
        flow.down(at + 0.51 * k + 0.052 + scene.jitter(6), control(0x0C, size, b"\x01\x00" + session[:8]))
    probe(scene, flow, at + 0.005, control)
    end = at + RING + talk
    now = at + 0.006
    while now < end:
        stamp = scene.noise(8)
        flow.up(now, control(0x09, 20, stamp))
        flow.down(now + 0.045 + scene.jitter(4), control(0x0B, 34, stamp))
        now += 1.0
    for k in range(3):
        flow.down(at + 0.9 + 0.7 * k, control(0x19, 34))
        flow.up(at + 0.95 + 0.7 * k, control(0x1A, 20))
    peers = [("198.51.100.143", 16420 + k) for k in range(4)] + [("10.99.1.8", 48564)]
    for peer in peers:
        attempt = scene.udp(local, peer, "viber", "call-signalling")
        for k in range(5):
            attempt.up(at + RING - 0.9 + k + scene.jitter(2), control(0x03, 16, session[:8]))
    speak(scene, flow, at + RING, end)
    flow.up(end + 0.02, control(0x07, 12))
    flow.down(end + 0.07, control(0x08, 12))
    flow.up(end + 0.3, control(0x05, 12))
    reach = scene.tcp((client, 41873), (SERVER, 443), "viber", "call-signalling")
    reach.open(at + 0.02)


def probe(scene: Scene, flow: Flow, at: float, control) -> None:  # type: ignore[no-untyped-def]
    """Measure the path with bursts of 550 bytes, acknowledged packet by packet."""
    for burst in range(2):
        now = at + 1.03 * burst
        flow.up(now, control(0x1F, 12))
        for k in range(2 + 6 * burst):
            flow.up(now + 0.0003 * k, control(0x1E, 550))
            flow.down(now + 0.05 + 0.004 * k, control(0x20, 20))


def speak(scene: Scene, flow: Flow, at: float, end: float) -> None:
    """Send voice both ways, with reports (types 06 and 17) and RTCP (type 0A) beside it."""
    for control_id, send, delay in ((MINE, flow.up, 0.0), (THEIRS, flow.down, 0.3)):
        voice = Voice(scene, 107, 0.02, 320, (64, 150), extension=4)
        silent = 0
        for k in range(int((end - at - delay) / voice.period)):
            if not silent and scene.random.random() < 0.03:
                silent = scene.random.randint(3, 12)
            silent = max(silent - 1, 0)
            if silent and silent % 3:
                # One packet in three of a pause: the clock runs on, the sequence does not.
                voice.timestamp += voice.step
                continue
            packet = voice.packet(payload_type=98, size=29) if silent else voice.packet(marker=k == 0)
            send(at + delay + k * voice.period + scene.jitter(7), media_id(control_id) + packet)
        for k in range(int((end - at) / 0.72)):
            send(at + delay + 0.21 + 0.72 * k, control_id + b"\x06\x00" + scene.noise(17))
        for k in range(int((end - at) / 0.36)):
            send(at + delay + 0.11 + 0.36 * k, control_id + b"\x17\x00" + scene.noise(4))
        for k in range(int((end - at) / 2.0)):
            report = wire.rtcp(200, voice.ssrc, scene.noise(44), count=1)
            send(at + delay + 1.3 + 2.0 * k, control_id + b"\x0a\x00" + report)
