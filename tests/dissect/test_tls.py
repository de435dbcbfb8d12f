"""ClientHello."""

from __future__ import annotations

import numpy as np
import pytest

from flowclass.dissect.tls import client_hello, hello_bytes_needed
from flowclass.record.message import MESSAGE, Alpn, MessageKind
from tests.drive import bytes_of, look
from tests.messages import client_hello as hello_of


def test_name_and_protocols() -> None:
    hello = hello_of("Chat.Example.ORG", ("h2", "http/1.1", "acme"))
    msg = look(hello, proto=6, dport=443)
    assert hello[msg["sni_lo"] : msg["sni_hi"]] == b"Chat.Example.ORG"
    assert msg["alpn"] == 1 << Alpn.H2 | 1 << Alpn.HTTP11 | 1 << Alpn.OTHER
    assert msg["tls_version"] == 0x0303


def test_without_name() -> None:
    msg = look(hello_of(), proto=6, dport=443)
    assert msg["kind"] == MessageKind.TLS_HELLO
    assert msg["sni_lo"] == msg["sni_hi"]


def test_hello_bytes_needed__whole_hello() -> None:
    hello = hello_of("a.example", padding=1200)
    assert hello_bytes_needed(bytes_of(hello[:100]), 0, 100) == len(hello)


def test_hello_bytes_needed__hello_over_two_records() -> None:
    body = hello_of("a.example", padding=1200)[5:]
    split = b"\x16\x03\x01" + (700).to_bytes(2, "big") + body[:700]
    split += b"\x16\x03\x01" + (len(body) - 700).to_bytes(2, "big") + body[700:]
    assert hello_bytes_needed(bytes_of(split), 0, len(split)) == len(split)


@pytest.mark.parametrize("at", [0, 1, 5])
def test_hello_bytes_needed__nothing_else_is_a_hello(at: int) -> None:
    hello = bytearray(hello_of("a.example"))
    hello[at] = 0x17
    assert hello_bytes_needed(bytes_of(bytes(hello)), 0, len(hello)) == 0


def test_client_hello__says_when_it_is_cut() -> None:
    hello = hello_of("a.example", padding=300)
    msg = np.zeros(1, MESSAGE)[0]
    assert client_hello(bytes_of(hello), 0, len(hello), msg) == 1
    assert client_hello(bytes_of(hello[:60]), 0, 60, msg) == 2
    assert msg["sni_lo"] == msg["sni_hi"]


def test_name_that_claims_too_much_is_no_name() -> None:
    hello = bytearray(hello_of("a.example"))
    at = hello.index(b"a.example")
    hello[at - 2 : at] = b"\x00\xff"
    assert look(bytes(hello), proto=6)["sni_hi"] == look(bytes(hello), proto=6)["sni_lo"]


def test_other_record() -> None:
    assert look(b"\x17\x03\x03\x00\x10" + bytes(16), proto=6)["kind"] == MessageKind.TLS
