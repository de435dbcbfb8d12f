"""Host module: the same call as another client and another network would show it, for bench.mutations and tests.

A capture's UDP datagrams are taken out of their frames and put into new ones: other ports of the client, IPv6, tunnels,
loss, repeats, changed order. What an application says is left alone, so its label should be left alone too.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from flowclass.dissect.fragment import new_fragments
from flowclass.record.packet import IPV4_MAPPED, PACKET, PACKET_REF
from flowclass.record.status import Status
from flowclass.training.corpus import FlowKey, flow_key
from flowclass.training.views import dissect_frames, read_frames

ETHERNET, UDP = 1, 17
IPV6_TYPE, IPV4_TYPE, VLAN_TYPE = b"\x86\xdd", b"\x08\x00", b"\x81\x00"
MACS = b"\x02" * 12
GTPU_PORT = 2152
_SEED = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
#: An IPv6 prefix for documentation (RFC 3849), 96 bits.
PREFIX = bytes.fromhex("20010db8000000000000") + b"\0\0"
#: Shares of datagrams that a bad network loses, repeats and delivers late.
LOST, REPEATED, LATE = 0.05, 0.10, 0.05
#: Ports below may be servers' whose place in the capture is the client's (Zoom's and Meta's among them) and are kept.
FIRST_EPHEMERAL = 40_004
#: Ports a client may take on Linux, less the voice servers' of Discord.
CLIENT_PORTS = (32_768, 49_151)
#: Ports that no service of ours is known by, enough for every socket of a capture.
FIRST_FREE_PORT, FREE_PORTS = 24_000, 8_000


@dataclass(frozen=True)
class Datagram:
    """One UDP datagram: addresses are 16 bytes (IPv4 mapped), ``wire`` its payload's length on the wire."""

    ts_ns: int
    src: bytes
    sport: int
    dst: bytes
    dport: int
    payload: bytes
    wire: int
    flow: int

    def key(self) -> FlowKey:
        """Return the key of its flow, as `flowclass.training.corpus.key_of` gives of a FLOW record."""
        left, right = struct.unpack("!QQ", self.src), struct.unpack("!QQ", self.dst)
        return flow_key(UDP, (left[0], left[1], self.sport), (right[0], right[1], self.dport))


Mutation = Callable[[Sequence[Datagram], Random], list[Datagram]]
Wrap = Callable[[Datagram], tuple[bytes, int]]


def datagrams_of(path: str, most: int) -> list[Datagram]:
    """Return the first ``most`` UDP datagrams of a capture, tunnels opened.

    Raises
    ------
    CaptureError
        When the capture cannot be read.
    """
    frames = read_frames(path)
    packets = np.zeros(len(frames.refs), PACKET)
    dissect_frames(frames.data, frames.refs, packets, new_fragments(), _SEED)
    chosen = np.flatnonzero((packets["status"] == Status.OK) & (packets["proto"] == UDP))[:most]
    found = []
    for place in chosen:
        pkt = packets[place]
        src, dst = (struct.pack("!QQ", int(pkt[f"{end}_hi"]), int(pkt[f"{end}_lo"])) for end in ("src", "dst"))
        payload = frames.data[int(pkt["payload_lo"]) : int(pkt["payload_hi"])].tobytes()
        found.append(
            Datagram(
                int(frames.refs["ts_ns"][place]),
                src,
                int(pkt["sport"]),
                dst,
                int(pkt["dport"]),
                payload,
                max(int(pkt["payload_bytes"]), len(payload)),
                int(frames.flow[place]),
            )
        )
    return found


def same(datagrams: Sequence[Datagram], chance: Random) -> list[Datagram]:
    """Change nothing."""
    return list(datagrams)


def other_ports(datagrams: Sequence[Datagram], chance: Random) -> list[Datagram]:
    """Give the client, the host seen most, other ports, each its own."""
    hosts: Counter[bytes] = Counter()
    for one in datagrams:
        hosts.update((one.src, one.dst))
    client = hosts.most_common(1)[0][0] if hosts else b""
    ports: dict[int, int] = {}

    def of(address: bytes, port: int) -> int:
        if address != client or port < FIRST_EPHEMERAL:
            return port
        if port not in ports:
            taken = set(ports.values())
            ports[port] = next(new for _ in range(1 << 16) if (new := chance.randint(*CLIENT_PORTS)) not in taken)
        return ports[port]

    return [replace(one, sport=of(one.src, one.sport), dport=of(one.dst, one.dport)) for one in datagrams]


def all_ports(datagrams: Sequence[Datagram], chance: Random) -> list[Datagram]:
    """Give every end another port, servers too: what is left without the ports that services are known by."""
    ports: dict[tuple[bytes, int], int] = {}

    def of(address: bytes, port: int) -> int:
        return ports.setdefault((address, port), FIRST_FREE_PORT + len(ports) % FREE_PORTS)

    return [replace(one, sport=of(one.src, one.sport), dport=of(one.dst, one.dport)) for one in datagrams]


def lossy(datagrams: Sequence[Datagram], chance: Random) -> list[Datagram]:
    """Lose some datagrams."""
    return [one for one in datagrams if chance.random() >= LOST]


def repeated(datagrams: Sequence[Datagram], chance: Random) -> list[Datagram]:
    """Deliver some datagrams twice, as a mirror of both sides of a router does."""
    return [copy for one in datagrams for copy in ([one, one] if chance.random() < REPEATED else [one])]


def reordered(datagrams: Sequence[Datagram], chance: Random) -> list[Datagram]:
    """Deliver some datagrams after the one that followed them, at that one's time."""
    found = list(datagrams)
    for place in range(len(found) - 1):
        if chance.random() < LATE:
            first, second = found[place], found[place + 1]
            found[place], found[place + 1] = replace(second, ts_ns=first.ts_ns), replace(first, ts_ns=second.ts_ns)
    return found


def to_ipv6(datagrams: Sequence[Datagram], chance: Random) -> list[Datagram]:
    """Turn IPv4 addresses into IPv6 ones."""

    def of(address: bytes) -> bytes:
        return PREFIX + address[12:] if is_ipv4(address) else address

    return [replace(one, src=of(one.src), dst=of(one.dst)) for one in datagrams]


def is_ipv4(address: bytes) -> bool:
    """Whether 16 bytes are a mapped IPv4 address."""
    return int.from_bytes(address, "big") >> 32 == IPV4_MAPPED >> 32


def _ip(one: Datagram) -> tuple[bytes, bytes]:
    """Return (Ethernet type, IP packet)."""
    udp = struct.pack("!HHHH", one.sport, one.dport, 8 + one.wire, 0) + one.payload
    if is_ipv4(one.src):
        return IPV4_TYPE, _ipv4(one.src[12:], one.dst[12:], 8 + one.wire, udp)
    return IPV6_TYPE, struct.pack("!IHBB", 6 << 28, 8 + one.wire, UDP, 64) + one.src + one.dst + udp


def _ipv4(src: bytes, dst: bytes, length: int, body: bytes) -> bytes:
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + length, 1, 0, 64, UDP, 0, src, dst) + body


def plain(one: Datagram) -> tuple[bytes, int]:
    """Return (frame, its length on the wire): Ethernet, IP, UDP."""
    kind, packet = _ip(one)
    frame = MACS + kind + packet
    return frame, len(frame) + one.wire - len(one.payload)


def vlan(one: Datagram) -> tuple[bytes, int]:
    """Return the frame behind two VLAN tags."""
    kind, packet = _ip(one)
    frame = MACS + VLAN_TYPE + b"\0\x0c" + VLAN_TYPE + b"\0\x22" + kind + packet
    return frame, len(frame) + one.wire - len(one.payload)


def gtpu(one: Datagram) -> tuple[bytes, int]:
    """Return the frame inside GTP-U, as on the core side of a mobile network (3GPP TS 29.281 §5)."""
    _, packet = _ip(one)
    missing = one.wire - len(one.payload)
    inner = len(packet) + missing
    tunnel = struct.pack("!BBHI", 0x30, 0xFF, inner, 7) + packet
    outer = struct.pack("!HHHH", GTPU_PORT, GTPU_PORT, 16 + inner, 0) + tunnel
    frame = MACS + IPV4_TYPE + _ipv4(b"\xc0\0\2\1", b"\xc0\0\2\2", 16 + inner, outer)
    return frame, len(frame) + missing


def block_of(datagrams: Sequence[Datagram], wrap: Wrap = plain, snap: int = 1 << 16) -> tuple[np.ndarray, np.ndarray]:
    """Return (bytes, PACKET_REF[n]) of the datagrams in new frames, cut to ``snap`` bytes."""
    refs = np.zeros(len(datagrams), PACKET_REF)
    parts, offset = [], 0
    for ref, one in zip(refs, datagrams, strict=True):
        frame, wire = wrap(one)
        frame = frame[:snap]
        ref["ts_ns"], ref["offset"], ref["caplen"] = one.ts_ns, offset, len(frame)
        ref["wirelen"], ref["linktype"] = wire, ETHERNET
        parts.append(frame)
        offset += len(frame)
    return np.frombuffer(b"".join(parts) or b"\0", np.uint8).copy(), refs


def without_start(datagrams: Sequence[Datagram], count: int) -> list[Datagram]:
    """Return the datagrams less the first ``count`` of every flow, as a monitor that starts late sees them."""
    seen: Counter[int] = Counter()
    found = []
    for one in datagrams:
        seen[one.flow] += 1
        if seen[one.flow] > count:
            found.append(one)
    return found


#: What another client or network would change: name → (mutation, framing).
MUTATIONS: dict[str, tuple[Mutation, Wrap]] = {
    "as it was": (same, plain),
    "other client ports": (other_ports, plain),
    "all ports changed": (all_ports, plain),
    "IPv6": (to_ipv6, plain),
    "two VLAN tags": (same, vlan),
    "inside GTP-U": (same, gtpu),
    "5 % lost": (lossy, plain),
    "10 % twice": (repeated, plain),
    "5 % late": (reordered, plain),
}
