"""DNS messages."""

from __future__ import annotations

import struct

import pytest

from flowclass.record.message import DNS_ADDRESSES, MessageKind
from flowclass.record.packet import IPV4_MAPPED
from tests.drive import look
from tests.messages import dns_answer, dns_name, dns_query

V6 = bytes.fromhex("20010db8000000000000000000000001")


def test_query_on_another_port_is_told_by_its_question() -> None:
    msg = look(dns_query("www.example.org"), dport=5300)
    assert msg["kind"] == MessageKind.DNS
    assert msg["dns_name_lo"] == 12


def test_answers_of_both_families_behind_an_alias() -> None:
    msg = look(dns_answer("www.example.org", bytes([192, 0, 2, 3]), V6), sport=53)
    assert msg["dns_answers"] == 2
    assert int(msg["dns_lo"][0]) == IPV4_MAPPED | 0xC0000203
    assert (int(msg["dns_hi"][1]), int(msg["dns_lo"][1])) == (0x20010DB800000000, 1)


def test_answers_are_bounded() -> None:
    msg = look(dns_answer("a.example", *([bytes([192, 0, 2, 1])] * 20)), sport=53)
    assert msg["dns_answers"] == DNS_ADDRESSES


def test_query_answers_nothing() -> None:
    assert look(dns_query("a.example"), dport=53)["dns_answers"] == 0


def test_name_that_points_to_itself_ends() -> None:
    loop = struct.pack("!HHHHHH", 7, 0x8180, 1, 1, 0, 0) + b"\xc0\x0c" + struct.pack("!HH", 1, 1)
    loop += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 1])
    assert look(loop, sport=53)["kind"] == MessageKind.DNS


def test_record_cut_in_the_middle_gives_what_came_before() -> None:
    whole = dns_answer("a.example", bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
    assert look(whole[:-2], sport=53, wire_bytes=len(whole))["dns_answers"] == 1


@pytest.mark.parametrize("flags", [0x7800, 0x0040])
def test_impossible_flags_are_refused(flags: int) -> None:
    message = struct.pack("!HHHHHH", 7, flags, 1, 0, 0, 0) + dns_name("a.example") + struct.pack("!HH", 1, 1)
    assert look(message, dport=53)["kind"] == MessageKind.OTHER
