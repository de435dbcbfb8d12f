"""Evidence of calls of which the beginning, or one direction, is missing."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest

from flowclass.record.verdict import App, Kind
from tests.drive import Flow
from tests.messages import channel_data, dtls, quic, rtcp, rtp, stun, xor_address, zoom_media

CHECK = ((6, b"abcd:efgh"), (0x24, bytes(4)))


def verdict(flow: Flow) -> tuple[App, Kind]:
    """Return what evidence decides."""
    decision = flow.decision()
    return App(int(decision["app"])), Kind(int(decision["kind"]))


def noise(count: int, sizes: tuple[int, ...], seed: int = 1) -> Iterator[bytes]:
    """Yield datagrams of random bytes of these sizes, in turn."""
    source = random.Random(seed)
    for place in range(count):
        yield source.randbytes(sizes[place % len(sizes)])


# Telegram


def test_telegram__whole_blocks_between_peers() -> None:
    flow = Flow()
    for payload in noise(40, (176, 48, 208, 192, 240)):
        flow.see(payload)
    assert verdict(flow) == (App.TELEGRAM, Kind.CALL_MEDIA)


@pytest.mark.parametrize("sizes", [(176, 208, 193), (48, 64, 80), (176, 208, 1024)])
def test_telegram__other_sizes_between_peers_are_not_its(sizes: tuple[int, ...]) -> None:
    flow = Flow()
    for payload in noise(60, sizes):
        flow.see(payload)
    assert "telegram.block-stream" not in flow.reasons()


def test_telegram__blocks_behind_a_constant_head_are_not_its() -> None:
    flow = Flow(dport=51820)
    for payload in noise(60, (176, 208)):
        flow.see(b"\x04\0\0\0" + payload[4:])
    assert "telegram.block-stream" not in flow.reasons()


@pytest.mark.parametrize(("dport", "is_telegram"), [(596, True), (4000, False), (500, False)])
def test_telegram__reflector_of_any_block_length(dport: int, is_telegram: bool) -> None:
    flow = Flow(dport=dport)
    for payload in noise(8, (140, 151, 163)):
        flow.see(bytes(range(1, 17)) + payload)
    assert (verdict(flow) == (App.TELEGRAM, Kind.CALL_MEDIA)) is is_telegram


def test_telegram__silence_delivered_twice_is_no_tag() -> None:
    flow = Flow()
    for seq in range(8):
        for _ in range(2):
            flow.see(rtp(0, seq, 0x5C0FFEE1, b"\xff" * 160))
    assert "telegram.peer-tag" not in flow.reasons()


# Snapchat


def short_header() -> bytes:
    """Return QUIC with a short header."""
    return b"\x45" + bytes(range(30))


def test_snapchat__short_headers_and_reports() -> None:
    flow = Flow(dport=443)
    for payload in (short_header(), rtcp(201, 7), rtcp(201, 9), rtcp(205, 7)):
        flow.see(payload, 1)
    assert verdict(flow) == (App.SNAPCHAT, Kind.CALL_MEDIA)


def test_snapchat__quic_without_media_is_not_a_call() -> None:
    flow = Flow(dport=443)
    for payload in (quic(), short_header(), short_header(), rtcp(201, 7)):
        flow.see(payload)
    assert "snapchat.quic-then-rtp" not in flow.reasons()


# Others


@pytest.mark.parametrize("answers", [False, True])
def test_imo__echoes_seen_one_way(answers: bool) -> None:
    flow = Flow()
    for counter in (1000, 1500, 2100):
        head = b"\0\x09\x03" if answers else b"\x09\x02"
        flow.see(head + struct.pack("<I", counter) + bytes(4))
    assert verdict(flow) == (App.IMO, Kind.CALL_SIGNALLING)


def test_imo__echoes_that_jump_are_chance() -> None:
    flow = Flow()
    for counter in (1000, 0x70000000, 5, 0x20000000):
        flow.see(b"\x09\x02" + struct.pack("<I", counter) + bytes(4))
    assert flow.reasons() == set()


def test_messenger__channel_data_alone() -> None:
    flow = Flow(dport=40003)
    assert [flow.see(channel_data(bytes(100))), flow.see(channel_data(bytes(90)), 1)] == [0, 1]
    assert verdict(flow) == (App.MESSENGER, Kind.CALL_SIGNALLING)


def test_zoom__client_in_a_browser() -> None:
    for payload in (stun(1, *CHECK), dtls()):
        flow = Flow(dport=8801)
        flow.see(payload)
        assert verdict(flow) == (App.ZOOM, Kind.CALL_SIGNALLING)


def test_zoom__media_header_on_another_port() -> None:
    flow = Flow(dport=443)
    for seq in range(3):
        flow.see(zoom_media(15, rtp(112, seq, 0x01000402)))
    assert verdict(flow) == (App.ZOOM, Kind.CALL_MEDIA)


def test_discord__discovery_as_until_2019() -> None:
    flow = Flow(dport=50003)
    flow.see(struct.pack("!I", 4711) + bytes(66))
    assert verdict(flow) == (App.DISCORD, Kind.CALL_SIGNALLING)
    other = Flow(dport=50003)
    other.see(struct.pack("!I", 4711) + bytes(10) + b"\1" + bytes(55))
    assert other.reasons() == set()


def test_meet__server_seen_alone() -> None:
    flow = Flow(sport=40000, dport=19305)
    answer = stun(0x0101, (0x20, xor_address((192, 0, 2, 1), 5000)), (8, bytes(20)))
    flow.see(answer, 1)
    assert verdict(flow) == (App.MEET, Kind.CALL_SIGNALLING)


def test_meet__public_stun_service_is_not_a_call_of_its() -> None:
    flow = Flow(sport=40000, dport=19302)
    flow.see(stun(1))
    flow.see(stun(0x0101, (0x20, xor_address((192, 0, 2, 1), 5000))), 1)
    assert "meet.server-port" not in flow.reasons()
