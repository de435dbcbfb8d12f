"""pcapng: sections, interfaces, clocks, the three packet blocks, cut and hostile files."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest

from flowclass.capture.source import open_source
from tests.capture.capture_files import (
    RAW,
    SECOND,
    block,
    enhanced,
    frames,
    interface,
    obsolete,
    option,
    pcapng,
    read,
    section,
    simple,
)

T0 = 1_700_000_000


def refs(data: bytes) -> list[dict[str, Any]]:
    source = open_source([io.BytesIO(data)])
    return [dict(zip(b.refs.dtype.names, ref, strict=True)) for b in source.blocks() for ref in b.refs.tolist()]


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_give_the_same_packets(order: str) -> None:
    packets = frames(50)
    assert read([io.BytesIO(pcapng(packets, order))]) == (packets, [], False)


@pytest.mark.parametrize(
    ("tsresol", "ticks", "ns"),
    [
        (None, T0 * 10**6 + 1, T0 * SECOND + 1000),
        (0, T0, T0 * SECOND),
        (3, T0 * 1000 + 7, T0 * SECOND + 7_000_000),
        (9, T0 * SECOND + 5, T0 * SECOND + 5),
        (10, T0 * 10**10 + 19, T0 * SECOND + 1),
        (0x80, T0, T0 * SECOND),
        (0x80 | 10, (T0 << 10) + 512, T0 * SECOND + SECOND // 2),
        (0x80 | 32, (T0 << 32) + (1 << 31), T0 * SECOND + SECOND // 2),
        (18, 2**64 - 1, 18 * SECOND + 446744073),
        (0x80 | 32, 2**64 - 1, 2**32 * SECOND - 1),
        (0x80 | 63, (1 << 62) + (1 << 61), SECOND // 2 + SECOND // 4),
    ],
)
def test_clock_units(tsresol: int | None, ticks: int, ns: int) -> None:
    data = section() + interface(tsresol=tsresol) + enhanced("<", ticks, b"abcd", 4)
    assert refs(data)[0]["ts_ns"] == ns


@pytest.mark.parametrize("order", ["<", ">"])
def test_clock_offset(order: str) -> None:
    data = section(order) + interface(order, tsoffset=-3600) + enhanced(order, T0 * 10**6, b"abcd", 4)
    assert refs(data)[0]["ts_ns"] == (T0 - 3600) * SECOND


def test_interfaces_and_sections_have_their_own_link_type_clock_and_order() -> None:
    data = (
        section("<")
        + interface("<", tsresol=9)
        + interface("<", RAW)
        + enhanced("<", T0 * SECOND, b"one!", 4, which=0)
        + enhanced("<", T0 * 10**6, b"two!", 4, which=1)
        + section(">")
        + interface(">", 113, tsresol=3)
        + enhanced(">", T0 * 1000, b"three", 5, which=0)
    )
    found = refs(data)
    assert [ref["linktype"] for ref in found] == [1, RAW, 113]
    assert [ref["interface"] for ref in found] == [0, 1, 2]
    assert {ref["ts_ns"] for ref in found} == {T0 * SECOND}


@pytest.mark.parametrize("order", ["<", ">"])
def test_simple_and_obsolete_packets(order: str) -> None:
    data = (
        section(order)
        + interface(order, snaplen=6)
        + obsolete(order, T0 * 10**6, b"old", 30)
        + simple(order, b"simple", 60)
        + simple(order, b"abc", 3)
    )
    t0 = T0 * SECOND
    assert read([io.BytesIO(data)])[0] == [(t0, b"old", 30), (t0, b"simple", 60), (t0, b"abc", 3)]


def test_other_blocks_and_options_are_skipped_whatever_their_size() -> None:
    packets = frames(3)
    blocks = [section(options=option("<", 4, b"somebody")), interface(tsresol=9)]
    for ts_ns, frame, wirelen in packets:
        blocks += [
            block("<", 4, bytes(24)),
            block("<", 0xBAD, bytes(600_000)),
            enhanced("<", ts_ns, frame, wirelen, options=option("<", 1, b"a comment")),
            block("<", 10, bytes(8)),
        ]
    for block_bytes in (37, 524_288):
        assert read([io.BytesIO(b"".join(blocks))], block_bytes=block_bytes) == (packets, [], False)


def test_time_beyond_belief_takes_the_clock_and_is_told() -> None:
    data = (
        section()
        + interface()
        + enhanced("<", T0 * 10**6, b"good", 4)
        + enhanced("<", 2**63 - 1, b"late", 4)
        + enhanced("<", 2**64 - 1, b"last", 4)
    )
    packets, problems, partial = read([io.BytesIO(data)], block_bytes=50)
    assert packets == [(T0 * SECOND, name, 4) for name in (b"good", b"late", b"last")]
    first = len(section() + interface() + enhanced("<", 0, b"good", 4))
    assert f"2 packets, the first at byte {first}, have a time beyond the year 2116" in problems[0]
    assert partial


@pytest.mark.parametrize(
    ("options", "ticks"),
    [
        ({"tsoffset": 4_600_000_000}, T0 * 10**6),
        ({"tsoffset": -4_600_000_000, "tsresol": 0}, 0),
        ({"tsresol": 0}, 2**40),
        ({"tsresol": 0x80}, 2**40),
        ({"tsresol": 9}, 2**62 + 1),
        ({"tsresol": 0x80 | 20}, 2**63),
    ],
)
def test_times_beyond_belief(options: dict[str, int], ticks: int) -> None:
    data = section() + interface(**options) + enhanced("<", ticks, b"abcd", 4)
    packets, problems, _ = read([io.BytesIO(data)])
    expected = -4_600_000_000 * SECOND if ticks == 0 else 0
    assert packets == [(expected, b"abcd", 4)]
    assert len(problems) == (0 if ticks == 0 else 1)


def hostile(block_bytes: bytes) -> tuple[bytes, int]:
    before = pcapng(frames(2))
    return before + block_bytes + pcapng(frames(1)), len(before)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (struct.pack("<III", 6, 0, 0), "block of 0 bytes"),
        (struct.pack("<III", 99, 0, 0), "block of 0 bytes"),
        (struct.pack("<III", 6, 33, 0), "block of 33 bytes"),
        (struct.pack("<III", 6, 12, 12), "block of 12 bytes"),
        (struct.pack("<III", 3, 12, 12), "block of 12 bytes"),
        (struct.pack("<III", 6, 600_000, 0), "block of 600000 bytes"),
        (enhanced("<", 1, b"abcd", 4, which=1), "names interface 1"),
        (enhanced("<", 1, b"abcd", 4)[:-4] + struct.pack("<I", 40), "ends with the block length 40"),
        (enhanced("<", 1, b"abcd", 0x80000000), "2147483648 bytes on the wire"),
        (block("<", 6, struct.pack("<IIIII", 0, 0, 0, 5, 5) + b"abcd"), "claims 5 captured bytes"),
        (block("<", 6, struct.pack("<IIIII", 0, 0, 0, 0xFFFFFFFF, 5) + b"abcd"), "claims 4294967295 captured bytes"),
        (block("<", 1, b"abcd"), "less than 20"),
        (block("<", 1, struct.pack("<HHIHH", 1, 0, 0, 9, 99)), "passes its end"),
        (interface(tsresol=99), "finer than 64 bits hold"),
        (interface(tsresol=0x80 | 64), "finer than 64 bits hold"),
        (interface(tsoffset=2**62), "moves its clock"),
        (block("<", 0x0A0D0D0A, bytes(16)), "no byte-order magic"),
        (struct.pack("<IIIHHq", 0x0A0D0D0A, 8, 0x1A2B3C4D, 1, 0, -1) + bytes(4), "length 8"),
    ],
)
def test_hostile_block_ends_the_reading_and_keeps_what_was_whole(bad: bytes, words: str) -> None:
    data, place = hostile(bad)
    packets, problems, partial = read([io.BytesIO(data)])
    assert packets == frames(2)
    assert partial
    assert len(problems) == 1
    assert words in problems[0]
    assert f"at byte {place}" in problems[0]


def test_packet_before_any_interface() -> None:
    packets, problems, _ = read([io.BytesIO(section() + simple("<", b"abcd", 4))])
    assert packets == []
    assert "names interface 0" in problems[0]


def test_too_many_interfaces_end_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowclass.capture.pcapngfile.MAXIMUM_INTERFACES", 9)
    _, problems, partial = read([io.BytesIO(section() + interface() * 10)])
    assert partial
    assert "more than 9 interfaces" in problems[0]


def test_cut_packet_and_cut_block_are_told_apart() -> None:
    assert "cut in the middle of packet 3 at byte" in read([io.BytesIO(pcapng(frames(3))[:-3])])[1][0]
    cut = pcapng(frames(2)) + block("<", 4, bytes(24))[:-3]
    assert "cut in the middle of a block" in read([io.BytesIO(cut)])[1][0]
