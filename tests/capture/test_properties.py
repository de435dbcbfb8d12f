"""Properties of every reader: block size changes nothing; a cut gives a prefix; hostile bytes end in words."""

from __future__ import annotations

import gzip
import io
import random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.errors import CaptureError
from tests.capture.capture_files import (
    Packet,
    block,
    enhanced,
    frames,
    interface,
    obsolete,
    pcap,
    pcapng,
    read,
    section,
    simple,
)

times = st.integers(0, 2**32 - 1).map(lambda seconds: seconds * 1_000_000_000)
packet_lists = st.lists(st.tuples(times, st.binary(max_size=90), st.integers(0, 2000)), max_size=40).map(
    lambda packets: [(ts, frame, max(wirelen, len(frame))) for ts, frame, wirelen in packets]
)


def mixed_pcapng(packets: list[Packet]) -> bytes:
    """Return a file with all kinds of block, two orders and skipped blocks."""
    out = []
    for order in "<>":
        out += [section(order), interface(order), interface(order, 101, snaplen=50, tsresol=0x80 | 20)]
        for i, (ts_ns, frame, wirelen) in enumerate(packets):
            ticks = ts_ns // 1000
            out.append(
                (
                    enhanced(order, ticks, frame, wirelen),
                    obsolete(order, ticks, frame, wirelen, which=1),
                    simple(order, frame, len(frame)),
                    block(order, 5, frame),
                )[i % 4]
            )
    return b"".join(out)


@settings(deadline=None, max_examples=60)
@given(packets=packet_lists, block_bytes=st.integers(1, 300), kind=st.sampled_from([pcap, pcapng, mixed_pcapng]))
def test_block_size_changes_nothing(packets: list[Packet], block_bytes: int, kind: object) -> None:
    data = kind(packets)  # type: ignore[operator]
    assert read([io.BytesIO(data)], block_bytes=block_bytes) == read([io.BytesIO(data)])


@settings(deadline=None, max_examples=60)
@given(packets=packet_lists)
def test_written_packets_come_back(packets: list[Packet]) -> None:
    assert read([io.BytesIO(pcap(packets))]) == (packets, [], False)
    assert read([io.BytesIO(pcapng(packets))]) == (packets, [], False)


@pytest.mark.parametrize("kind", [pcap, pcapng, mixed_pcapng])
def test_a_cut_at_any_byte_gives_a_prefix(kind: object) -> None:
    data = kind(frames(6, size=20))  # type: ignore[operator]
    whole, problems, partial = read([io.BytesIO(data)])
    assert (problems, partial) == ([], False)
    for cut in range(4, len(data)):
        try:
            packets, problems, partial = read([io.BytesIO(data[:cut])])
        except CaptureError:
            assert cut < 28
            continue
        assert packets == whole[: len(packets)]
        assert partial == bool(problems)
        for problem in problems:
            assert f"{len(packets)} whole packets read" in problem


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [pcap, pcapng, mixed_pcapng])
def test_mutated_files_end_in_words(kind: object, seed: int) -> None:
    """Bytes are overwritten, taken out and put in, mostly in headers; run it with NUMBA_BOUNDSCHECK=1 too."""
    chance = random.Random(seed)
    original = kind(frames(8, size=24))  # type: ignore[operator]
    for _ in range(100):
        data = bytearray(original)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(4, len(data))
            action = chance.randrange(4)
            if action == 0:
                data[place] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
            elif action == 1:
                data[place : place + 4] = chance.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80"])
            elif action == 2:
                del data[place : place + chance.randint(1, 9)]
            else:
                data[place:place] = chance.randbytes(chance.randint(1, 9))
        try:
            packets, problems, partial = read([io.BytesIO(data)], block_bytes=chance.choice([7, 100, 10_000]))
        except CaptureError:
            continue
        assert partial == bool(problems)
        assert len(packets) <= len(data) // 16


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress])
def test_a_compressed_file_cut_at_any_byte_is_partial(pack: object) -> None:
    whole = frames(12, size=20)
    packed = pack(pcap(whole))  # type: ignore[operator]
    for cut in range(4, len(packed)):
        try:
            packets, problems, partial = read([io.BytesIO(packed[:cut])])
        except CaptureError:
            continue
        assert packets == whole[: len(packets)]
        assert partial, cut
        assert len(problems) == 1


@pytest.mark.parametrize("kind", [pcap, mixed_pcapng])
def test_more_packets_in_the_buffer_than_rows(kind: object, monkeypatch: pytest.MonkeyPatch) -> None:
    data = kind(frames(40, size=20))  # type: ignore[operator]
    whole = read([io.BytesIO(data)])
    monkeypatch.setattr("flowclass.capture.reader.BLOCK_PACKETS", 7)
    assert read([io.BytesIO(data)]) == whole
