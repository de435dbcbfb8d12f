"""Host module: a Scene of hosts that talk, frame by frame through Scapy, and what is written of it.

Called by the capture scripts. A scene owns its clock and its randomness, both fixed by its name, so that the same
script gives the same bytes. Addresses are private or for documentation only (RFC 1918, RFC 5737, RFC 3849).
"""

from __future__ import annotations

import random
import runpy
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

FOLDER = Path(__file__).parent
#: When every capture begins: 2024-05-01 12:00:00 UTC.
EPOCH_US = 1_714_564_800_000_000
#: pcap, microseconds, little endian, Ethernet (draft-ietf-opsawg-pcap §4).
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
MSS = 1400

Endpoint = tuple[str, int]
LABEL_COLUMNS = (
    "capture", "group", "proto", "src", "sport", "dst", "dport", "packets", "bytes", "fwd_packets", "rev_packets",
    "start_ts", "duration", "app", "kind",
)  # fmt: skip


def mac(address: str) -> str:
    """Return a locally administered MAC address made of an IP address."""
    digest = zlib.crc32(address.encode())
    return "02:00:" + ":".join(f"{byte:02x}" for byte in struct.pack("!I", digest))


@dataclass
class Flow:
    """A biflow between two endpoints; ``near`` sends the first packet unless the script says otherwise."""

    scene: Scene
    near: Endpoint
    far: Endpoint
    app: str
    kind: str
    proto: int = 17
    times_us: list[int] = field(default_factory=list)
    ip_bytes: list[int] = field(default_factory=list)
    #: True for packets from ``near``.
    outward: list[bool] = field(default_factory=list)
    _ids: dict[bool, int] = field(default_factory=dict)

    def up(self, at: float, payload: bytes) -> None:
        """Send from ``near`` to ``far``; ``at`` is in seconds from the scene's start."""
        self.send(at, Raw(payload) if payload else None, outward=True)

    def down(self, at: float, payload: bytes) -> None:
        """Send from ``far`` to ``near``."""
        self.send(at, Raw(payload) if payload else None, outward=False)

    def send(self, at: float, content: Any, *, outward: bool, transport: Any = None) -> None:
        """Send one packet; ``transport`` overrides the plain UDP header."""
        (src, sport), (dst, dport) = (self.near, self.far) if outward else (self.far, self.near)
        number = self._ids.setdefault(outward, self.scene.random.randrange(1 << 16))
        self._ids[outward] = (number + 1) & 0xFFFF
        network = IPv6(src=src, dst=dst, hlim=64) if ":" in src else IP(src=src, dst=dst, id=number, flags="DF", ttl=64)
        packet = network / (transport or UDP(sport=sport, dport=dport))
        if content is not None:
            packet = packet / content
        frame = bytes(Ether(src=mac(src), dst=mac(dst)) / packet)
        at_us = round(at * 1e6)
        self.times_us.append(at_us)
        self.ip_bytes.append(len(frame) - 14)
        self.outward.append(outward)
        self.scene.frames.append((at_us, frame))

    def label(self, capture: str) -> dict[str, Any]:
        """Return the flow's row of ``labels.csv``; ``src`` is who sent the first packet."""
        order = sorted(range(len(self.times_us)), key=lambda i: self.times_us[i])
        out_first = self.outward[order[0]]
        src, dst = (self.near, self.far) if out_first else (self.far, self.near)
        forward = sum(o == out_first for o in self.outward)
        first, last = self.times_us[order[0]], self.times_us[order[-1]]
        values = (
            capture, "own", self.proto, *src, *dst, len(order), sum(self.ip_bytes), forward, len(order) - forward,
            f"{(EPOCH_US + first) / 1e6:.6f}", f"{(last - first) / 1e6:.6f}", self.app, self.kind,
        )  # fmt: skip
        return dict(zip(LABEL_COLUMNS, values, strict=True))


@dataclass
class Connection(Flow):
    """A TCP flow: handshake, segments with sequence numbers and acknowledgements, close."""

    proto: int = 6
    rtt: float = 0.03

    def __post_init__(self) -> None:
        self._next = {True: self.scene.random.randrange(1 << 32), False: self.scene.random.randrange(1 << 32)}

    def _segment(self, at: float, flags: str, *, outward: bool, data: bytes = b"") -> None:
        (_, sport), (_, dport) = (self.near, self.far) if outward else (self.far, self.near)
        ack = self._next[not outward] if "A" in flags else 0
        header = TCP(sport=sport, dport=dport, flags=flags, seq=self._next[outward], ack=ack, window=64240)
        self.send(at, Raw(data) if data else None, outward=outward, transport=header)
        used = len(data) + ("S" in flags) + ("F" in flags)
        self._next[outward] = (self._next[outward] + used) & 0xFFFFFFFF

    def open(self, at: float) -> float:
        """Shake hands; return when the client may send."""
        self._segment(at, "S", outward=True)
        self._segment(at + self.rtt, "SA", outward=False)
        self._segment(at + self.rtt + 0.0002, "A", outward=True)
        return at + self.rtt + 0.001

    def say(self, at: float, data: bytes, *, outward: bool = True, cuts: Iterable[int] = ()) -> float:
        """Send data, cut at the MSS or at the given places, and acknowledge it; return when that is done."""
        edges = [0, *cuts]
        pieces = [data[a:b] for a, b in zip(edges, [*edges[1:], len(data)], strict=True)]
        for piece in pieces:
            for start in range(0, len(piece), MSS):
                self._segment(at, "PA", outward=outward, data=piece[start : start + MSS])
                at += 0.0003
        self._segment(at + self.rtt / 2, "A", outward=not outward)
        return at + self.rtt / 2 + 0.0005

    def close(self, at: float) -> None:
        """Close from the client's side."""
        self._segment(at, "FA", outward=True)
        self._segment(at + self.rtt, "FA", outward=False)
        self._segment(at + self.rtt + 0.0002, "A", outward=True)


class Scene:
    """Everything that one capture shows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.random = random.Random(zlib.crc32(name.encode()))
        self.frames: list[tuple[int, bytes]] = []
        self.flows: list[Flow] = []

    def noise(self, length: int) -> bytes:
        """Return random bytes, never two alike in a scene."""
        return self.random.randbytes(length)

    def jitter(self, milliseconds: float) -> float:
        """Return a random delay in seconds, up to the given milliseconds."""
        return self.random.random() * milliseconds / 1000

    def udp(self, near: Endpoint, far: Endpoint, app: str, kind: str) -> Flow:
        """Begin a UDP flow."""
        self.flows.append(Flow(self, near, far, app, kind))
        return self.flows[-1]

    def tcp(self, near: Endpoint, far: Endpoint, app: str, kind: str) -> Connection:
        """Begin a TCP flow."""
        flow = Connection(self, near, far, app, kind)
        self.flows.append(flow)
        return flow

    def play(self, script: str, **options: Any) -> None:
        """Let another script act in this scene."""
        load(FOLDER / f"{script}.pcap.py")["build"](self, **options)

    def pcap(self, wrap: Callable[[bytes, int], bytes] | None = None) -> bytes:
        """Return the capture file; ``wrap`` puts each frame, with its number, into a tunnel."""
        out = [PCAP_HEADER]
        for number, (at_us, frame) in enumerate(sorted(self.frames, key=lambda entry: entry[0])):
            seen = wrap(frame, number) if wrap else frame
            seconds, fraction = divmod(EPOCH_US + at_us, 1_000_000)
            out.append(struct.pack("<IIII", seconds, fraction, len(seen), len(seen)) + seen)
        return b"".join(out)

    def labels(self, capture: str) -> list[dict[str, Any]]:
        """Return a row of labels for each flow that sent anything."""
        return [flow.label(capture) for flow in self.flows if flow.times_us]


def load(script: Path) -> dict[str, Any]:
    """Return what a capture script defines: ``build``, and ``wrap`` where its frames travel in a tunnel."""
    return runpy.run_path(str(script))


def perform(script: Path) -> tuple[bytes, list[dict[str, Any]]]:
    """Return the capture that a script makes and its rows of labels."""
    name = script.relative_to(FOLDER).as_posix().removesuffix(".py")
    content = load(script)
    scene = Scene(name)
    content["build"](scene)
    return scene.pcap(content.get("wrap")), scene.labels(name)
