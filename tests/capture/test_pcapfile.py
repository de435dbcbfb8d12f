"""pcap: every magic and byte order, odd headers, cut and hostile files."""

from __future__ import annotations

import io
import struct

import pytest

from flowclass.capture.source import open_source
from flowclass.errors import CaptureError
from tests.capture.capture_files import SECOND, frames, pcap, pcap_header, read


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34])
def test_every_magic_and_byte_order_gives_the_same_packets(magic: int, order: str) -> None:
    packets = frames(50)
    assert read([io.BytesIO(pcap(packets, order, magic))]) == (packets, [], False)


def test_nanoseconds_are_kept() -> None:
    packets = [(1_700_000_000 * SECOND + 123_456_789, b"abcd", 4)]
    assert read([io.BytesIO(pcap(packets, magic=0xA1B23C4D))])[0] == packets


@pytest.mark.parametrize("field", [1, 1 | 0x04000000 | 4 << 28, 1 | 0x00FF0000])
def test_flags_above_the_link_type_are_masked(field: int) -> None:
    source = open_source([io.BytesIO(pcap(frames(1), linktype=field))])
    assert [int(ref["linktype"]) for block in source.blocks() for ref in block.refs] == [1]


def test_wire_length_below_captured_is_raised_to_it() -> None:
    data = pcap_header() + struct.pack("<IIII", 1, 0, 4, 0) + b"abcd"
    assert read([io.BytesIO(data)])[0] == [(SECOND, b"abcd", 4)]


def test_fraction_above_a_second_is_carried() -> None:
    data = pcap_header() + struct.pack("<IIII", 1, 1_500_000, 0, 0)
    assert read([io.BytesIO(data)])[0] == [(2 * SECOND + SECOND // 2, b"", 0)]


@pytest.mark.parametrize(("minor", "first", "second"), [(2, 9, 4), (3, 9, 4), (3, 4, 9)])
def test_old_versions_exchange_the_lengths(minor: int, first: int, second: int) -> None:
    data = pcap_header(minor=minor) + struct.pack("<IIII", 1, 0, first, second) + b"abcd"
    assert read([io.BytesIO(data)])[0] == [(SECOND, b"abcd", 9)]


def test_cut_packet_is_named_with_number_and_offset() -> None:
    data = pcap(frames(3, size=60))
    start_of_third = 24 + 16 + 60 + 16 + 61
    packets, problems, partial = read([io.BytesIO(data[:-1])])
    assert packets == frames(2)
    assert problems == [f"<BytesIO>: cut in the middle of packet 3 at byte {start_of_third}; 2 whole packets read"]
    assert partial


def test_cut_file_header() -> None:
    packets, problems, partial = read([io.BytesIO(pcap_header()[:20])])
    assert (packets, partial) == ([], True)
    assert "cut in the middle of the file header" in problems[0]


@pytest.mark.parametrize("caplen", [262_145, 0x7FFFFFFF, 0xFFFFFFFF])
def test_absurd_captured_length_ends_the_reading(caplen: int) -> None:
    whole = frames(2, size=60)
    data = pcap(whole) + struct.pack("<IIII", 1, 0, caplen, caplen) + bytes(100)
    packets, problems, partial = read([io.BytesIO(data)])
    assert packets == whole
    assert f"at byte {24 + 16 + 60 + 16 + 61}, claims {caplen} captured bytes" in problems[0]
    assert partial


def test_absurd_wire_length_ends_the_reading() -> None:
    data = pcap_header() + struct.pack("<IIII", 1, 0, 4, 0x80000000) + b"abcd"
    packets, problems, partial = read([io.BytesIO(data)])
    assert (packets, partial) == ([], True)
    assert "2147483648 bytes on the wire" in problems[0]


def test_largest_frame_is_read() -> None:
    packets = [(SECOND, bytes(262_144), 262_144), (SECOND, b"abcd", 4)]
    assert read([io.BytesIO(pcap(packets))], block_bytes=1000)[0] == packets


def test_empty_capture_is_whole() -> None:
    assert read([io.BytesIO(pcap_header())]) == ([], [], False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\xd4\xc3", "is no capture"),
        (b"#!/bin/sh\n", "is no capture"),
        (b"BZh91AY", "bunzip2"),
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "byte-order magic"),
    ],
)
def test_what_is_no_capture_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        open_source([io.BytesIO(content)])
