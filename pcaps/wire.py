"""Host module: the bytes of the messages that calls are made of, as the RFCs and FACTS draw them.

Called by the capture scripts and by the benchmark workloads. Pure functions over bytes: no Scapy, no clock and no
randomness of their own; whoever calls passes the bodies.
"""

from __future__ import annotations

import ipaddress
import struct
import zlib
from collections.abc import Sequence

#: RFC 8489 §5.
MAGIC_COOKIE = 0x2112A442
#: RFC 8489 §14.7: the CRC-32 is XORed with this.
FINGERPRINT_XOR = 0x5354554E

# STUN message types: RFC 8489 §5, RFC 8656 §17; 0x0800.. are the Meta relays' own.
BINDING, BINDING_SUCCESS = 0x0001, 0x0101
ALLOCATE, ALLOCATE_SUCCESS, ALLOCATE_ERROR = 0x0003, 0x0103, 0x0113
REFRESH, REFRESH_SUCCESS = 0x0004, 0x0104
CREATE_PERMISSION, CREATE_PERMISSION_SUCCESS = 0x0008, 0x0108
CHANNEL_BIND, CHANNEL_BIND_SUCCESS = 0x0009, 0x0109
SEND_INDICATION, DATA_INDICATION = 0x0016, 0x0017
MICROSOFT_DATA_INDICATION = 0x0115
META_TERMINATE, META_PING, META_PONG = 0x0800, 0x0801, 0x0802

# STUN attributes: IANA, and the private ones of Meta and Microsoft.
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, CHANNEL_NUMBER, LIFETIME = 0x0006, 0x0008, 0x0009, 0x000C, 0x000D
MS_MAGIC_COOKIE, XOR_PEER, DATA, REALM, NONCE, XOR_RELAYED = 0x000F, 0x0012, 0x0013, 0x0014, 0x0015, 0x0016
REQUESTED_TRANSPORT, XOR_MAPPED, META_STREAM, PRIORITY, USE_CANDIDATE = 0x0019, 0x0020, 0x0022, 0x0024, 0x0025
META_TOKEN, META_CLOCK = 0x4000, 0x4002
MS_VERSION, MS_SEQUENCE, MS_SERVICE_QUALITY, MS_IMPLEMENTATION = 0x8008, 0x8050, 0x8055, 0x8070
MS_8006, MS_BANDWIDTH, MS_8033, MS_8036, MS_8037, MS_SESSION = 0x8006, 0x0010, 0x8033, 0x8036, 0x8037, 0x8095
MS_CANDIDATE = 0x8054
FINGERPRINT, ICE_CONTROLLED, ICE_CONTROLLING, SOFTWARE = 0x8028, 0x8029, 0x802A, 0x8022
GOOG_NETWORK_INFO = 0xC057

Attribute = tuple[int, bytes]


def attribute(number: int, value: bytes, *, padded: bool = True) -> bytes:
    """Return one STUN attribute, padded to four bytes with zeros (RFC 8489 §14)."""
    return struct.pack("!HH", number, len(value)) + value + bytes(-len(value) % 4 if padded else 0)


def stun(
    message_type: int,
    txid: bytes,
    attributes: Sequence[Attribute] = (),
    *,
    fingerprint: bool = False,
    cookie: bool = True,
    padded: bool = True,
) -> bytes:
    """Return a STUN message; ``txid`` is 12 bytes, or 16 when ``cookie`` is false (RFC 3489 form).

    ``padded=False`` leaves out the zeros after attributes, as WhatsApp (to 2020) and Microsoft's relays do.
    """
    body = b"".join(attribute(number, value, padded=padded) for number, value in attributes)
    length = len(body) + (8 if fingerprint else 0)
    head = struct.pack("!HH", message_type, length) + (struct.pack("!I", MAGIC_COOKIE) if cookie else b"") + txid
    if len(head) != 20:
        raise ValueError(f"the STUN header has 20 bytes, not {len(head)}: the transaction id is too long or too short")
    if fingerprint:
        body += attribute(FINGERPRINT, struct.pack("!I", zlib.crc32(head + body) ^ FINGERPRINT_XOR))
    return head + body


def xor_address(address: str, port: int) -> bytes:
    """Return the value of an XOR-MAPPED-ADDRESS for an IPv4 address (RFC 8489 §14.2): 8 bytes."""
    plain = int(ipaddress.IPv4Address(address))
    return struct.pack("!BBHI", 0, 1, port ^ (MAGIC_COOKIE >> 16), plain ^ MAGIC_COOKIE)


def microsoft_multiplexed(session: bytes, data: bytes) -> bytes:
    """Return Microsoft's multiplexed TURN framing: FF 10, the length after these four bytes, the session's 8 bytes."""
    return struct.pack("!HH", 0xFF10, len(session) + len(data)) + session + data


def channel_data(channel: int, data: bytes) -> bytes:
    """Return TURN ChannelData as sent over UDP, without padding (RFC 8656 §12.4)."""
    return struct.pack("!HH", channel, len(data)) + data


def rtp(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    body: bytes,
    *,
    marker: bool = False,
    extension: bytes | None = None,
    profile: int = 0xBEDE,
) -> bytes:
    """Return an RTP packet (RFC 3550 §5.1); ``extension`` is a header extension's body (RFC 8285 but for WhatsApp)."""
    first = 0x80 | (0x10 if extension is not None else 0)
    head = struct.pack(
        "!BBHII", first, payload_type | (0x80 if marker else 0), sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc
    )
    if extension is not None:
        padded = extension + bytes(-len(extension) % 4)
        head += struct.pack("!HH", profile, len(padded) // 4) + padded
    return head + body


def rtcp(packet_type: int, ssrc: int, body: bytes, *, count: int = 0) -> bytes:
    """Return one RTCP packet (RFC 3550 §6.4); its length field counts the whole words of ``body``.

    A body that is no multiple of four leaves bytes after the packet, as an SRTCP trailer does.
    """
    return struct.pack("!BBHI", 0x80 | count, packet_type, 1 + len(body) // 4, ssrc) + body


def tls_record(content_type: int, body: bytes, version: int = 0x0303) -> bytes:
    """Return one TLS record (RFC 8446 §5.1)."""
    return struct.pack("!BHH", content_type, version, len(body)) + body


def client_hello(server_name: str, random: bytes, alpn: Sequence[str] = ("h2", "http/1.1")) -> bytes:
    """Return a TLS record with a ClientHello (RFC 8446 §4.1.2); ``random`` gives 32 + 32 + 32 bytes."""
    name = server_name.encode()
    sni = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
    protocols = b"".join(bytes([len(p)]) + p.encode() for p in alpn)
    key_share = struct.pack("!HHH", 36, 0x001D, 32) + random[64:96]
    extensions = b"".join(
        struct.pack("!HH", number, len(value)) + value
        for number, value in (
            (0, sni),
            (23, b""),
            (10, bytes.fromhex("0006001d00170018")),
            (11, b"\x01\x00"),
            (16, struct.pack("!H", len(protocols)) + protocols),
            (13, bytes.fromhex("0008040308040401050300")[:10]),
            (51, key_share),
            (45, b"\x01\x01"),
            (43, b"\x04\x03\x04\x03\x03"),
        )
    )
    suites = bytes.fromhex("130113021303c02bc02fc02cc030")
    body = (
        b"\x03\x03"
        + random[:32]
        + b"\x20"
        + random[32:64]
        + struct.pack("!H", len(suites))
        + suites
        + b"\x01\x00"
        + struct.pack("!H", len(extensions))
        + extensions
    )
    return tls_record(22, b"\x01" + len(body).to_bytes(3, "big") + body, version=0x0301)


def quic_initial(destination_id: bytes, source_id: bytes, sealed: bytes) -> bytes:
    """Return a QUIC version 1 Initial packet (RFC 9000 §17.2.2) whose protected part is ``sealed``."""
    head = b"\xc3" + struct.pack("!I", 1)
    for connection_id in (destination_id, source_id):
        head += bytes([len(connection_id)]) + connection_id
    return head + b"\x00" + struct.pack("!H", 0x4000 | len(sealed)) + sealed
