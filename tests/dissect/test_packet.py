"""dissect_packet: each encapsulation, each status, each anomaly, and the plain road against the general walk."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

import numpy as np
import pytest

from flowclass.record.packet import IPV4_MAPPED, MAX_LAYERS, PACKET, Fragment
from flowclass.record.status import Anomaly, Status
from tests.dissect.encapsulations import CONTENT, DPORT, ENCAPSULATIONS, SPORT, ether, outer, udp4, udp6
from tests.dissect.harness import dissect

NAMES = sorted(ENCAPSULATIONS)


def words(address: str) -> tuple[int, int]:
    """Return an address as PACKET holds it."""
    ip = ipaddress.ip_address(address)
    if ip.version == 4:
        return 0, IPV4_MAPPED | int(ip)
    return int(ip) >> 64, int(ip) & (2**64 - 1)


def one(frame: bytes, linktype: int = 1, **fields: Any) -> Any:
    """Return the row of a single frame."""
    return dissect([frame], linktype, **fields)[0]


def has(row: Any, anomaly: Anomaly) -> bool:
    """Whether the row carries the anomaly."""
    return bool(int(row["anomalies"]) & (1 << anomaly))


@pytest.mark.parametrize("name", NAMES)
def test_encapsulation__innermost_packet_is_described(name: str) -> None:
    linktype, frame, _ = ENCAPSULATIONS[name]
    row = one(frame, linktype)
    version = int(row["version"])
    assert Status(int(row["status"])) is Status.OK
    source, target = ("10.1.0.1", "10.2.0.2") if version == 4 else ("2001:db8::1", "2001:db8::2")
    assert (int(row["src_hi"]), int(row["src_lo"])) == words(source)
    assert (int(row["dst_hi"]), int(row["dst_lo"])) == words(target)
    assert (row["proto"], row["sport"], row["dport"]) == (17, SPORT, DPORT)
    assert frame[int(row["payload_lo"]) : int(row["payload_hi"])] == CONTENT
    assert row["payload_bytes"] == len(CONTENT)
    assert row["anomalies"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_encapsulation__path_is_kept(name: str) -> None:
    linktype, frame, path = ENCAPSULATIONS[name]
    row = one(frame, linktype)
    padding = [(0, 0)] * (4 - len(path))
    found = list(zip(row["tunnel_kind"].tolist(), row["tunnel_id"].tolist(), strict=True))
    assert (int(row["depth"]), found) == (len(path), [(int(kind), number) for kind, number in path] + padding)


@pytest.mark.parametrize("name", NAMES)
def test_encapsulation__every_field_but_flow_is_set(name: str) -> None:
    linktype, frame, _ = ENCAPSULATIONS[name]
    fresh = dissect([frame], linktype)
    again = dissect([frame], linktype)
    fresh["flow"] = again["flow"] = 0
    assert fresh.tobytes() == again.tobytes()
    for field in PACKET.names or ():
        if field not in ("flow", "hash", "tunnel_kind", "tunnel_id"):
            stale = np.full(PACKET[field].itemsize, 0xA5, np.uint8).view(PACKET[field])[0]
            assert fresh[0][field] != stale, field


@pytest.mark.parametrize("name", NAMES)
def test_general_walk__equals_the_plain_road(name: str) -> None:
    linktype, frame, _ = ENCAPSULATIONS[name]
    plain, general = dissect([frame], linktype), dissect([frame], linktype, general=True)
    plain["flow"] = general["flow"] = 0
    assert plain.tobytes() == general.tobytes()


def tcp(flags: int = 0x18, offset: int = 5, content: bytes = b"hello") -> bytes:
    """Return an Ethernet frame with a TCP segment."""
    segment = struct.pack("!HHIIBBHHH", 443, 51000, 0xDEADBEEF, 1, offset << 4, flags, 512, 0xBEEF, 0) + content
    return bytes(ether() / outer().__class__(src="10.1.0.1", dst="10.2.0.2", proto=6, id=99, ttl=61) / segment)


@pytest.mark.parametrize("general", [False, True])
def test_tcp__fields(general: bool) -> None:
    row = dissect([tcp()], general=general)[0]
    names = ("sport", "dport", "tcp_seq", "tcp_flags", "checksum", "ip_id", "hop_limit")
    assert [int(row[name]) for name in names] == [
        443, 51000, 0xDEADBEEF, 0x18, 0xBEEF, 99, 61,
    ]  # fmt: skip
    assert (row["payload_lo"], row["payload_hi"], row["payload_bytes"], row["ip_bytes"]) == (54, 59, 5, 45)


@pytest.mark.parametrize("offset", [0, 4, 15])
def test_tcp__impossible_offset_is_malformed(offset: int) -> None:
    assert one(tcp(offset=offset))["status"] == Status.TRANSPORT_MALFORMED


def test_tcp__header_cut_behind_the_ports_is_metered() -> None:
    row = one(tcp()[:40], wirelen=59)
    assert (row["status"], row["sport"], row["payload_bytes"], row["tcp_seq"]) == (Status.OK, 443, 5, 0)
    assert row["payload_lo"] == row["payload_hi"] == 40
    assert has(row, Anomaly.SNAPPED)


UDP_FRAME = bytes(ether() / udp4())


def patched(frame: bytes, at: int, patch: bytes) -> bytes:
    """Return the frame with bytes replaced."""
    return frame[:at] + patch + frame[at + len(patch) :]


@pytest.mark.parametrize(
    ("patch", "payload_bytes"),
    [(b"\0\0", 20), (b"\0\7", 20), (b"\0\x0c", 4), (b"\xff\xff", 20)],
)
def test_udp__length_that_does_not_fit_is_an_anomaly(patch: bytes, payload_bytes: int) -> None:
    row = one(patched(UDP_FRAME, 38, patch))
    assert (row["status"], row["payload_bytes"]) == (Status.OK, payload_bytes)
    assert has(row, Anomaly.UDP_LENGTH_MISMATCH)


def test_ipv4__length_zero_takes_the_frame() -> None:
    row = one(patched(UDP_FRAME, 16, b"\0\0"))
    assert (row["ip_bytes"], row["payload_bytes"], has(row, Anomaly.IP_LENGTH_ZERO)) == (48, 20, True)


def test_ipv4__length_beyond_the_frame_takes_the_frame() -> None:
    row = one(patched(UDP_FRAME, 16, b"\1\0"))
    assert (row["ip_bytes"], has(row, Anomaly.IP_LENGTH_BEYOND_FRAME)) == (48, True)


def test_ipv6__jumbogram_length_is_believed() -> None:
    head = struct.pack("!IHBB", 6 << 28, 0, 0, 64) + bytes(31) + b"\1"
    content = struct.pack("!HHHH", 1, 2, 0, 0) + b"x" * 80000
    jumbo = struct.pack("!BBBBI", 17, 0, 0xC2, 4, len(content) + 8)
    row = one(head + jumbo + content, 229)
    assert (row["ip_bytes"], row["payload_bytes"], has(row, Anomaly.IP_LENGTH_ZERO)) == (80056, 80000, False)


@pytest.mark.parametrize(
    ("status", "frame", "linktype"),
    [
        (Status.LINK_UNSUPPORTED, b"x" * 60, 147),
        (Status.LINK_TRUNCATED, UDP_FRAME[:13], 1),
        (Status.LINK_TRUNCATED, ENCAPSULATIONS["vlan"][1][:16], 1),
        (Status.LINK_TRUNCATED, b"\0", 113),
        (Status.LINK_TRUNCATED, b"\0\0" + (110).to_bytes(2, "little") + (104).to_bytes(4, "little") + bytes(22), 192),
        (Status.NOT_IP, patched(UDP_FRAME, 12, b"\x08\x06"), 1),
        (Status.NOT_IP, patched(UDP_FRAME, 12, b"\0\3"), 1),
        (Status.NOT_IP, b"\x17" * 40, 101),
        (Status.WLAN_PROTECTED, patched(ENCAPSULATIONS["wlan"][1], 1, b"\x41"), 105),
        (Status.WLAN_NOT_DATA, b"\x80" + bytes(40), 105),
        (Status.WLAN_NOT_DATA, b"\x48" + bytes(40), 105),
        (Status.IP_TRUNCATED, UDP_FRAME[:33], 1),
        (Status.IP_TRUNCATED, ENCAPSULATIONS["ethernet-ipv6"][1][:53], 1),
        (Status.IP_TRUNCATED, ENCAPSULATIONS["ipv6-extensions"][1][:60], 1),
        (Status.IP_MALFORMED, patched(UDP_FRAME, 14, b"\x44"), 1),
        (Status.IP_MALFORMED, patched(UDP_FRAME, 14, b"\x65"), 1),
        (Status.IP_MALFORMED, patched(UDP_FRAME, 16, b"\0\x13"), 1),
        (Status.IP_MALFORMED, b"\x60\0\0\0\0\x90\x3c" + bytes(33) + b"\x3c\0\0\0\0\0\0\0" * 18, 229),
        (Status.TRANSPORT_TRUNCATED, UDP_FRAME[:37], 1),
        (Status.FRAGMENT_ORPHAN, patched(UDP_FRAME, 20, b"\0\1"), 1),
        (Status.NESTING_TOO_DEEP, UDP_FRAME[:12] + b"\x81\0\0\1" * MAX_LAYERS + UDP_FRAME[12:], 1),
        (Status.FRAME_EMPTY, b"", 1),
    ],
)  # fmt: skip
def test_status__is_named_and_the_row_is_zero(status: Status, frame: bytes, linktype: int) -> None:
    row = one(frame, linktype)
    assert Status(int(row["status"])) is status
    zero = [
        name
        for name in ("hash", "src_lo", "dst_lo", "ip_bytes", "payload_bytes", "sport", "proto", "depth")
        if row[name]
    ]
    assert (zero, row["payload_lo"] - row["payload_hi"], row["wirelen"]) == ([], 0, len(frame))


def test_nesting__just_below_the_limit_is_read() -> None:
    row = one(UDP_FRAME[:12] + b"\x81\0\0\1" * (MAX_LAYERS - 1) + UDP_FRAME[12:])
    assert (row["status"], row["depth"], row["sport"]) == (Status.OK, MAX_LAYERS - 1, SPORT)


@pytest.mark.parametrize(
    ("name", "at", "patch"),
    [
        ("gtpu", 43, b"\1"),  # echo request
        ("gtpu", 44, b"\xff"),  # longer than the datagram
        ("gtpu", 50, b"\x95"),  # content that is no IP
        ("vxlan", 42, b"\0"),  # no VNI
        ("vxlan", 62, b"\x08\x06"),  # ARP inside
        ("pptp", 54, b"\x00\xfd"),  # compressed PPP
        ("l2tp", 42, b"\xc8"),  # control message
        ("gre", 36, b"\x08\x06"),
    ],
)
def test_tunnel__unreadable_content_leaves_the_outer_packet(name: str, at: int, patch: bytes) -> None:
    frame = patched(ENCAPSULATIONS[name][1], at, patch)
    row = one(frame)
    assert (row["status"], int(row["src_lo"])) == (Status.OK, words("192.0.2.1")[1])
    assert has(row, Anomaly.TUNNEL_UNOPENED)
    assert (row["depth"], row["tunnel_kind"].tolist()) == (0, [0, 0, 0, 0])


def test_tunnel__inside_a_tunnel_ends_at_the_last_readable_packet() -> None:
    frame = bytes(ether() / outer() / outer().__class__(src="10.1.0.1", dst="10.2.0.2", proto=41) / b"not ip")
    row = one(frame)
    assert (int(row["src_lo"]), row["depth"]) == (words("10.1.0.1")[1], 1)
    assert has(row, Anomaly.TUNNEL_UNOPENED)


def test_hash__is_the_same_in_both_directions() -> None:
    for forward in (udp4(), udp6()):
        back = forward.copy()
        back.src, back.dst = forward.dst, forward.src
        back.payload.sport, back.payload.dport = DPORT, SPORT
        rows = dissect([bytes(ether() / forward), bytes(ether() / back)])
        assert rows[0]["hash"] == rows[1]["hash"]


def test_fragments__later_ones_join_the_flow_of_the_first() -> None:
    whole = bytes(udp4() / (b"x" * 2000))
    head, body = bytearray(whole[:20]), whole[20:]
    frames = []
    for offset in range(0, len(body), 800):
        piece = body[offset : offset + 800]
        more = 0x2000 if offset + 800 < len(body) else 0
        struct.pack_into("!H", head, 2, 20 + len(piece))
        struct.pack_into("!H", head, 6, more | offset // 8)
        frames.append(bytes(head) + piece)
    rows = dissect(frames, 228)
    assert rows["fragment"].tolist() == [Fragment.FIRST, Fragment.LATER, Fragment.LATER]
    assert rows["sport"].tolist() == [SPORT] * 3
    assert len(set(rows["hash"].tolist())) == 1
    assert rows["payload_bytes"].tolist() == [792, 800, 428]
    assert (rows["payload_hi"] - rows["payload_lo"]).tolist() == [792, 0, 0]


def fragments6(gap: int) -> list[bytes]:
    """Return an IPv6 datagram in two fragments, with ``gap`` added to the second's identification."""
    body = bytes(udp6().payload) + bytes(60)
    frames = []
    for offset, ident, more in ((0, 5, 1), (40, 5 + gap, 0)):
        piece = body[offset : offset + 40]
        head = struct.pack("!IHBB", 6 << 28, 8 + len(piece), 44, 64) + bytes(udp6())[8:40]
        frames.append(head + struct.pack("!BBHI", 17, 0, offset | more, ident) + piece)
    return frames


def test_fragments__ipv6() -> None:
    rows = dissect(fragments6(0), 229)
    assert (rows["status"].tolist(), rows["dport"].tolist()) == ([0, 0], [DPORT, DPORT])
    assert rows["ip_id"].tolist() == [5, 5]


def test_fragments__of_another_datagram_are_orphans() -> None:
    assert dissect(fragments6(1), 229)["status"].tolist() == [Status.OK, Status.FRAGMENT_ORPHAN]


def test_fragments__are_forgotten_after_thirty_seconds() -> None:
    rows = dissect(fragments6(0), 229, ts_ns=[0, 30_000_000_001])
    assert rows["status"].tolist() == [Status.OK, Status.FRAGMENT_ORPHAN]


def test_fragments__first_of_a_tunnel_describes_the_inner_packet_in_full() -> None:
    inner = bytes(udp4() / (b"x" * 1000))
    packet = bytes(outer().__class__(src="192.0.2.1", dst="192.0.2.2", proto=4, flags="MF") / inner[:400])
    row = one(packet, 228)
    assert (row["sport"], row["ip_bytes"], row["payload_bytes"]) == (SPORT, 1048, 1020)
    assert row["payload_hi"] - row["payload_lo"] == 400 - 28
    assert not has(row, Anomaly.IP_LENGTH_BEYOND_FRAME)


@pytest.mark.parametrize(("proto", "header"), [(132, 12), (136, 8)])
def test_ports__of_other_protocols(proto: int, header: int) -> None:
    frame = patched(UDP_FRAME, 23, bytes([proto]))
    row = one(frame)
    assert (row["sport"], row["dport"], row["payload_lo"], row["checksum"]) == (SPORT, DPORT, 34 + header, 0)


def test_ports__dccp_offset_is_in_the_header() -> None:
    row = one(patched(patched(UDP_FRAME, 23, b"\x21"), 38, b"\4"))
    assert (row["sport"], row["payload_lo"], row["payload_bytes"]) == (SPORT, 50, 12)


@pytest.mark.parametrize("proto", [1, 2, 50, 58, 89, 115, 255])
def test_ports__none(proto: int) -> None:
    row = one(patched(UDP_FRAME, 23, bytes([proto])))
    assert (row["status"], row["sport"], row["dport"], row["payload_bytes"]) == (Status.OK, 0, 0, 28)


def test_tunnel__path_beyond_its_room_is_walked() -> None:
    row = one(UDP_FRAME[:12] + b"".join(b"\x81\0" + struct.pack("!H", i) for i in range(1, 7)) + UDP_FRAME[12:])
    assert (row["depth"], row["tunnel_id"].tolist(), row["sport"]) == (6, [1, 2, 3, 4], SPORT)
