"""Plain frames for tests, built by struct alone: what scapy makes too, a hundred times faster."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

import numpy as np

from flowclass.record.packet import PACKET_REF

ETHERNET = 1


@dataclass(frozen=True)
class Frame:
    """One captured frame."""

    ts_ns: int
    data: bytes
    linktype: int = ETHERNET
    wirelen: int = -1


def ip4(src: str, dst: str, proto: int, body: bytes, *, ident: int = 1, ttl: int = 64, flags: int = 0) -> bytes:
    """Return an IPv4 packet."""
    head = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(body),
        ident,
        flags,
        ttl,
        proto,
        0,
        ipaddress.ip_address(src).packed,
        ipaddress.ip_address(dst).packed,
    )
    return head + body


def ip6(src: str, dst: str, proto: int, body: bytes) -> bytes:
    """Return an IPv6 packet."""
    addresses = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    return struct.pack("!IHBB", 6 << 28, len(body), proto, 64) + addresses + body


def ip(src: str, dst: str, proto: int, body: bytes) -> bytes:
    """Return an IP packet of the family of its addresses, behind an Ethernet header."""
    if ":" in src:
        return b"\2" * 12 + b"\x86\xdd" + ip6(src, dst, proto, body)
    return b"\2" * 12 + b"\x08\x00" + ip4(src, dst, proto, body)


def udp(ts_ns: int, src: str, sport: int, dst: str, dport: int, payload: bytes = b"") -> Frame:
    """Return a UDP frame."""
    return Frame(ts_ns, ip(src, dst, 17, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload))


def tcp(
    ts_ns: int, src: str, sport: int, dst: str, dport: int, payload: bytes = b"", *, seq: int = 1, flags: int = 0x10
) -> Frame:
    """Return a TCP frame."""
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, 1, 0x50, flags, 65535, 0, 0)
    return Frame(ts_ns, ip(src, dst, 6, head + payload))


def rtp(
    seq: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    *,
    payload_type: int = 96,
    marker: int = 0,
    profile: int = 0,
) -> bytes:
    """Return an RTP packet (RFC 3550 §5.1), with a header extension of one word where a profile is given."""
    first = 0x90 if profile else 0x80
    head = struct.pack("!BBHII", first, marker << 7 | payload_type, seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    extension = struct.pack("!HHI", profile, 1, 0x10FF0000) if profile else b""
    return head + extension + payload


def block_of(frames: list[Frame]) -> tuple[np.ndarray, np.ndarray]:
    """Return (bytes, PACKET_REF rows) of frames, as a Source would hand them out."""
    refs = np.zeros(len(frames), PACKET_REF)
    offset = 0
    for ref, frame in zip(refs, frames, strict=True):
        wirelen = len(frame.data) if frame.wirelen < 0 else frame.wirelen
        ref["ts_ns"], ref["offset"], ref["caplen"] = frame.ts_ns, offset, len(frame.data)
        ref["wirelen"], ref["linktype"] = wirelen, frame.linktype
        offset += len(frame.data)
    return np.frombuffer(b"".join(f.data for f in frames) or b"\0", np.uint8).copy(), refs
