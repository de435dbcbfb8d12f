"""Messages made in code, for tests of the payload side; addresses are from RFC 5737 and RFC 3849."""

from __future__ import annotations

import struct
from collections.abc import Sequence

COOKIE = 0x2112A442
TXID = bytes(range(1, 13))


def stun(kind: int, *attributes: tuple[int, bytes], txid: bytes = TXID, cookie: int = COOKIE) -> bytes:
    """Return a STUN message; attribute values are padded to 4 bytes."""
    body = b"".join(
        struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4) for number, value in attributes
    )
    return struct.pack("!HHI", kind, len(body), cookie) + txid + body


def xor_address(address: tuple[int, int, int, int], port: int) -> bytes:
    """Return the value of an XOR address attribute for IPv4."""
    word = int.from_bytes(bytes(address), "big") ^ COOKIE
    return struct.pack("!BBHI", 0, 1, port ^ (COOKIE >> 16), word)


def rtp(
    payload_type: int = 111,
    seq: int = 1,
    ssrc: int = 0x1234,
    payload: bytes = bytes(40),
    extension: bytes | None = None,
) -> bytes:
    """Return an RTP packet, with a one-byte-element extension when given."""
    first = 0x80 | (0x10 if extension is not None else 0)
    head = struct.pack("!BBHII", first, payload_type, seq & 0xFFFF, 960 * seq, ssrc)
    if extension is not None:
        head += struct.pack("!HH", 0xBEDE, len(extension) // 4) + extension
    return head + payload


def rtcp(kind: int = 201, ssrc: int = 1, words: int = 7) -> bytes:
    """Return an RTCP packet of ``words`` + 1 words."""
    return struct.pack("!BBHI", 0x81, kind, words, ssrc) + bytes(4 * (words - 1))


def client_hello(name: str = "", protocols: Sequence[str] = (), padding: int = 0) -> bytes:
    """Return a TLS record with a ClientHello."""
    extensions = b""
    if padding:
        extensions += struct.pack("!HH", 21, padding) + bytes(padding)
    if name:
        host = name.encode()
        entry = struct.pack("!BH", 0, len(host)) + host
        extensions += struct.pack("!HHH", 0, len(entry) + 2, len(entry)) + entry
    if protocols:
        names = b"".join(bytes([len(protocol)]) + protocol.encode() for protocol in protocols)
        extensions += struct.pack("!HHH", 16, len(names) + 2, len(names)) + names
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00" + struct.pack("!H", len(extensions))
    body += extensions
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


def dns_name(name: str) -> bytes:
    """Return a name as labels."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def dns_query(name: str) -> bytes:
    """Return a query for an A record."""
    return struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + dns_name(name) + struct.pack("!HH", 1, 1)


def dns_answer(name: str, *addresses: bytes) -> bytes:
    """Return an answer with a CNAME, then one record an address (4 or 16 bytes)."""
    head = struct.pack("!HHHHHH", 7, 0x8180, 1, len(addresses) + 1, 0, 0) + dns_name(name) + struct.pack("!HH", 1, 1)
    alias = dns_name("alias.example")
    records = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, len(alias)) + alias
    for address in addresses:
        kind = 1 if len(address) == 4 else 28
        records += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(address)) + address
    return head + records


def channel_data(content: bytes, channel: int = 0x4001) -> bytes:
    """Return TURN ChannelData without padding."""
    return struct.pack("!HH", channel, len(content)) + content


def ms_turn(content: bytes) -> bytes:
    """Return a datagram of Microsoft's multiplexed TURN."""
    return struct.pack("!BBH", 0xFF, 0x10, len(content) + 8) + bytes(8) + content


def dtls(version: int = 0xFEFD, content: bytes = bytes(40), epoch: int = 0) -> bytes:
    """Return a DTLS handshake record."""
    return struct.pack("!BHHIHH", 22, version, epoch, 0, 0, len(content)) + content


def certificate(*names: str, tag: int = 0x0C) -> bytes:
    """Return what matters of a DTLS certificate: common names (2.5.4.3) among other bytes."""
    fields = b"".join(b"\x30\x11\x06\x03\x55\x04\x03" + bytes([tag, len(name)]) + name.encode() for name in names)
    return bytes(25) + fields + bytes(30)


def quic(version: int = 1) -> bytes:
    """Return a QUIC long header and some payload."""
    return struct.pack("!BIB", 0xC3, version, 8) + bytes(range(8)) + b"\x00" + bytes(1180)


def viber_control(kind: int, size: int, identity: int = 0xCEC0) -> bytes:
    """Return a Viber control packet."""
    return struct.pack("!H", identity) + struct.pack("<H", kind) + bytes(range(1, size - 3))


def zoom_media(kind: int, packet: bytes) -> bytes:
    """Return a datagram to Zoom's media server: 8 bytes, a media header of the type's length, RTP or RTCP."""
    length = {15: 19, 16: 24, 33: 16}[kind]
    return bytes([5, 1, 2, 0, 1, 2, 3, 0]) + bytes([kind]) + bytes(length - 1) + packet


#: One of each kind, by name: (transport protocol, source port, destination port, payload).
SAMPLES: dict[str, tuple[int, int, int, bytes]] = {
    "stun-request": (17, 40000, 3478, stun(1, (6, b"abcd:efgh"), (0x24, bytes(4)), (0x802A, bytes(8)))),
    "stun-answer": (17, 3478, 40000, stun(0x101, (0x20, xor_address((192, 0, 2, 1), 5000)), (8, bytes(20)))),
    "stun-classic": (17, 40000, 3478, stun(1, (3, bytes(4)), cookie=0x01020304)),
    "stun-send": (17, 40000, 3478, stun(0x16, (0x12, xor_address((192, 0, 2, 9), 7)), (0x13, rtp()))),
    "stun-in-stun": (17, 40000, 3478, stun(0x16, (0x13, stun(1, (6, b"a:b"), (0x8070, b"\0\0\0\7"))))),
    "stun-tcp": (6, 40000, 443, struct.pack("!H", 28) + stun(3, (0x19, bytes(4)))),
    "meta-token": (17, 40000, 3478, stun(3, (0x4000, bytes(102)))),
    "channel-data": (17, 40000, 3478, channel_data(rtp())),
    "ms-turn": (17, 3479, 40000, ms_turn(rtp(104))),
    "rtp": (17, 40000, 40002, rtp(extension=bytes(4))),
    "rtcp": (17, 40000, 40002, rtcp()),
    "viber-media": (17, 40000, 7985, b"\xce\x40" + rtp(107, extension=bytes(4))),
    "viber-control": (17, 40000, 7985, viber_control(1, 136)),
    "zoom-audio": (17, 40000, 8801, zoom_media(15, rtp(112))),
    "zoom-rtcp": (17, 40000, 8801, zoom_media(33, rtcp(200))),
    "dtls": (17, 40000, 40002, dtls()),
    "quic": (17, 40000, 443, quic()),
    "tls-hello": (6, 40000, 443, client_hello("g.whatsapp.net", ("h2", "http/1.1"))),
    "tls-data": (6, 40000, 443, b"\x17\x03\x03\x00\x20" + bytes(32)),
    "dns-query": (17, 40000, 53, dns_query("chat.signal.org")),
    "dns-answer": (17, 53, 40000, dns_answer("chat.signal.org", bytes([192, 0, 2, 3]), b"\x20\x01" + bytes(14))),
    "sip": (17, 5060, 5060, b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP host\r\n\r\n"),
    "http": (6, 40000, 80, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"),
    "ssdp": (17, 40000, 1900, b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n"),
    "whatsapp-chat": (6, 40000, 5222, b"ED\x00\x01\x00\x00\x04\x08\x09\x08\x0cWA\x05\x03"),
    "telegram-ping": (17, 40000, 530, bytes(range(1, 17)) + b"\xff" * 12 + bytes(12)),
    "discord": (17, 40000, 50001, struct.pack("!II", 0x00010046, 77) + bytes(66)),
    "wireguard": (17, 40000, 51820, b"\x01\0\0\0" + bytes(144)),
    "snmp": (17, 40000, 161, bytes.fromhex("302902010104067075626c6963a01c")),
    "teams-uuid": (17, 3478, 40000, b"\x0301234567-89ab-cdef-0123-456789abcdef"),
    "noise": (17, 40000, 40002, bytes.fromhex("5a13c7e0998811aa") * 6),
}  # fmt: skip
