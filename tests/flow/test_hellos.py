"""Host names: TLS hellos split over segments, and addresses learned from DNS answers."""

from __future__ import annotations

import struct

import pytest

from flowclass.record.verdict import App
from tests import frames
from tests.flow.test_meter import START, run
from tests.frames import Frame

CLIENT, SERVER = "10.0.0.7", "192.0.2.80"


def client_hello(name: str, padding: int = 0) -> bytes:
    """Return a TLS record with a ClientHello for a server name (RFC 8446 §4.1.2, RFC 6066 §3)."""
    host = name.encode()
    server_name = struct.pack("!HHHBH", 0, len(host) + 5, len(host) + 3, 0, len(host)) + host
    padded = struct.pack("!HH", 21, padding) + bytes(padding)
    extensions = padded + server_name
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\2\x13\x01" + b"\1\0" + struct.pack("!H", len(extensions)) + extensions
    handshake = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


def segments(payload: bytes, sizes: list[int]) -> list[Frame]:
    """Return a payload as TCP segments of the given sizes; what is left makes the last one."""
    out, at = [], 0
    for i, size in enumerate([*sizes, len(payload)]):
        piece = payload[at : at + size]
        if piece:
            ts_ns = START + i * 1_000_000
            out.append(frames.tcp(ts_ns, CLIENT, 50000, SERVER, 443, piece, seq=1000 + at, flags=0x18))
        at += len(piece)
    return out


@pytest.mark.parametrize("sizes", [[], [12], [100], [700], [300, 300]])
def test_hello__names_its_application_however_it_is_split(sizes: list[int]) -> None:
    flows = run(segments(client_hello("g.whatsapp.net", padding=900), sizes))
    assert flows["app"].tolist() == [App.WHATSAPP]


def test_hello__missing_segment_is_not_joined() -> None:
    whole = segments(client_hello("g.whatsapp.net", padding=900), [300, 300])
    assert run([whole[0], whole[2]])["app"].tolist() != [App.WHATSAPP]


def dns_answer(name: str, address: str) -> bytes:
    """Return a DNS answer with one address (RFC 1035 §4.1)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes(int(part) for part in address.split("."))
    return struct.pack("!HHHHHH", 7, 0x8180, 1, 1, 0, 0) + labels + struct.pack("!HH", 1, 1) + answer


def test_resolved__flow_to_a_resolved_address_carries_the_hint() -> None:
    answer = frames.udp(START, "10.0.0.53", 53, CLIENT, 4444, dns_answer("g.whatsapp.net", SERVER))
    later = frames.tcp(START + 10**9, CLIENT, 50001, SERVER, 443, b"\x00\x01\x02\x03 opaque")
    flows = run([answer, later])
    assert flows[flows["proto"] == 6]["resolved_app"].tolist() == [App.WHATSAPP]


@pytest.mark.parametrize("sizes", [[], [300, 300]])
def test_resolved__flow_to_an_address_named_in_a_hello_carries_the_hint(sizes: list[int]) -> None:
    hello = segments(client_hello("g.whatsapp.net", padding=900), sizes)
    later = frames.udp(START + 10**9, CLIENT, 50001, SERVER, 40000, b"\x00\x01\x02\x03 opaque")
    flows = run([*hello, later])
    assert flows[flows["proto"] == 17]["resolved_app"].tolist() == [App.WHATSAPP]


def test_resolved__stranger_to_the_address_does_not() -> None:
    answer = frames.udp(START, "10.0.0.53", 53, CLIENT, 4444, dns_answer("g.whatsapp.net", SERVER))
    other = frames.tcp(START + 10**9, "10.0.0.8", 50001, SERVER, 443, b"\x00\x01\x02\x03 opaque")
    flows = run([answer, other])
    assert flows[flows["proto"] == 6]["resolved_app"].tolist() == [App.UNKNOWN]
