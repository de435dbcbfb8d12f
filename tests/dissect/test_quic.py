"""QUIC long headers."""

from __future__ import annotations

import pytest

from flowclass.record.message import MessageKind
from tests.drive import look
from tests.messages import quic


@pytest.mark.parametrize("version", [1, 0x6B3343CF, 0xFF00001D, 0xFACEB002, 0x51303436, 0x1A2A3A4A])
def test_versions(version: int) -> None:
    msg = look(quic(version), dport=443)
    assert (msg["kind"], msg["quic_version"]) == (MessageKind.QUIC, version)


def test_google_public_header() -> None:
    msg = look(b"\x0d" + bytes(8) + b"Q043" + bytes(40), dport=443)
    assert (msg["kind"], msg["quic_version"]) == (MessageKind.QUIC, 0x51303433)


@pytest.mark.parametrize("version", [0, 2, 0x12345678])
def test_other_versions_are_refused(version: int) -> None:
    assert look(quic(version))["kind"] == MessageKind.OTHER


def test_connection_id_too_long_is_refused() -> None:
    packet = bytearray(quic())
    packet[5] = 21
    assert look(bytes(packet))["kind"] == MessageKind.OTHER
