"""The message builders agree with dpkt, with Scapy, and with the sizes seen on the wire."""

from __future__ import annotations

import struct
import zlib

import dpkt
import pytest

from pcaps import wire


def test_stun__has_the_sizes_of_a_whatsapp_allocate() -> None:
    token = (wire.META_TOKEN, bytes(102))
    assert len(wire.stun(wire.ALLOCATE, bytes(12), [token], padded=False)) == 126
    assert len(wire.stun(wire.ALLOCATE, bytes(12), [token])) == 128


def test_stun__length_excludes_the_header() -> None:
    message = wire.stun(wire.BINDING, bytes(12), [(wire.USERNAME, b"abc")], fingerprint=True)
    assert struct.unpack("!H", message[2:4])[0] == len(message) - 20


def test_stun__fingerprint_covers_everything_before_it() -> None:
    message = wire.stun(wire.BINDING, bytes(range(12)), [(wire.USERNAME, b"abcd")], fingerprint=True)
    assert int.from_bytes(message[-4:], "big") == zlib.crc32(message[:-8]) ^ 0x5354554E


def test_stun__refuses_a_transaction_id_of_another_length() -> None:
    with pytest.raises(ValueError, match="20 bytes"):
        wire.stun(wire.BINDING, bytes(16))


def test_xor_address__is_the_example_of_rfc_5769() -> None:
    assert wire.xor_address("192.0.2.1", 32853) == bytes.fromhex("0001a147e112a643")


def test_rtp__is_read_by_dpkt() -> None:
    packet = dpkt.rtp.RTP(wire.rtp(120, 65537, 7, 0xDEADBEEF, b"body", marker=True))
    assert (packet.version, packet.pt, packet.m, packet.seq, packet.ts, packet.ssrc, packet.data) == (
        2, 120, 1, 1, 7, 0xDEADBEEF, b"body",
    )  # fmt: skip


def test_rtp__extension_is_counted_in_words() -> None:
    packet = wire.rtp(120, 0, 0, 1, b"", extension=b"12345", profile=0xDEBE)
    assert packet[0] == 0x90
    assert packet[12:16] == b"\xde\xbe\x00\x02"
    assert len(packet) == 12 + 4 + 8


def test_client_hello__is_read_by_dpkt() -> None:
    record = wire.client_hello("www.example.com", bytes(96))
    hello = dpkt.ssl.TLSHandshake(dpkt.ssl.TLSRecord(record).data).data
    assert dict(hello.extensions)[0].endswith(b"www.example.com")


def test_microsoft_multiplexed__counts_what_follows_four_bytes() -> None:
    framed = wire.microsoft_multiplexed(bytes(8), bytes(88))
    assert len(framed) == 100
    assert framed[:4] == b"\xff\x10\x00\x60"
