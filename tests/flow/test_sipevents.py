"""What is read of a SIP message, against a plain reading by Python's own means."""

from __future__ import annotations

import ipaddress
import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowclass.dissect.stun import fnv1a
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.sdp import CODECS, FIRST_DYNAMIC
from flowclass.flow.sipevents import SIP_EVENT, Method, ToTag, read_sip
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


def described(*lines: str) -> np.void:
    """Return the SIP_EVENT of an INVITE with these lines in its session description."""
    return read(f"INVITE sip:b@h SIP/2.0\r\n{CALL_ID}\r\n\r\nv=0\r\n" + "".join(f"{line}\r\n" for line in lines))


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (("c=IN IP4 192.0.2.1", "m=audio 4000 RTP/AVP 0", "c=IN IP4 192.0.2.2"), "192.0.2.2"),
        (
            ("c=IN IP4 192.0.2.1", "m=audio 4000 RTP/AVP 0", "m=video 4002 RTP/AVP 96", "c=IN IP4 192.0.2.2"),
            "192.0.2.1",
        ),
        (("c=IN IP6 2001:db8::9", "m=audio 4000 RTP/AVP 0"), "2001:db8::9"),
        (("c=IN IP4 host.example.org", "m=audio 4000 RTP/AVP 0"), None),
        (("c=IN IP6 host.example.org", "m=audio 4000 RTP/AVP 0"), None),
    ],
)
def test_connection_line_of_the_audio_says_where_it_is_awaited(lines: tuple[str, ...], address: str | None) -> None:
    event = described(*lines)
    words = int(event["media_hi"]) << 64 | int(event["media_lo"])
    expected = 0 if address is None else int(ipaddress.ip_address(address))
    assert words == (expected | IPV4_MAPPED if address and "." in address else expected)


@given(st.integers(0, (1 << 128) - 1), st.sets(st.integers(0, 7)), st.sampled_from(["compressed", "exploded"]))
def test_ipv6_address_is_read_as_python_writes_it(number: int, zeros: set[int], form: str) -> None:
    for place in zeros:
        number &= ~(0xFFFF << 16 * place)
    event = described(f"c=IN IP6 {getattr(ipaddress.IPv6Address(number), form)}")
    assert int(event["media_hi"]) << 64 | int(event["media_lo"]) == number


@pytest.mark.parametrize("text", ["1:2:3", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", ":", "g::1"])
def test_what_is_no_ipv6_address_is_none(text: str) -> None:
    event = described(f"c=IN IP6 {text}     ")
    assert (event["media_hi"], event["media_lo"]) == (0, 0)


def test_medium_that_was_refused_is_awaited_nowhere() -> None:
    event = described("c=IN IP4 192.0.2.1", "m=audio 4000 RTP/SAVP 0", "m=audio 0 RTP/AVP 0", "m=video 0 RTP/AVP 96")
    assert event["ports"].tolist() == [4000, 0]


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


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("To: Bob <sip:bob@example.org>", ToTag.NONE),
        ("To: Bob <sip:bob@example.org>;tag=8321234356", ToTag.THERE),
        ("t: sip:bob@example.org; Tag=83", ToTag.THERE),
        ("TO :<sip:bob@example.org;tag=of-the-address>", ToTag.NONE),
        ('To: "a;tag=b" <sip:bob@example.org>;user=phone', ToTag.NONE),
        ("To: <sip:bob@example.org>;tag", ToTag.NONE),
        ("Timestamp: 54;tag=1", ToTag.UNSEEN),
        ("From: <sip:bob@example.org>;tag=1", ToTag.UNSEEN),
    ],
)
def test_to_tag_tells_whether_a_request_begins_its_dialog(header: str, expected: ToTag) -> None:
    event = read(f"INVITE sip:bob@example.org SIP/2.0\r\n{CALL_ID}\r\n{header}\r\nCSeq: 1 INVITE\r\n\r\n")
    assert event["to_tag"] == expected


def codecs_of(*lines: str) -> dict[int, str]:
    """Return the codecs by payload type that a description with these lines gives."""
    event = read(INVITE.format(call_id=CALL_ID) + "".join(f"{line}\r\n" for line in lines))
    said = enumerate(event["codecs"].tolist(), FIRST_DYNAMIC)
    return {payload_type: CODECS[codec - 1] for payload_type, codec in said if codec}


@pytest.mark.parametrize("codec", CODECS)
def test_each_codec_is_known_by_its_name_in_any_case(codec: str) -> None:
    lines = [f"a=rtpmap:{96 + n} {name}/8000" for n, name in enumerate((codec, codec.lower(), codec.upper()))]
    assert codecs_of(*lines) == dict.fromkeys((96, 97, 98), codec)


@pytest.mark.parametrize(
    "line",
    [
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:128 opus/48000/2",
        "a=rtpmap:99999 opus/48000/2",
        "a=rtpmap: opus/48000/2",
        "a=rtpmap:96",
        "a=rtpmap:96 opu",
        "a=rtpmap:96 opusx/48000",
        "a=rtpmax:96 opus/48000",
        "b=rtpmap:96 opus/48000",
    ],
)
def test_what_names_no_codec_of_a_dynamic_type_says_nothing(line: str) -> None:
    assert codecs_of(line) == {}


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


def events_over_tcp(*segments: str, lost: int = -1) -> np.ndarray:
    """Return the SIP_EVENTs of a connection, in segments from one side, of which one may be lost."""
    sequence, packets = 1000, []
    for place, segment in enumerate(segments):
        body = segment.encode()
        if place != lost:
            ends = "10.0.0.1", 40_000, "10.0.0.2", 5060
            packets.append(frames.tcp(START + place * 1_000_000, *ends, body, seq=sequence))
        sequence += len(body)
    meter = FlowMeter(SMALL)
    batches = (*meter.add(*frames.block_of(packets), 1), *meter.drain())
    return np.concatenate([batch.events.copy() for batch in batches])


def said_over_tcp(*segments: str) -> list[tuple[int, int]]:
    """Return (dialog, method) of the messages of a connection, each once."""
    events = events_over_tcp(*segments)
    events = events[events["is_rest"] == 0]
    return list(zip(events["dialog"].tolist(), events["method"].tolist(), strict=True))


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


def invite() -> str:
    """Return an INVITE that says how long it is."""
    head, _, body = INVITE.format(call_id=CALL_ID).partition("\r\n\r\n")
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def in_pieces(text: str, *cuts: int) -> list[str]:
    """Return a text cut at some places."""
    return [text[lo:hi] for lo, hi in itertools.pairwise((0, *cuts, len(text)))]


@pytest.mark.parametrize(
    "cuts",
    [
        pytest.param((60,), id="before the Call-ID"),
        pytest.param((150, 151), id="a segment of one byte"),
        pytest.param((invite().index("Content-Length") + 4,), id="in a header"),
        pytest.param((invite().index("v=0"),), id="before the body"),
        pytest.param((invite().index("49170") + 2,), id="in a port"),
        pytest.param((40, 200, 300, 380), id="five segments"),
        pytest.param((len(invite()) - 1,), id="before the last byte"),
    ],
)
def test_message_split_over_segments_says_all_it_says(cuts: tuple[int, ...]) -> None:
    events = events_over_tcp(*in_pieces(invite() + request("BYE", "next"), *cuts))
    last = events[events["method"] == Method.INVITE][-1]
    assert (last["ports"].tolist(), int(last["media_lo"])) == ([49170, 51372], IPV4_MAPPED | 0xC0000207)
    told = events[events["is_rest"] == 0]
    assert told["dialog"].tolist() == [dialog_of(CALL_ID.split()[1]), dialog_of("next")]
    assert told["method"].tolist() == [Method.INVITE, Method.BYE]


def test_message_of_which_a_segment_is_lost_is_not_made_of_the_others() -> None:
    pieces = in_pieces(invite(), 250, invite().index("m=audio"))
    (event,) = events_over_tcp(*pieces, lost=1)
    assert (int(event["dialog"]), event["ports"].tolist()) == (dialog_of(CALL_ID.split()[1]), [0, 0])


@pytest.mark.parametrize("length", ["99999999", "-1", "x", ""])
def test_length_that_is_none_keeps_nothing(length: str) -> None:
    text = f"Content-Length: {length}".join(re.split(r"Content-Length: \d+", invite()))
    events = events_over_tcp(text, *[request("BYE", f"call-{n}") for n in range(3)])
    assert events["method"].tolist() == [Method.INVITE, *[Method.BYE] * 3]


@given(st.lists(st.integers(1, 700), max_size=12), st.binary(max_size=40))
def test_any_segments_are_followed_without_harm(cuts: list[int], noise: bytes) -> None:
    text = (invite() + noise.decode("latin-1") + invite()) * 2
    events = events_over_tcp(*in_pieces(text, *sorted({cut for cut in cuts if cut < len(text)})))
    assert (events["is_rest"] == 0).sum() <= 4
