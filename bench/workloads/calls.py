"""Host module: the ``calls`` workload: thousands of calls at once, each with its set-up and its media both ways.

Set-up packets are written from the protocol facts with the builders of ``pcaps.wire``; media are RTP with a clock,
a sequence number and an SSRC of their own in each direction. Packets of all calls lie interleaved in time order.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.workloads.packing import PcapFile, put, scatter, udp_frames
from pcaps import wire

CHUNK = 400_000
START_US = 1_700_000_000_000_000
#: Calls begin within this time of each other, so that all of them are up during most of the capture.
SPREAD_US = 1_000_000
#: From the start of a call to its first media packet.
RING_US = 400_000
#: Arrival jitter of media packets, at most.
JITTER_US = 3_000
RANDOM_POOL = 1 << 20
CALLS_A_CLIENT = 3
#: Servers on these ports are shared by calls; each flow of a call has its own far addresses.
RELAY_PORTS, RELAYS, LEG_ADDRESSES = (3478, 7985, 50003), 4096, 1 << 18
EXTENSION_BYTES = 4

UP, DOWN = 0, 1
Array = Any


@dataclass(frozen=True)
class Step:
    """One packet of a call's set-up: when, which way, on which of the call's flows, and its bytes.

    Bytes named in ``txid`` (offset, length) are filled with the call's own, and so is the ICE user name at the start of
    the attributes where there is one: what two calls share would make them one.
    """

    at_ms: float
    direction: int
    leg: int
    payload: bytes
    txid: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Kind:
    """One sort of call: its share of all calls, its flows, its set-up and its media."""

    name: str
    share: float
    #: Port of the far end of each flow of the call.
    ports: tuple[int, ...]
    steps: tuple[Step, ...]
    media_leg: int
    payload_type: int
    frame_ms: int
    #: RTP timestamp units a packet.
    clock_step: int
    #: Sizes of the voice bodies, drawn evenly.
    sizes: tuple[int, ...]
    #: Bytes before the RTP header (Viber).
    prefix: bytes = b""
    #: Profile number of a header extension of one word, for applications that send one.
    extension: int | None = None
    #: Local ports differ by flow for applications that open one socket a flow.
    port_step: int = 0


STUN_TXID = (8, 12)
#: An ICE user name of two fragments of four letters, where it is a message's first attribute.
NAME_AT = 24
NAME_PLACES = (*range(NAME_AT, NAME_AT + 4), *range(NAME_AT + 5, NAME_AT + 9))
#: Letters of ICE (RFC 8445 §5.3).
ICE_LETTERS = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
_TOKEN = bytes((37 * i + 11) & 255 for i in range(150))
_INTEGRITY = (wire.MESSAGE_INTEGRITY, _TOKEN[:20])
_MAPPED = (wire.XOR_MAPPED, wire.xor_address("198.51.100.7", 40000))


def _stun(kind: int, *attributes: tuple[int, bytes], fingerprint: bool = False) -> bytes:
    return wire.stun(kind, bytes(12), attributes, fingerprint=fingerprint)


def _whatsapp() -> Kind:
    request = _stun(wire.ALLOCATE, (wire.META_TOKEN, _TOKEN[:102]))
    answer = _stun(wire.ALLOCATE_SUCCESS, _MAPPED, (wire.META_CLOCK, _TOKEN[:8]))
    steps = []
    for leg in range(3):
        steps += [Step(leg + copy / 10, UP, leg, request, STUN_TXID) for copy in (0, 1)]
        steps += [Step(20 + leg + copy / 10, DOWN, leg, answer, STUN_TXID) for copy in (0, 1)]
    sizes = (25, 31, 38, 44, 49, 56)
    return Kind("whatsapp", 0.25, (3478,) * 3, tuple(steps), 0, 120, 60, 960, sizes, extension=0xDEBE)


def _teams() -> Kind:
    allocate = _stun(
        wire.ALLOCATE,
        (wire.MS_MAGIC_COOKIE, bytes.fromhex("72c64bc6")),
        (wire.MS_VERSION, bytes.fromhex("00000006")),
        (wire.MS_SERVICE_QUALITY, bytes.fromhex("00010001")),
    )
    answer = _stun(wire.ALLOCATE_SUCCESS, _MAPPED, (wire.MS_IMPLEMENTATION, bytes.fromhex("00000007")))
    check = _stun(
        wire.BINDING,
        (wire.USERNAME, b"gppe:zWyk"),
        (wire.PRIORITY, bytes(4)),
        (wire.ICE_CONTROLLING, _TOKEN[:8]),
        (wire.MS_IMPLEMENTATION, bytes.fromhex("00000007")),
        _INTEGRITY,
        fingerprint=True,
    )
    reply = _stun(
        wire.BINDING_SUCCESS, _MAPPED, (wire.MS_IMPLEMENTATION, bytes.fromhex("00000007")), _INTEGRITY, fingerprint=True
    )
    steps = (
        Step(0, UP, 0, allocate, STUN_TXID),
        Step(25, DOWN, 0, answer, STUN_TXID),
        Step(60, UP, 1, check, STUN_TXID),
        Step(85, DOWN, 1, reply, STUN_TXID),
        Step(90, DOWN, 1, check, STUN_TXID),
        Step(91, UP, 1, reply, STUN_TXID),
    )
    sizes = (61, 64, 67, 70, 73, 76)
    return Kind("teams", 0.25, (3478, 50016), steps, 1, 104, 20, 320, sizes, extension=0xBEDE)


def _ice() -> Kind:
    check = _stun(
        wire.BINDING,
        (wire.USERNAME, b"aB3d:Xy9z"),
        (wire.GOOG_NETWORK_INFO, bytes.fromhex("0001000a")),
        (wire.ICE_CONTROLLED, _TOKEN[:8]),
        (wire.PRIORITY, bytes(4)),
        _INTEGRITY,
        fingerprint=True,
    )
    reply = _stun(wire.BINDING_SUCCESS, _MAPPED, _INTEGRITY, fingerprint=True)
    steps = tuple(
        step
        for k in range(2)
        for step in (
            Step(50 * k, UP, 0, check, STUN_TXID),
            Step(50 * k + 20, DOWN, 0, reply, STUN_TXID),
            Step(50 * k + 25, DOWN, 0, check, STUN_TXID),
            Step(50 * k + 26, UP, 0, reply, STUN_TXID),
        )
    )
    return Kind("ice", 0.15, (51820 + 7,), steps, 0, 102, 20, 960, (96, 110, 128, 140))


def _sip() -> Kind:
    def message(start: str, body: str = "") -> bytes:
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKxxxxxxxxxxxx\r\nMax-Forwards: 70\r\n"
            "From: <sip:alice@example.org>;tag=1928301774\r\nTo: <sip:bob@example.org>\r\n"
            "Call-ID: a84b4c76e66710@192.0.2.10\r\nCSeq: 314159 INVITE\r\nContact: <sip:alice@192.0.2.10>\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    sdp = (
        "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
        "m=audio 49170 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
    steps = (
        Step(0, UP, 0, message("INVITE sip:bob@example.org SIP/2.0", sdp)),
        Step(20, DOWN, 0, message("SIP/2.0 100 Trying")),
        Step(120, DOWN, 0, message("SIP/2.0 180 Ringing")),
        Step(300, DOWN, 0, message("SIP/2.0 200 OK", sdp)),
        Step(320, UP, 0, message("ACK sip:bob@example.org SIP/2.0")),
    )
    return Kind("sip", 0.15, (5060, 49170), steps, 1, 8, 20, 160, (160,), port_step=11)


def _discord() -> Kind:
    request = bytes.fromhex("00010046") + bytes(70)
    reply = bytes.fromhex("00020046") + bytes(4) + b"198.51.100.7" + bytes(54)
    steps = (Step(0, UP, 0, request, (4, 4)), Step(25, DOWN, 0, reply, (4, 4)))
    return Kind("discord", 0.10, (50003,), steps, 0, 120, 20, 960, (130, 190, 250, 269))


def _viber() -> Kind:
    flow_id = bytes.fromhex("cec0")
    register = flow_id + b"\x01\x00" + _TOKEN[:132]
    answer = flow_id + b"\x0c\x00" + _TOKEN[:70]
    ping, pong = flow_id + b"\x09\x00" + _TOKEN[:16], flow_id + b"\x0b\x00" + _TOKEN[:30]
    steps = (
        Step(0, UP, 0, register),
        Step(80, DOWN, 0, answer),
        Step(100, UP, 0, ping),
        Step(180, DOWN, 0, pong),
    )
    return Kind(
        "viber",
        0.10,
        (7985,),
        steps,
        0,
        107,
        20,
        320,
        (52, 70, 88, 110, 138),
        prefix=bytes.fromhex("ce40"),
        extension=0xBEDE,
    )


KINDS = (_whatsapp(), _teams(), _ice(), _sip(), _discord(), _viber())


def _media_templates(kind: Kind) -> list[bytes]:
    """Return an RTP packet of each size, with zeros where sequence, timestamp, SSRC and body go."""
    extension = None if kind.extension is None else bytes(EXTENSION_BYTES)
    heads = wire.rtp(kind.payload_type, 0, 0, 0, b"", extension=extension, profile=kind.extension or 0)
    return [kind.prefix + heads + bytes(size) for size in kind.sizes]


def write(path: Path, packets: int, seed: int, calls: int = 20_000, calls_a_client: int = CALLS_A_CLIENT) -> int:
    """Write the capture and return its number of biflows.

    ``calls_a_client`` calls share an address. More than one at once from the same client is what a NAT shows; where
    the application has no socket of its own a call, such calls cannot be told apart.
    """
    rng = np.random.default_rng(seed)
    calls = max(len(KINDS), min(calls, packets // 100))
    shares = np.array([kind.share for kind in KINDS])
    kind_of = np.repeat(np.arange(len(KINDS)), np.floor(shares * calls).astype(int))
    kind_of = np.concatenate([kind_of, np.zeros(calls - len(kind_of), dtype=int)])
    rng.shuffle(kind_of)
    starts = START_US + rng.integers(0, SPREAD_US, calls)

    table = _Packets()
    set_up = sum(int((kind_of == k).sum()) * len(kind.steps) for k, kind in enumerate(KINDS))
    rates = np.array([2000.0 / kind.frame_ms for kind in KINDS])[kind_of]
    seconds = max(packets - set_up, calls) / rates.sum()
    templates: list[_Template] = []
    for k, kind in enumerate(KINDS):
        mine = np.flatnonzero(kind_of == k)
        for step in kind.steps:
            templates.append(_Template(step.payload, step.txid, None))
            table.add(starts[mine] + int(step.at_ms * 1000), mine, len(templates) - 1, step.direction, step.leg)
        each = int(np.ceil(seconds * 1000 / kind.frame_ms))
        first_size = len(templates)
        templates += [_Template(body, (0, 0), kind) for body in _media_templates(kind)]
        index = np.tile(np.arange(each), len(mine))
        owner = np.repeat(mine, each)
        for direction in (UP, DOWN):
            jitter = rng.integers(0, JITTER_US, len(index))
            times = starts[owner] + RING_US + index * kind.frame_ms * 1000 + direction * 7_000 + jitter
            which = first_size + rng.integers(0, len(kind.sizes), len(index))
            table.add(times, owner, which, direction, kind.media_leg, index)
    _Writer(rng, np.arange(calls) // calls_a_client, kind_of, templates).write(path, table)
    return sum(int((kind_of == k).sum()) * len(kind.ports) for k, kind in enumerate(KINDS))


class _Packets:
    """Columns of packets to be, gathered piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[tuple[Array, ...]] = []

    def add(self, times: Array, call: Array, template: Array, direction: int, leg: int, index: Array = 0) -> None:
        n = len(times)
        columns = (call, template, direction, leg, index)
        self._pieces.append((times, *(np.broadcast_to(np.asarray(c, dtype=np.int32), (n,)) for c in columns)))

    def sorted_columns(self) -> list[Array]:
        columns = [np.concatenate(column) for column in zip(*self._pieces, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        return [column[order] for column in columns]


class _Template:
    """The bytes of one sort of packet and which of them are a packet's own."""

    def __init__(self, payload: bytes, txid: tuple[int, int], media: Kind | None) -> None:
        self.payload = payload
        has_name = payload[NAME_AT - 4 : NAME_AT - 2] == struct.pack("!H", wire.USERNAME)
        self.own = [*range(txid[0], sum(txid)), *(NAME_PLACES if has_name else ())]
        self.media = media
        tail = struct.pack("!HH", wire.FINGERPRINT, 4)
        self.fingerprints = _fingerprint_changes(payload, self.own) if payload[-8:-4] == tail else None


def _fingerprint_changes(payload: bytes, own: list[int]) -> Array:
    """Return, for each byte that is the call's own and each value, how it changes the CRC-32 (which is linear)."""
    covered = payload[:-8]
    plain = zlib.crc32(covered)
    changes = np.zeros((len(own), 256), dtype=np.uint32)
    for place, at in enumerate(own):
        for value in range(256):
            changes[place, value] = zlib.crc32(covered[:at] + bytes([value]) + covered[at + 1 :]) ^ plain
    return changes


class _Writer:
    """Turns columns into frames."""

    def __init__(self, rng: np.random.Generator, client: Array, kind_of: Array, templates: list[_Template]) -> None:
        self.templates = templates
        self.lengths = np.array([len(t.payload) for t in templates])
        calls = len(client)
        number = np.arange(calls)
        # Callers in 10.0.0.0/8; far ends in 172.16.0.0/12 (RFC 1918): one relay to many, a peer to each.
        self.client = 0x0A000000 + client
        self.client_port = 20_000 + 3 * (number % 3) * 1000 + rng.integers(0, 1000, calls)
        ports = np.zeros((len(KINDS), 3), dtype=np.int64)
        steps = np.zeros(len(KINDS), dtype=np.int64)
        for k, kind in enumerate(KINDS):
            ports[k, : len(kind.ports)] = kind.ports
            steps[k] = kind.port_step
        self.server_port = ports[kind_of]
        self.port_step = steps[kind_of]
        self.secret = rng.integers(0, 256, (calls, STUN_TXID[1] + len(NAME_PLACES)), dtype=np.uint8)
        letters = self.secret[:, STUN_TXID[1] :]
        letters[:] = ICE_LETTERS[letters % len(ICE_LETTERS)]
        self.ssrc = rng.integers(1 << 16, 1 << 32, (calls, 2))
        self.first_sequence = rng.integers(0, 1 << 16, (calls, 2))
        self.first_timestamp = rng.integers(0, 1 << 32, (calls, 2))
        self.pool = rng.integers(0, 256, RANDOM_POOL, dtype=np.uint8)

    def write(self, path: Path, table: _Packets) -> None:
        columns = table.sorted_columns()
        total = len(columns[0])
        with PcapFile(path) as out:
            for first in range(0, total, CHUNK):
                part = [column[first : first + CHUNK] for column in columns]
                buffer, starts = out.layout(part[0], self.lengths[part[2]] + 42)
                order = np.argsort(part[2], kind="stable")
                edges = np.flatnonzero(np.diff(part[2][order])) + 1
                for at in np.split(order, edges):
                    scatter(buffer, starts[at], self._frames(at + first, *(column[at] for column in part[1:])))
                out.append(buffer, len(part[0]))

    def _frames(self, serial: Array, call: Array, template: Array, direction: Array, leg: Array, index: Array) -> Array:
        chosen = self.templates[template[0]]
        n = len(call)
        payloads = np.empty((n, len(chosen.payload)), dtype=np.uint8)
        payloads[:] = np.frombuffer(chosen.payload, dtype=np.uint8)
        width = len(chosen.own)
        if width:
            payloads[:, chosen.own] = self.secret[call, :width]
            if chosen.fingerprints is not None:
                change = np.bitwise_xor.reduce(chosen.fingerprints[np.arange(width), self.secret[call, :width]], axis=1)
                put(payloads, payloads.shape[1] - 4, change ^ np.uint32(int.from_bytes(chosen.payload[-4:], "big")), 4)
        if chosen.media is not None:
            at = len(chosen.media.prefix)
            put(payloads, at + 2, (self.first_sequence[call, direction] + index) & 0xFFFF, 2)
            ticks = self.first_timestamp[call, direction] + index * np.int64(chosen.media.clock_step)
            put(payloads, at + 4, ticks & 0xFFFFFFFF, 4)
            put(payloads, at + 8, self.ssrc[call, direction], 4)
            # What follows the fixed header is random, but for the head of an extension (4 bytes).
            at += 12 if chosen.media.extension is None else 16
            windows = np.lib.stride_tricks.sliding_window_view(self.pool, len(chosen.payload) - at)
            payloads[:, at:] = windows[(serial * 7919) % len(windows)]
        near, near_port = self.client[call], self.client_port[call] + leg * self.port_step[call]
        far_port = self.server_port[call, leg]
        number = np.where(np.isin(far_port, RELAY_PORTS), call % RELAYS, call).astype(np.int64)
        far = number + 0xAC100000 + LEG_ADDRESSES * leg
        up = direction == UP
        return udp_frames(
            payloads,
            np.where(up, near, far),
            np.where(up, far, near),
            np.where(up, near_port, far_port),
            np.where(up, far_port, near_port),
            serial & 0xFFFF,
        )
