"""The evidence of each application, from messages made in code."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from flowclass.record.verdict import App, Kind
from tests.drive import Flow
from tests.messages import (
    certificate,
    client_hello,
    dns_query,
    dtls,
    ms_turn,
    quic,
    rtcp,
    rtp,
    stun,
    viber_control,
    xor_address,
    zoom_media,
)

CHECK = ((6, b"abcd:efgh"), (0x24, bytes(4)))


def verdict(flow: Flow) -> tuple[App, Kind]:
    """Return what evidence decides."""
    decision = flow.decision()
    return App(int(decision["app"])), Kind(int(decision["kind"]))


def test_observe_apps__says_once_that_something_decisive_is_new() -> None:
    flow = Flow(dport=3478)
    assert flow.see(stun(0x0801)) == 1
    assert flow.see(stun(0x0801)) == 0


# WhatsApp and Messenger


def test_whatsapp__token_without_user_name() -> None:
    flow = Flow(dport=3478)
    flow.see(stun(3, (0x4000, bytes(102))))
    assert verdict(flow) == (App.WHATSAPP, Kind.CALL_SIGNALLING)
    assert flow.decision()["also"] == App.MESSENGER


def test_whatsapp__bare_checks() -> None:
    flow = Flow()
    flow.see(stun(1, (8, bytes(20))))
    assert verdict(flow) == (App.WHATSAPP, Kind.CALL_SIGNALLING)


def test_whatsapp__check_with_a_user_name_is_not_bare() -> None:
    flow = Flow()
    flow.see(stun(1, *CHECK, (8, bytes(20))))
    assert flow.reasons() == set()


@pytest.mark.parametrize(
    "segments",
    [
        [b"WA\x05\x02" + bytes(40)],
        [b"WA", b"\x01\x05\x00\x00"],
        [b"ED\x00\x01", b"\x00\x00\x04", b"\x08\x09\x08\x0c", b"WA\x05\x03" + bytes(30)],
    ],
)
def test_whatsapp__chat_over_segments(segments: list[bytes]) -> None:
    flow = Flow(6, dport=5222)
    for segment in segments:
        flow.see(segment)
    assert verdict(flow) == (App.WHATSAPP, Kind.MESSAGING)


@pytest.mark.parametrize(
    "start", [b"WARNING: all is well", b"ED\x00\x01\x00\x00\xf0" + bytes(9), b"WA\xff\xff" + bytes(9)]
)
def test_whatsapp__other_streams_that_start_alike(start: bytes) -> None:
    flow = Flow(6, dport=5222)
    flow.see(start)
    assert "whatsapp.chat-stream" not in flow.reasons()


def test_whatsapp__server_name() -> None:
    flow = Flow(6, dport=443)
    flow.see(client_hello("mmg.whatsapp.net"))
    assert verdict(flow) == (App.WHATSAPP, Kind.MESSAGING)


def test_messenger__edge_stack_wins_over_the_common_types() -> None:
    flow = Flow(dport=3478)
    flow.see(stun(0x0801))
    flow.see(stun(1, *CHECK, (0xDAB9, bytes(4))))
    assert verdict(flow) == (App.MESSENGER, Kind.CALL_SIGNALLING)
    assert flow.decision()["also"] == App.WHATSAPP


def test_messenger__realm_over_tcp() -> None:
    flow = Flow(6, dport=443)
    message = stun(0x113, (0x14, b"turner.facebook"))
    flow.see(struct.pack("!H", len(message)) + message, 1)
    assert verdict(flow) == (App.MESSENGER, Kind.CALL_SIGNALLING)


# Viber


def viber_media(seq: int) -> bytes:
    return b"\xce\x40" + rtp(107, seq=seq, ssrc=9, extension=bytes(4))


def test_viber__three_shifted_packets() -> None:
    flow = Flow(dport=7985)
    assert [flow.see(viber_media(seq)) for seq in (5, 6, 8)] == [0, 0, 1]
    assert verdict(flow) == (App.VIBER, Kind.CALL_MEDIA)


def test_viber__jumping_numbers_are_no_media() -> None:
    flow = Flow(dport=7985)
    for seq in (5, 500, 9, 70):
        flow.see(viber_media(seq))
    assert "viber.shifted-rtp" not in flow.reasons()


def test_viber__control_packets_under_one_id() -> None:
    flow = Flow(dport=6000)
    for kind, size in ((1, 136), (1, 136), (9, 20)):
        flow.see(viber_control(kind, size))
    assert verdict(flow) == (App.VIBER, Kind.CALL_SIGNALLING)


def test_viber__control_packets_of_unknown_length_count_on_its_ports() -> None:
    for dport, is_viber in ((7987, True), (6000, False)):
        flow = Flow(dport=dport)
        for kind, size in ((1, 140), (9, 24), (6, 25)):
            flow.see(viber_control(kind, size))
        assert (verdict(flow) == (App.VIBER, Kind.CALL_SIGNALLING)) is is_viber


def test_viber__control_packets_under_changing_ids_are_chance() -> None:
    flow = Flow(dport=6000)
    for identity, kind, size in ((0xCE01, 1, 136), (0x1234, 9, 20), (0x7777, 3, 16), (0x0F0F, 6, 21)):
        flow.see(viber_control(kind, size, identity))
    assert flow.reasons() == set()


def test_viber__probes_to_peers_are_no_call() -> None:
    flow = Flow(dport=37299)
    for _ in range(3):
        flow.see(viber_control(3, 16))
    assert verdict(flow) == (App.VIBER, Kind.MESSAGING)


def test_viber__realm() -> None:
    flow = Flow(dport=443)
    flow.see(stun(0x113, (0x14, b"viber.com")), 1)
    assert verdict(flow) == (App.VIBER, Kind.CALL_SIGNALLING)


def test_viber__chat() -> None:
    flow = Flow(6, dport=4244)
    flow.see(struct.pack("<HH", 96, 0x3D) + bytes(2) + bytes(range(90)))
    assert verdict(flow) == (App.VIBER, Kind.MESSAGING)


# Skype and Teams


@pytest.mark.parametrize(("value", "app", "also"), [(3, App.SKYPE, App.TEAMS), (7, App.TEAMS, App.SKYPE)])
def test_microsoft__implementation_version(value: int, app: App, also: App) -> None:
    flow = Flow()
    flow.see(stun(1, *CHECK, (0x8070, struct.pack("!I", value))))
    decision = flow.decision()
    assert (decision["app"], decision["also"], decision["kind"]) == (app, also, Kind.CALL_SIGNALLING)


def test_microsoft__multiplexed_turn_needs_two() -> None:
    flow = Flow(dport=3479)
    assert flow.see(ms_turn(rtp(104))) == 0
    assert flow.see(ms_turn(rtp(104, seq=2))) == 1
    assert verdict(flow)[0] == App.TEAMS


def test_microsoft__relay_signalling() -> None:
    flow = Flow(sport=3478, dport=40000)
    flow.see(b"\x0301234567-89ab-cdef-0123-456789abcdef")
    assert verdict(flow) == (App.TEAMS, Kind.CALL_SIGNALLING)


def test_microsoft__the_same_datagram_elsewhere_says_nothing() -> None:
    flow = Flow(sport=9000, dport=40000)
    flow.see(b"\x0301234567-89ab-cdef-0123-456789abcdef")
    assert flow.decision()["app"] == App.UNKNOWN


def test_skype__overlay_is_a_hint_only() -> None:
    flow = Flow(sport=13021, dport=40015)
    flow.see(b"\x7a\xb7\x02" + bytes(range(1, 25)))
    assert "skype.overlay-probe" in flow.reasons()
    assert flow.decision()["app"] == App.UNKNOWN


# Others that call


def overlay_voice(number: int, function: int = 0x0D) -> bytes:
    """Return a datagram of Skype's overlay: random id, function, what it encrypts."""
    return struct.pack("!HB", number * 40_503 & 0xFFFF, function) + bytes(range(90))


def test_skype__voice_of_the_overlay() -> None:
    flow = Flow(sport=35990, dport=13021)
    for number in range(60):
        flow.see(overlay_voice(number, 0x02 if number % 20 == 7 else 0x0D), number & 1)
    assert verdict(flow) == (App.SKYPE, Kind.CALL_MEDIA)


@pytest.mark.parametrize("packet", [lambda number: overlay_voice(0), lambda number: overlay_voice(number, number)])
def test_skype__constant_ids_or_changing_functions_are_no_voice(packet: Callable[[int], bytes]) -> None:
    flow = Flow(sport=35990, dport=13021)
    for number in range(60):
        flow.see(packet(number))
    assert "overlay-voice" not in {reason.rpartition(".")[2] for reason in flow.reasons()}


def test_skype__telephone_gateway() -> None:
    flow = Flow(sport=35990, dport=12340)
    for number in range(30):
        flow.see(b"\x2a\x81\x07\x33" + bytes([number] * 60))
    assert verdict(flow) == (App.SKYPE, Kind.CALL_MEDIA)


def test_telegram__peer_tag_then_voice() -> None:
    tag = bytes(range(1, 17))
    flow = Flow(dport=530)
    assert flow.see(tag + b"\xff" * 12 + bytes(12)) == 0
    assert flow.see(tag + bytes(48), 1) == 1
    assert verdict(flow) == (App.TELEGRAM, Kind.MESSAGING)
    for _ in range(6):
        flow.see(tag + bytes(160))
    assert verdict(flow) == (App.TELEGRAM, Kind.CALL_MEDIA)


def test_signal__fixed_source_needs_three() -> None:
    flow = Flow()
    assert [flow.see(rtp(102, seq=seq, ssrc=2001)) for seq in range(3)] == [0, 0, 1]
    assert verdict(flow) == (App.SIGNAL, Kind.CALL_MEDIA)


def test_zoom__server_media_needs_two_and_the_port() -> None:
    flow, elsewhere = Flow(dport=8801), Flow(dport=9801)
    for seq in range(2):
        flow.see(zoom_media(15, rtp(112, seq=seq)))
        elsewhere.see(zoom_media(15, rtp(112, seq=seq)))
    assert verdict(flow) == (App.ZOOM, Kind.CALL_MEDIA)
    assert elsewhere.decision()["app"] == App.UNKNOWN


def test_zoom__own_stun() -> None:
    flow = Flow(dport=3478)
    flow.see(stun(1, (0x0101, bytes(20)), cookie=0x0102))
    assert verdict(flow) == (App.ZOOM, Kind.CALL_SIGNALLING)


def test_discord__discovery_then_voice() -> None:
    flow = Flow(dport=50001)
    flow.see(struct.pack("!II", 0x00010046, 77) + bytes(66))
    assert verdict(flow) == (App.DISCORD, Kind.CALL_SIGNALLING)
    for seq in range(2):
        flow.see(rtp(120, seq=seq, extension=bytes(4)))
    assert verdict(flow) == (App.DISCORD, Kind.CALL_MEDIA)


def test_discord__discovery_of_game_servers_on_low_ports_says_nothing() -> None:
    flow = Flow(sport=40000, dport=7000)
    flow.see(struct.pack("!II", 0x00010046, 77) + bytes(66))
    assert flow.decision()["app"] == App.UNKNOWN


@pytest.mark.parametrize(
    ("names", "app"),
    [
        (("Some Issuer", "*.discord.gg"), App.DISCORD),
        (("hangouts", "hangouts"), App.MEET),
        (("WebRTC", "WebRTC"), App.UNKNOWN),
        (("discord.gg.example.org",), App.UNKNOWN),
    ],
)
def test_certificate__names_the_server_of_a_browser_s_call(names: tuple[str, ...], app: App) -> None:
    flow = Flow(dport=50003)
    flow.see(dtls(content=certificate(*names)), 1)
    assert App(int(flow.decision()["app"])) == app


@pytest.mark.parametrize(
    "payload",
    [
        dtls(content=certificate("hangouts"), epoch=1),
        dtls(content=certificate("hangouts", tag=0x02)),
        dtls(content=certificate("hangouts")[:40]),
        dtls(content=bytes(20) + b"\x06\x03\x55\x04\x03\x0c\xff" + b"hangouts"),
    ],
    ids=["encrypted", "no string", "cut in the name", "length lies"],
)
def test_certificate__half_a_name_says_nothing(payload: bytes) -> None:
    flow = Flow(dport=50003)
    flow.see(payload, 1)
    assert flow.reasons() == set()


def test_teams__realm_of_a_client_in_a_browser() -> None:
    flow = Flow(dport=3478)
    flow.see(stun(0x113, (0x14, b"rtcmedia")), 1)
    assert verdict(flow) == (App.TEAMS, Kind.CALL_SIGNALLING)
    assert flow.decision()["also"] == App.SKYPE


def test_meet__realm() -> None:
    flow = Flow(dport=3478)
    flow.see(stun(0x113, (0x14, b"google.com")), 1)
    assert verdict(flow) == (App.MEET, Kind.CALL_SIGNALLING)


INVITE = b"INVITE sip:user@192.0.2.1:16402 SIP/2.0\r\nCSeq: 1 INVITE\r\nUser-Agent: "


@pytest.mark.parametrize(("agent", "app"), [(b"Viceroy 1.4.1", App.FACETIME), (b"Vicereine 2", App.SIP)])
def test_facetime__user_agent(agent: bytes, app: App) -> None:
    flow = Flow(sport=16402, dport=16402)
    flow.see(INVITE + agent + b"\r\n\r\n")
    assert verdict(flow) == (app, Kind.CALL_SIGNALLING)


def test_snapchat__rtp_on_a_quic_socket() -> None:
    flow = Flow(dport=443)
    flow.see(quic())
    for seq in range(3):
        flow.see(rtp(101, seq=seq, ssrc=7))
    assert verdict(flow) == (App.SNAPCHAT, Kind.CALL_MEDIA)


def test_line__session_packets_need_two() -> None:
    flow = Flow()
    packet = b"\xdb\x64\x00\xb9\x06\x02" + bytes(100)
    assert [flow.see(packet), flow.see(packet)] == [0, 1]
    assert verdict(flow)[0] == App.LINE


def test_sip__message() -> None:
    flow = Flow(dport=5060)
    flow.see(b"OPTIONS sip:example.org SIP/2.0\r\n\r\n")
    assert verdict(flow) == (App.SIP, Kind.CALL_SIGNALLING)


def test_webrtc__checks_from_both_sides() -> None:
    flow = Flow()
    check = stun(1, *CHECK, (0x802A, bytes(8)))
    assert flow.see(check) == 0
    assert flow.see(check, 1) == 1
    assert verdict(flow) == (App.WEBRTC, Kind.CALL_SIGNALLING)


def test_webrtc__turn_alone_names_nothing() -> None:
    flow = Flow(dport=3478)
    flow.see(stun(3, (0x19, bytes(4))))
    flow.see(stun(0x103, (0x16, xor_address((192, 0, 2, 1), 9)), (0xD, bytes(4))), 1)
    assert flow.decision()["app"] == App.UNKNOWN


# Tunnels and what is surely no call


def test_wireguard__handshake() -> None:
    flow = Flow(dport=5060)
    flow.see(b"\x01\0\0\0" + bytes(144))
    flow.see(b"\x02\0\0\0" + bytes(88), 1)
    assert verdict(flow) == (App.WIREGUARD, Kind.TUNNEL)


def test_anyconnect__old_record_version() -> None:
    flow = Flow(dport=443)
    flow.see(dtls(0x0100))
    assert verdict(flow) == (App.ANYCONNECT, Kind.TUNNEL)


@pytest.mark.parametrize(
    ("proto", "dport", "payload"),
    [
        (17, 53, dns_query("www.example.org")),
        (17, 161, bytes.fromhex("302902010104067075626c6963a01c")),
        (17, 123, b"\x23" + bytes(47)),
        (17, 1900, b"M-SEARCH * HTTP/1.1\r\n\r\n"),
        (17, 5000, b'{"what": "no call", "really": true}'),
        (6, 443, client_hello("www.example.org")),
        (6, 80, b"GET / HTTP/1.1\r\n\r\n"),
        (6, 22, b"SSH-2.0-OpenSSH_9.2\r\n"),
        (6, 25, b"220 mail.example.org ESMTP\r\n"),
        (1, 0, b"\x08\x00" + bytes(30)),
    ],
)
def test_other(proto: int, dport: int, payload: bytes) -> None:
    flow = Flow(proto, sport=40000 if dport else 0, dport=dport)
    flow.see(payload)
    assert verdict(flow) == (App.OTHER, Kind.NOT_VOIP)


def test_other__server_name_of_an_application_is_not_other() -> None:
    flow = Flow(6, dport=443)
    flow.see(client_hello("chat.signal.org"))
    assert verdict(flow) == (App.SIGNAL, Kind.MESSAGING)


@pytest.mark.parametrize("packet", [rtp(111), rtcp(), bytes.fromhex("5a13c7e0998811aa") * 6])
def test_one_packet_of_nothing_known_decides_nothing(packet: bytes) -> None:
    flow = Flow()
    flow.see(packet)
    assert flow.decision()["app"] == App.UNKNOWN
