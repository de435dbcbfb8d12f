"""Packets behind a 2-byte length on TCP."""

from __future__ import annotations

import struct

from flowclass.record.message import MessageKind
from tests.drive import look
from tests.messages import rtcp, rtp, stun


def framed(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


def test_stun_and_what_follows_it() -> None:
    msg = look(framed(stun(3, (0x19, bytes(4)))) + framed(rtp()), proto=6, dport=443)
    assert (msg["kind"], msg["stream_framed"], msg["stun_type"]) == (MessageKind.STUN, 1, 3)


def test_rtcp() -> None:
    assert look(framed(rtcp()), proto=6)["kind"] == MessageKind.RTCP


def test_bare_stun() -> None:
    msg = look(stun(3, (0x19, bytes(4))) + bytes(30), proto=6)
    assert (msg["kind"], msg["stream_framed"]) == (MessageKind.STUN, 0)


def test_length_beyond_the_segment_is_refused() -> None:
    assert look(framed(rtp())[:-1], proto=6)["kind"] == MessageKind.TCP_START
