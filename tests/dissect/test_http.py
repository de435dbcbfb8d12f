"""First lines of HTTP, SSDP and RTSP."""

from __future__ import annotations

import pytest

from flowclass.record.message import MessageKind, Text
from tests.drive import look


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"GET /index HTTP/1.1\r\n", Text.HTTP_REQUEST),
        (b"POST http://example.org/ HTTP/1.1\r\n", Text.HTTP_REQUEST),
        (b"CONNECT example.org:443 HTTP/1.1\r\n", Text.HTTP_REQUEST),
        (b"PRI * HTTP/2.0\r\n", Text.HTTP_REQUEST),
        (b"HTTP/1.1 200 OK\r\n", Text.HTTP_RESPONSE),
        (b"DESCRIBE rtsp://example.org/x RTSP/1.0\r\n", Text.RTSP),
        (b"OPTIONS rtsp://example.org/x RTSP/1.0\r\n", Text.RTSP),
        (b"RTSP/1.0 200 OK\r\n", Text.RTSP),
        (b"M-SEARCH * HTTP/1.1\r\n", Text.SSDP),
    ],
)
def test_lines(line: bytes, text: Text) -> None:
    msg = look(line, proto=6, dport=80)
    assert (msg["kind"], msg["text"]) == (MessageKind.HTTP, text)


@pytest.mark.parametrize("line", [b"GETAWAY from here", b"HTTPS is fine", b"POST"])
def test_other_words(line: bytes) -> None:
    assert look(line, proto=6, dport=80)["kind"] != MessageKind.HTTP
