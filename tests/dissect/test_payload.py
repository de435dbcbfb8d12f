"""What a payload is taken for."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.jit import JIT_ENABLED
from flowclass.record.message import MessageKind
from tests.drive import look
from tests.messages import SAMPLES, channel_data, client_hello, ms_turn, rtp, stun

KINDS = {
    "stun-request": MessageKind.STUN,
    "stun-classic": MessageKind.STUN_CLASSIC,
    "stun-tcp": MessageKind.STUN,
    "meta-token": MessageKind.STUN,
    "channel-data": MessageKind.CHANNEL_DATA,
    "ms-turn": MessageKind.MS_TURN,
    "rtp": MessageKind.RTP,
    "rtcp": MessageKind.RTCP,
    "viber-media": MessageKind.PREFIXED_RTP,
    "viber-control": MessageKind.OTHER,
    "zoom-audio": MessageKind.PREFIXED_RTP,
    "zoom-rtcp": MessageKind.PREFIXED_RTP,
    "dtls": MessageKind.DTLS,
    "quic": MessageKind.QUIC,
    "tls-hello": MessageKind.TLS_HELLO,
    "tls-data": MessageKind.TLS,
    "dns-query": MessageKind.DNS,
    "dns-answer": MessageKind.DNS,
    "sip": MessageKind.SIP,
    "http": MessageKind.HTTP,
    "ssdp": MessageKind.HTTP,
    "whatsapp-chat": MessageKind.TCP_START,
    "noise": MessageKind.OTHER,
}


@pytest.mark.parametrize("name", KINDS)
def test_inspect__names_the_kind(name: str) -> None:
    proto, sport, dport, payload = SAMPLES[name]
    assert look(payload, proto, sport, dport)["kind"] == KINDS[name]


def test_inspect__empty_payload() -> None:
    assert look(b"")["kind"] == MessageKind.EMPTY


def test_inspect__other_transport_is_not_looked_into() -> None:
    assert look(stun(1), proto=132)["kind"] == MessageKind.IP_OTHER


def test_inspect__private_meta_type_is_stun_before_the_first_byte_is_asked() -> None:
    msg = look(stun(0x0800, (0x4000, bytes(102))))
    assert msg["kind"] == MessageKind.STUN
    assert msg["stun_type"] == 0x0800


@pytest.mark.parametrize("wrap", [channel_data, ms_turn, lambda packet: stun(0x17, (0x13, packet))])
def test_inspect__media_inside_a_relay_message(wrap) -> None:  # type: ignore[no-untyped-def]
    packet = rtp(ssrc=0xABCD)
    payload = wrap(packet)
    msg = look(payload)
    assert payload[msg["media_lo"] : msg["media_hi"]] == packet
    assert msg["media_bytes"] == len(packet)
    assert msg["inner_kind"] == MessageKind.RTP


def test_inspect__channel_data_on_tcp_is_padded_and_several_may_share_a_segment() -> None:
    one = channel_data(rtp(payload=bytes(38))) + bytes(2)
    for payload in (one, one + one):
        msg = look(payload, proto=6)
        assert (msg["kind"], msg["inner_kind"], msg["media_lo"]) == (MessageKind.CHANNEL_DATA, MessageKind.RTP, 4)
        assert msg["media_bytes"] == 50
    assert look(b"GET / HTTP/1.1\r\n\r\n", proto=6)["kind"] == MessageKind.HTTP
    assert look(b"\x40\x01\x00\x10" + bytes(9), proto=6)["kind"] != MessageKind.CHANNEL_DATA


def test_inspect__stun_inside_stun_gives_its_numbers_and_no_media() -> None:
    msg = look(SAMPLES["stun-in-stun"][3])
    assert msg["inner_kind"] == MessageKind.STUN
    assert msg["inner_stun_type"] == 1
    assert msg["implementation"] == 7
    assert msg["media_lo"] == msg["media_hi"]


def test_inspect__media_behind_vibers_id_starts_two_bytes_in() -> None:
    assert look(SAMPLES["viber-media"][3])["media_lo"] == 2


def test_inspect__media_behind_zooms_headers() -> None:
    assert look(SAMPLES["zoom-audio"][3])["media_lo"] == 27


def test_inspect__framed_packet_on_tcp() -> None:
    packet = rtp()
    msg = look(struct.pack("!H", len(packet)) + packet, proto=6)
    assert (msg["kind"], msg["stream_framed"], msg["media_lo"]) == (MessageKind.RTP, 1, 2)


def test_inspect__a_length_that_lies_is_no_stun() -> None:
    message = bytearray(stun(1, (6, b"abcd")))
    message[3] += 8
    assert look(bytes(message))["kind"] == MessageKind.OTHER


def test_inspect__cut_frame_is_judged_by_its_length_on_the_wire() -> None:
    whole = stun(3, (0x4000, bytes(102)), (8, bytes(20)))
    msg = look(whole[:54], wire_bytes=len(whole))
    assert msg["kind"] == MessageKind.STUN
    assert msg["token_bytes"] == 102
    assert msg["stun_whole"] == 0


def test_inspect__hello_cut_behind_its_name_still_names_it() -> None:
    hello = client_hello("edge.example.org", padding=0) + bytes(300)
    msg = look(hello[:90], proto=6, dport=443, wire_bytes=400)
    assert bytes(hello[msg["sni_lo"] : msg["sni_hi"]]) == b"edge.example.org"


def test_inspect__nothing_of_the_packet_before_is_left() -> None:
    assert look(b"\x00" * 40)["media_hi"] == look(b"\x00" * 40)["media_lo"]


@pytest.mark.skipif(JIT_ENABLED, reason="only plain Python notices a read past the end; runs below in a second process")
class TestCuts:
    """The array ends with the payload, so that any read past it raises IndexError."""

    @pytest.mark.parametrize("name", SAMPLES)
    def test_cut_anywhere(self, name: str) -> None:
        proto, sport, dport, payload = SAMPLES[name]
        for length in range(len(payload)):
            look(payload[:length], proto, sport, dport)
            look(payload[:length], proto, sport, dport, wire_bytes=len(payload))

    @settings(max_examples=400, deadline=None)
    @given(st.sampled_from(sorted(SAMPLES)), st.data())
    def test_changed_and_cut(self, name: str, draw: st.DataObject) -> None:
        proto, sport, dport, payload = SAMPLES[name]
        changed = bytearray(payload[:120])
        for _ in range(draw.draw(st.integers(1, 4))):
            changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
        length = draw.draw(st.integers(1, len(changed)))
        assert look(bytes(changed[:length]), proto, sport, dport, wire_bytes=len(payload))["kind"] <= max(MessageKind)


@pytest.mark.skipif(not JIT_ENABLED, reason="this is the second process")
@pytest.mark.slow
def test_no_read_past_the_end_in_plain_python() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", __file__, "-k", "TestCuts"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        command, env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
