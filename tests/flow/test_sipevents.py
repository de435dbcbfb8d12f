"""What is read of a SIP message, against a plain reading by Python's own means."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowclass.dissect.stun import fnv1a
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.sipevents import SIP_EVENT, Method, read_sip
from flowclass.record.packet import IPV4_MAPPED
from tests import frames
from tests.flow.test_meter import SMALL, START

INVITE = (
    "INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776\r\nMax-Forwards: 70\r\n"
    "To: Bob <sip:bob@example.org>\r\nFrom: Alice <sip:alice@example.org>;tag=1928301774\r\n{call_id}\r\n"
    "CSeq: 314159 INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\n"
    "c=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 51372 RTP/AVP 96\r\n"
)
CALL_ID = "Call-ID: a84b4c76e66710@pc33.example.org"


def read(message: str) -> np.void:
    """Return the SIP_EVENT of a message."""
    data, out = np.frombuffer(message.encode(), np.uint8), np.zeros(1, SIP_EVENT)
    read_sip(data, 0, len(data), out[0])
    return out[0]


def dialog_of(call_id: str) -> int:
    """Return the dialog that a Call-ID gives, by another way."""
    return fnv1a(call_id.encode()) << 32 | fnv1a(call_id[1:].encode())


@pytest.mark.parametrize("name", ["Call-ID: ", "i: ", "CALL-ID:", "call-id:  "])
def test_invite_gives_dialog_and_media_sockets(name: str) -> None:
    event = read(INVITE.format(call_id=f"{name}a84b4c76e66710@pc33.example.org"))
    assert int(event["dialog"]) == dialog_of("a84b4c76e66710@pc33.example.org")
    assert (event["method"], event["code"], event["ports"].tolist()) == (Method.INVITE, 0, [49170, 51372])
    assert int(event["media_lo"]) == IPV4_MAPPED | 0xC0000207


@pytest.mark.parametrize(
    ("first", "cseq", "method", "code"),
    [
        ("SIP/2.0 180 Ringing", "1 INVITE", Method.INVITE, 180),
        ("SIP/2.0 200 OK", "2 BYE", Method.BYE, 200),
        ("SIP/2.0 200 OK", "3 OPTIONS", Method.OTHER, 200),
        ("BYE sip:bob@192.0.2.4 SIP/2.0", "2 BYE", Method.BYE, 0),
        ("CANCEL sip:bob@192.0.2.4 SIP/2.0", "1 CANCEL", Method.CANCEL, 0),
        ("ACK sip:bob@192.0.2.4 SIP/2.0", "1 ACK", Method.OTHER, 0),
        ("REGISTER sip:example.org SIP/2.0", "1 REGISTER", Method.OTHER, 0),
    ],
)
def test_message_says_what_it_is_or_answers(first: str, cseq: str, method: Method, code: int) -> None:
    event = read(f"{first}\r\n{CALL_ID}\r\nCSeq: {cseq}\r\n\r\n")
    assert (event["method"], event["code"], event["ports"].tolist()) == (method, code, [0, 0])


@given(st.integers(0, 2000))
def test_any_cut_of_a_message_agrees_with_the_plain_reading(cut: int) -> None:
    message = INVITE.format(call_id=CALL_ID)[:cut]
    event = read(message)
    found = re.search(r"\nCall-ID: (\S+)", message)
    # A header cut in the middle is read as far as it goes.
    assert int(event["dialog"]) == (dialog_of(found.group(1)) if found else 0)
    port = re.search(r"m=audio (\d{1,5})", message)
    assert event["ports"][0] == (int(port.group(1)) if port else 0)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_harm(payload: bytes) -> None:
    data, out = np.frombuffer(b"SIP/2.0 " + payload, np.uint8), np.zeros(1, SIP_EVENT)
    read_sip(data, 0, len(data), out[0])
    assert out["code"][0] <= 999


def said_over_tcp(*segments: str) -> list[tuple[int, int]]:
    """Return (dialog, method) of the messages of a connection, in segments from one side."""
    sequence, packets = 1000, []
    for place, segment in enumerate(segments):
        body = segment.encode()
        packets.append(frames.tcp(START + place * 1_000_000, "10.0.0.1", 40_000, "10.0.0.2", 5060, body, seq=sequence))
        sequence += len(body)
    meter, found = FlowMeter(SMALL), []
    for batch in (*meter.add(*frames.block_of(packets), 1), *meter.drain()):
        found += zip(batch.events["dialog"].tolist(), batch.events["method"].tolist(), strict=True)
    return found


def request(method: str, call_id: str) -> str:
    """Return a request without a body."""
    return f"{method} sip:bob@example.org SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: 1 {method}\r\n\r\n"


def test_messages_of_a_connection_are_read_for_as_long_as_it_lasts() -> None:
    calls = [f"call-{n}" for n in range(60)]
    found = said_over_tcp(*(request("INVITE", call) + request("BYE", call) for call in calls))
    assert found == [(dialog_of(call), method) for call in calls for method in (Method.INVITE, Method.BYE)]


def test_a_segment_that_begins_within_a_message_tells_of_the_next() -> None:
    first, second = request("INVITE", "one"), request("INVITE", "two")
    found = said_over_tcp(*[request("OPTIONS", "zero")] * 3, first[:-10], first[-10:] + second)
    assert [(dialog, method) for dialog, method in found if method == Method.INVITE] == [
        (dialog_of("one"), Method.INVITE),
        (dialog_of("two"), Method.INVITE),
    ]
