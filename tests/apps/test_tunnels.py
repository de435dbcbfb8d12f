"""The evidence of tunnels, from packets as their programs send them."""

from __future__ import annotations

import struct

import pytest

from flowclass.record.verdict import App, Kind
from tests.apps.test_evidence import verdict
from tests.drive import Flow
from tests.messages import client_hello, dtls

SESSION, ANSWER_SESSION = bytes(range(1, 9)), bytes(range(11, 19))
#: A client's hard reset with tls-crypt, its answer, and an acknowledgement: opcode, session, then what is random.
RESET, ANSWER = b"\x38" + SESSION + b"\x99" * 45, b"\x40" + ANSWER_SESSION + b"\x98" * 57
NOTHING = (App.UNKNOWN, Kind.UNKNOWN)


def framed(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


def openvpn_data(number: int, peer: int = 0) -> bytes:
    return struct.pack("!II", 0x48 << 24 | peer, number) + b"\x5a" * 80


def test_openvpn__reset_and_answer_on_any_port() -> None:
    flow = Flow(dport=443)
    flow.see(RESET)
    assert verdict(flow) == NOTHING
    flow.see(ANSWER, 1)
    assert verdict(flow) == (App.OPENVPN, Kind.TUNNEL)


def test_openvpn__reset_and_answer_over_tcp() -> None:
    flow = Flow(6, dport=443)
    flow.see(framed(RESET))
    assert verdict(flow) == NOTHING
    flow.see(framed(ANSWER), 1)
    assert verdict(flow) == (App.OPENVPN, Kind.TUNNEL)


def test_openvpn__over_tcp_the_length_must_be_that_of_the_segment() -> None:
    flow = Flow(6, dport=1194)
    flow.see(framed(RESET) + b"\0")
    flow.see(framed(ANSWER) + b"\0", 1)
    assert verdict(flow) == NOTHING


def test_openvpn__data_of_a_tunnel_joined_half_way() -> None:
    flow = Flow(dport=51194)
    for number in range(700, 706):
        flow.see(openvpn_data(number))
    assert verdict(flow) == (App.OPENVPN, Kind.TUNNEL)


@pytest.mark.parametrize(
    "packets",
    [
        [openvpn_data(7)] * 9,
        [openvpn_data(number * 1000) for number in range(9)],
        [openvpn_data(number, peer=number) for number in range(9)],
        [openvpn_data(number) for number in range(4)],
    ],
    ids=["the same number", "numbers at random", "a peer each", "too few"],
)
def test_openvpn__what_only_begins_like_its_data(packets: list[bytes]) -> None:
    flow = Flow()
    for packet in packets:
        flow.see(packet)
    assert verdict(flow) == NOTHING


def test_wireguard__data_of_a_tunnel_joined_half_way() -> None:
    flow = Flow(dport=5060)
    for number in range(900, 904):
        flow.see(b"\4\0\0\0" + b"\x31\x32\x33\x34" + struct.pack("<Q", number) + bytes(80))
    assert verdict(flow) == (App.WIREGUARD, Kind.TUNNEL)


def ike(version: int = 0x20) -> bytes:
    return b"\x71" * 8 + bytes(8) + bytes([0x21, version, 0x22, 8]) + struct.pack("!II", 0, 200) + bytes(172)


def esp(number: int) -> bytes:
    return b"\xc3\x04\x05\x06" + struct.pack("!I", number) + b"\x5b" * 92


@pytest.mark.parametrize(("port", "packet"), [(500, ike()), (500, ike(0x10)), (4500, bytes(4) + ike())])
def test_ipsec__key_exchange(port: int, packet: bytes) -> None:
    flow = Flow(dport=port)
    flow.see(packet)
    assert verdict(flow) == (App.IPSEC, Kind.TUNNEL)


def test_ipsec__esp_in_udp_though_it_looks_like_rtp() -> None:
    flow = Flow(dport=4500)
    flow.see(b"\x80" + esp(5)[1:])
    flow.see(b"\x80" + esp(6)[1:])
    assert verdict(flow) == (App.IPSEC, Kind.TUNNEL)


@pytest.mark.parametrize(("proto", "app"), [(50, App.IPSEC), (51, App.IPSEC), (115, App.L2TP)])
def test_protocols_of_their_own(proto: int, app: App) -> None:
    flow = Flow(proto, sport=0, dport=0)
    flow.see(esp(1))
    assert verdict(flow) == (app, Kind.TUNNEL)


def test_l2tp__control_message() -> None:
    flow = Flow(dport=1701)
    flow.see(bytes.fromhex("c802001400000000000000000000000880000000")[:20])
    assert verdict(flow) == (App.L2TP, Kind.TUNNEL)


def test_pptp__control_message() -> None:
    flow = Flow(6, dport=1723)
    flow.see(bytes.fromhex("009c00011a2b3c4d00010000") + bytes(144))
    assert verdict(flow) == (App.PPTP, Kind.TUNNEL)


def test_tailscale__disco() -> None:
    flow = Flow(dport=41641)
    flow.see(bytes.fromhex("5453f09f92ac") + bytes(56))
    assert verdict(flow) == (App.TAILSCALE, Kind.TUNNEL)


@pytest.mark.parametrize("name", ["derp1.tailscale.com", "derp10b.tailscale.com", "DERP2f.Tailscale.com"])
def test_tailscale__relay(name: str) -> None:
    flow = Flow(6, dport=443)
    flow.see(client_hello(name))
    assert verdict(flow) == (App.TAILSCALE, Kind.TUNNEL)


@pytest.mark.parametrize(
    "name", ["login.tailscale.com", "derp1.tailscale.org", "derpy.example.com", "derp1.tailscale.com.example.org"]
)
def test_tailscale__other_names(name: str) -> None:
    flow = Flow(6, dport=443)
    flow.see(client_hello(name))
    assert verdict(flow) == (App.OTHER, Kind.NOT_VOIP)


def test_softether__question_and_answer() -> None:
    flow = Flow(dport=5004)
    flow.see(b"A")
    flow.see(b"IP=192.0.2.7,PORT=5004", 1)
    assert verdict(flow) == (App.SOFTETHER, Kind.TUNNEL)


def client_hello_dtls(session: bytes) -> bytes:
    body = b"\xfe\xfd" + bytes(32) + bytes([len(session)]) + session + b"\0\0\2\0\xa9\1\0"
    handshake = b"\1" + len(body).to_bytes(3, "big") + bytes(5) + len(body).to_bytes(3, "big") + body
    return b"\x16\xfe\xff" + bytes(8) + len(handshake).to_bytes(2, "big") + handshake


@pytest.mark.parametrize(
    ("port", "session", "expected"),
    [(443, bytes(32), (App.ANYCONNECT, Kind.TUNNEL)), (443, b"", NOTHING), (5684, bytes(32), NOTHING)],
    ids=["joins its TLS session", "a new session", "another port"],
)
def test_openconnect__hello(port: int, session: bytes, expected: tuple[App, Kind]) -> None:
    flow = Flow(dport=port)
    flow.see(client_hello_dtls(session))
    assert verdict(flow) == expected


def test_dtls_of_today_is_no_tunnel_by_itself() -> None:
    flow = Flow(dport=443)
    flow.see(dtls(0xFEFD))
    assert flow.decision()["kind"] != Kind.TUNNEL
