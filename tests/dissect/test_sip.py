"""First lines of SIP."""

from __future__ import annotations

import pytest

from flowclass.record.message import MessageKind, Text
from tests.drive import look


@pytest.mark.parametrize(
    "line",
    [
        b"INVITE sip:a@example.org",
        b"ACK sips:a@example.org",
        b"BYE tel:+123",
        b"OPTIONS sip:example.org",
        b"NOTIFY sip:a",
    ],
)
def test_requests(line: bytes) -> None:
    msg = look(line + b" SIP/2.0\r\n\r\n", dport=5060)
    assert (msg["kind"], msg["text"]) == (MessageKind.SIP, Text.SIP_REQUEST)


def test_response_over_tcp() -> None:
    msg = look(b"SIP/2.0 200 OK\r\n", proto=6, dport=5060)
    assert (msg["kind"], msg["text"]) == (MessageKind.SIP, Text.SIP_RESPONSE)


@pytest.mark.parametrize("line", [b"INVITE everybody", b"OPTIONS * HTTP/1.1\r\n", b"NOTIFY * HTTP/1.1\r\n", b"ACK "])
def test_other_uses_of_the_methods(line: bytes) -> None:
    assert look(line + bytes(4))["kind"] != MessageKind.SIP
