"""The walk over STUN attributes."""

from __future__ import annotations

import struct

import pytest

from flowclass.dissect.stun import fnv1a
from flowclass.record.message import MessageKind, Realm, Software, StunAttribute
from flowclass.record.packet import IPV4_MAPPED
from tests.drive import look
from tests.messages import stun, xor_address


def has(msg, attribute: StunAttribute) -> bool:  # type: ignore[no-untyped-def]
    return bool(int(msg["stun_attributes"]) >> attribute & 1)


def test_header() -> None:
    msg = look(stun(0x0103, txid=bytes(range(100, 112))))
    assert msg["stun_type"] == 0x0103
    assert int(msg["txid_hi"]) == int.from_bytes(bytes(range(100, 108)), "big")
    assert int(msg["txid_lo"]) == int.from_bytes(bytes(range(108, 112)), "big")


def test_username__both_parts_are_hashed() -> None:
    msg = look(stun(1, (6, b"server:Yk3f")))
    assert msg["username_bytes"] == 11
    assert list(msg["ufrag_bytes"]) == [6, 4]
    assert list(msg["ufrag"]) == [fnv1a(b"server"), fnv1a(b"Yk3f")]


@pytest.mark.parametrize(
    ("text", "realm"),
    [
        (b"turner.facebook", Realm.FACEBOOK),
        (b"viber.com", Realm.VIBER),
        (b"telegram.org", Realm.TELEGRAM),
        (b"signal.org", Realm.SIGNAL),
        (b"whispersystems.org", Realm.SIGNAL),
        (b"rtcmedia", Realm.MICROSOFT),
        (b"google.com", Realm.GOOGLE),
        (b"signal.orgy", Realm.OTHER),
    ],
)
def test_realm(text: bytes, realm: Realm) -> None:
    assert look(stun(0x113, (0x14, text)))["realm"] == realm


def test_software__none_of_coturn() -> None:
    assert look(stun(0x113, (0x8022, b"None")))["software"] == Software.COTURN_HIDDEN
    assert look(stun(0x113, (0x8022, b"Nones and more")))["software"] == Software.OTHER


def test_numbers() -> None:
    msg = look(
        stun(
            3,
            (0x8070, struct.pack("!I", 7)),
            (0x8008, struct.pack("!I", 6)),
            (0x000D, struct.pack("!I", 600)),
            (0xC057, struct.pack("!HH", 3, 900)),
            (0x0009, struct.pack("!HBB", 0, 4, 1)),
            (0x4002, struct.pack("!Q", 1_700_000_000_000)),
        )
    )
    assert (msg["implementation"], msg["ms_version"], msg["lifetime_s"], msg["network_cost"]) == (7, 6, 600, 900)
    assert (msg["error_code"], int(msg["relay_clock_ms"])) == (401, 1_700_000_000_000)


def test_addresses() -> None:
    msg = look(stun(0x16, (0x12, xor_address((192, 0, 2, 7), 50000)), (0x16, xor_address((198, 51, 100, 1), 3478))))
    assert (int(msg["peer_lo"]), msg["peer_port"]) == (IPV4_MAPPED | 0xC0000207, 50000)
    assert (int(msg["relayed_lo"]), msg["relayed_port"]) == (IPV4_MAPPED | 0xC6336401, 3478)
    assert msg["mapped_port"] == 0


def test_address__ipv6_is_unmasked_with_cookie_and_transaction() -> None:
    txid = bytes(range(50, 62))
    address = bytes.fromhex("20010db8000000000000000000000005")
    key = struct.pack("!I", 0x2112A442) + txid
    masked = bytes(a ^ b for a, b in zip(address, key, strict=True))
    msg = look(stun(0x101, (0x20, struct.pack("!BBH", 0, 2, 9 ^ 0x2112) + masked), txid=txid))
    assert int(msg["mapped_hi"]).to_bytes(8, "big") + int(msg["mapped_lo"]).to_bytes(8, "big") == address
    assert msg["mapped_port"] == 9


def test_announced_streams() -> None:
    items = [(0x22, b"\x03" + struct.pack("!I", source) + bytes(9)) for source in range(1, 7)]
    msg = look(stun(3, (0x4000, bytes(150)), *items))
    assert msg["announced_count"] == 4
    assert list(msg["announced"]) == [1, 2, 3, 4]


def test_reservation_token_announces_nothing() -> None:
    assert look(stun(0x103, (0x22, b"\x03" + bytes(7))))["announced_count"] == 0


def test_attribute_longer_than_the_message_ends_the_walk() -> None:
    message = stun(1, (6, b"abcd"))
    broken = message[:22] + struct.pack("!H", 500) + message[24:]
    msg = look(broken)
    assert msg["kind"] == MessageKind.STUN
    assert (msg["stun_count"], msg["stun_whole"]) == (0, 0)


def test_many_attributes_are_bounded() -> None:
    msg = look(stun(1, *((0x7FF0, b""),) * 300))
    assert msg["stun_count"] == 32
    assert not msg["stun_whole"]
    assert has(msg, StunAttribute.UNKNOWN)


def test_unpadded_dialect_is_walked_without_padding() -> None:
    body = struct.pack("!HH", 0x000F, 4) + bytes.fromhex("72c64bc6") + struct.pack("!HH", 0x8055, 1) + b"\0"
    body += struct.pack("!HHI", 0x8008, 4, 6)
    assert len(body) % 4
    msg = look(struct.pack("!HHI", 3, len(body), 0x2112A442) + bytes(12) + body)
    assert msg["ms_version"] == 6
    assert has(msg, StunAttribute.MS_QUALITY)


def test_classic__needs_known_attributes_that_fill_it() -> None:
    good = stun(1, (3, bytes(4)), cookie=5)
    assert look(good)["kind"] == MessageKind.STUN_CLASSIC
    assert look(good[:21] + b"\x77" + good[22:])["kind"] == MessageKind.OTHER


def test_fields_of_an_earlier_message_do_not_return() -> None:
    assert look(stun(1))["realm"] == Realm.NONE
