"""The RTP header checks."""

from __future__ import annotations

import pytest

from flowclass.dissect.rtp import extension_profile, marker, payload_type, rtp_shape, sequence_number, ssrc, timestamp
from tests.drive import bytes_of
from tests.messages import rtp


def shape(packet: bytes, wire_bytes: int | None = None) -> int:
    return rtp_shape(bytes_of(packet), 0, len(packet), len(packet) if wire_bytes is None else wire_bytes)


def test_rtp_shape__plain_header() -> None:
    assert shape(rtp()) == 12


def test_rtp_shape__sources_and_extension_count() -> None:
    packet = bytearray(rtp(extension=bytes(8)))
    assert shape(bytes(packet)) == 12 + 4 + 8
    with_sources = bytes([0x82, *rtp()[1:12]]) + bytes(8) + bytes(20)
    assert shape(with_sources) == 12 + 8


def test_rtp_shape__extension_not_captured_counts_its_head() -> None:
    packet = rtp(extension=bytes(8))
    assert shape(packet[:12], wire_bytes=len(packet)) == 16


@pytest.mark.parametrize("type_", [35, 64, 72, 95])
def test_rtp_shape__unassigned_payload_types_are_refused(type_: int) -> None:
    assert shape(rtp(type_)) == 0


@pytest.mark.parametrize("first", [0x00, 0x40, 0xC0])
def test_rtp_shape__other_versions_are_refused(first: int) -> None:
    assert shape(bytes([first]) + rtp()[1:]) == 0


def test_rtp_shape__padding_has_to_fit() -> None:
    packet = bytes([0xA0]) + rtp()[1:]
    assert shape(packet[:-1] + b"\x04") == 12
    assert shape(packet[:-1] + b"\x00") == 0
    assert shape(packet[:-1] + b"\xff") == 0


def test_rtp_shape__extension_longer_than_the_packet_is_refused() -> None:
    assert shape(bytes([0x90]) + rtp()[1:12] + b"\xbe\xde\xff\xff" + bytes(8)) == 0


@pytest.mark.parametrize("length", range(12))
def test_rtp_shape__too_short(length: int) -> None:
    assert shape(rtp()[:length], wire_bytes=60) == 0


def test_fields() -> None:
    data = bytes_of(rtp(0x80 | 96, seq=7, ssrc=0xCAFE, extension=bytes(4)))
    assert (payload_type(data, 0), marker(data, 0)) == (96, 1)
    assert (sequence_number(data, 0), timestamp(data, 0), ssrc(data, 0)) == (7, 6720, 0xCAFE)
    assert extension_profile(data, 0, len(data)) == 0xBEDE


def test_extension_profile__none() -> None:
    data = bytes_of(rtp())
    assert extension_profile(data, 0, len(data)) == 0
