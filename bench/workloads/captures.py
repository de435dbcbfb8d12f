"""Host module: read whole capture files of Ethernet, for replay: plain, and independent of the product's own reader.

Called by the ``corpus`` workload. A damaged file gives what was whole before the damage.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path

ETHERNET = 1
#: pcap magics (draft-ietf-opsawg-pcap §4, and libpcap's "modified" one): ticks a second, record header bytes.
PCAP_MAGICS = {0xA1B2C3D4: (1_000_000, 16), 0xA1B23C4D: (1_000_000_000, 16), 0xA1B2CD34: (1_000_000, 24)}
SECTION, INTERFACE, PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
OPTION_RESOLUTION = 9
BYTE_ORDER_MAGIC = 0x1A2B3C4D

#: (microseconds, length on the wire, captured bytes)
Frame = tuple[int, int, bytes]


def ethernet_frames(path: Path) -> Iterator[Frame]:
    """Yield each Ethernet frame of a pcap or pcapng file, in file order; stop quietly where the file is damaged."""
    data = path.read_bytes()
    with contextlib.suppress(struct.error):
        if data[:4] == b"\x0a\x0d\x0d\x0a":
            yield from _pcapng(data)
        for order in "<>":
            if struct.unpack_from(order + "I", data)[0] in PCAP_MAGICS:
                yield from _pcap(data, order)


def _pcap(data: bytes, order: str) -> Iterator[Frame]:
    ticks, head_bytes = PCAP_MAGICS[struct.unpack_from(order + "I", data)[0]]
    if struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF != ETHERNET:
        return
    head = struct.Struct(order + "IIII")
    at = 24
    while at + head_bytes <= len(data):
        seconds, fraction, caplen, wirelen = head.unpack_from(data, at)
        at += head_bytes
        if at + caplen > len(data):
            return
        yield seconds * 1_000_000 + fraction * 1_000_000 // ticks, wirelen, data[at : at + caplen]
        at += caplen


def _resolution(options: bytes, order: str) -> int:
    """Return the ticks a second of an interface (pcapng, if_tsresol)."""
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(order + "HH", options, at)
        if code == 0:
            break
        if code == OPTION_RESOLUTION and length:
            value = options[at + 4]
            return int(2 ** (value & 127)) if value & 128 else int(10**value)
        at += 4 + length + -length % 4
    return 1_000_000


def _pcapng(data: bytes) -> Iterator[Frame]:
    order, at, last = "<", 0, 0
    interfaces: list[tuple[int, int]] = []
    while at + 12 <= len(data):
        kind = struct.unpack_from(order + "I", data, at)[0]
        if kind == SECTION:
            order = "<" if struct.unpack_from("<I", data, at + 8)[0] == BYTE_ORDER_MAGIC else ">"
            interfaces = []
        length = struct.unpack_from(order + "I", data, at + 4)[0]
        if length < 12 or at + length > len(data):
            return
        body = data[at + 8 : at + length - 4]
        if kind == INTERFACE:
            interfaces.append((struct.unpack_from(order + "H", body)[0], _resolution(body[8:], order)))
        elif kind in (ENHANCED_PACKET, PACKET):
            number, high, low, caplen, wirelen = struct.unpack_from(order + "IIIII", body)
            number = number if kind == ENHANCED_PACKET else struct.unpack_from(order + "H", body)[0]
            if number < len(interfaces) and interfaces[number][0] == ETHERNET:
                last = ((high << 32) | low) * 1_000_000 // interfaces[number][1]
                yield last, wirelen, body[20 : 20 + caplen]
        elif kind == SIMPLE_PACKET and interfaces and interfaces[0][0] == ETHERNET:
            wirelen = struct.unpack_from(order + "I", body)[0]
            yield last, wirelen, body[4 : 4 + wirelen]
        at += length


# Numbers that lead from one layer to the next: IEEE 802 EtherTypes, IANA protocol numbers and ports.
TAGS = (0x8100, 0x88A8, 0x9100)
IPV4, IPV6, MPLS, PPPOE, BRIDGED = 0x0800, 0x86DD, (0x8847, 0x8848), 0x8864, 0x6558
IPIP, UDP, IPV6_IN_IP, GRE = 4, 17, 41, 47
GTPU_PORT, VXLAN_PORT = 2152, 4789
DEEPEST = 8


def ip_headers(frame: bytes) -> list[int]:
    """Return the offset of each IP header of an Ethernet frame, outermost first; IPv6 ones are negative.

    Walks VLAN, MPLS, PPPoE, IP-in-IP, GRE, GTP-U and VXLAN, so that inner addresses become fresh as outer ones do.
    """
    found: list[int] = []
    with contextlib.suppress(struct.error, IndexError):
        _ethernet(frame, 0, found)
    return found


def _word(frame: bytes, at: int) -> int:
    return int(struct.unpack_from("!H", frame, at)[0])


def _ethernet(frame: bytes, at: int, found: list[int]) -> None:
    kind, at = _word(frame, at + 12), at + 14
    while kind in TAGS:
        kind, at = _word(frame, at + 2), at + 4
    if kind in MPLS:
        while not frame[at + 2] & 1:
            at += 4
        at += 4
        if frame[at] >> 4 in (4, 6):
            _ip(frame, at, found)
        elif frame[at] >> 4 == 0 and len(found) < DEEPEST:
            _ethernet(frame, at + 4, found)
    elif kind == PPPOE and _word(frame, at + 6) in (0x0021, 0x0057):
        _ip(frame, at + 8, found)
    elif kind in (IPV4, IPV6):
        _ip(frame, at, found)


def _ip(frame: bytes, at: int, found: list[int]) -> None:
    version = frame[at] >> 4
    if version == 4 and at + 20 <= len(frame) and frame[at] & 15 >= 5:
        found.append(at)
        if _word(frame, at + 6) & 0x1FFF:
            return
        protocol, at = frame[at + 9], at + 4 * (frame[at] & 15)
    elif version == 6 and at + 40 <= len(frame):
        found.append(-at)
        protocol, at = frame[at + 6], at + 40
    else:
        return
    if len(found) >= DEEPEST:
        return
    if protocol in (IPIP, IPV6_IN_IP):
        _ip(frame, at, found)
    elif protocol == GRE:
        _gre(frame, at, found)
    elif protocol == UDP:
        _udp_tunnel(frame, at, found)


def _gre(frame: bytes, at: int, found: list[int]) -> None:
    flags, kind = _word(frame, at), _word(frame, at + 2)
    if flags & 7:
        return
    at += 4 + 4 * sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
    if kind in (IPV4, IPV6):
        _ip(frame, at, found)
    elif kind == BRIDGED:
        _ethernet(frame, at, found)


def _udp_tunnel(frame: bytes, at: int, found: list[int]) -> None:
    port, at = _word(frame, at + 2), at + 8
    if port == GTPU_PORT and frame[at] >> 4 == 3 and frame[at + 1] == 0xFF:
        inner = at + 8
        if frame[at] & 7:
            following, inner = frame[at + 11], at + 12
            while following and frame[inner]:
                inner += 4 * frame[inner]
                following = frame[inner - 1]
        _ip(frame, inner, found)
    elif port == VXLAN_PORT and frame[at] == 8:
        _ethernet(frame, at + 8, found)
