"""DTLS records."""

from __future__ import annotations

import pytest

from flowclass.record.message import MessageKind
from tests.drive import look
from tests.messages import dtls


@pytest.mark.parametrize("version", [0xFEFF, 0xFEFD, 0x0100])
def test_versions(version: int) -> None:
    msg = look(dtls(version))
    assert (msg["kind"], msg["tls_version"]) == (MessageKind.DTLS, version)


def test_other_version_is_refused() -> None:
    assert look(dtls(0xFE00))["kind"] == MessageKind.OTHER


def test_length_beyond_the_datagram_is_refused() -> None:
    assert look(dtls()[:-1])["kind"] == MessageKind.OTHER
