"""Packet filters: libpcap's compiler, our machine against libpcap's own, hostile programs."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flowclass.capture import bpf
from flowclass.capture.bpf import FilteredSource, FilterError, PacketFilter, compile_filter, compile_pcapy
from flowclass.capture.bpf_vm import MEMORY_WORDS, UNDECIDED, decide_packets
from flowclass.capture.memory import MemorySource
from flowclass.capture.source import open_source
from flowclass.errors import UsageError
from tests.capture.capture_files import RAW, Packet, interface, pcap, pcapng, read, section, simple

pcapy = pytest.importorskip("pcapy", reason="pcapy-ng is the reference")

FILTERS = (
    "udp",
    "tcp port 443",
    "udp port 53 or icmp",
    "not ip and not ip6",
    "ip6",
    "host 10.0.0.1",
    "net 192.168.0.0/16 and not port 80",
    "portrange 1024-65535",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "udp[8:2] = 0x0001 and udp[12:4] = 0x2112a442",
    "ip[2:2] - ((ip[0] & 0xf) << 2) > 100",
    "len > 200 and less 1000",
    "(ip[8] * 3 + ip[9]) / 7 % 5 = 2",
    "ip[0] ^ 0x45 = 0 or ip[6:2] & 0x1fff != 0",
    "ip[12] / (ip[13] - 168) > 0",
    "(ip[4:4] >> (ip[1] + 3)) | (1 << ip[9]) > 77",
    "- ip[0] < 0xffffffb0",
    "ether[70:4] > 3",
    "ip6 protochain 6",
    "ip protochain 17",
)


def ethernet(ip: bytes) -> bytes:
    return bytes(12) + (b"\x86\xdd" if ip[0] >> 4 == 6 else b"\x08\x00") + ip


def udp4(size: int, sport: int = 5000, dport: int = 53) -> bytes:
    total = 28 + size
    head = bytes([0x45, 0]) + total.to_bytes(2, "big") + bytes([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 168, 0, 2])
    return head + sport.to_bytes(2, "big") + dport.to_bytes(2, "big") + (8 + size).to_bytes(2, "big") + bytes(2 + size)


def random_packets(count: int, seed: int = 1) -> Iterator[Packet]:
    """Give frames that look like IP and are cut anywhere."""
    chance = random.Random(seed)
    for i in range(count):
        frame = bytearray(ethernet(udp4(60)) if i % 3 else ethernet(b"\x60" + bytes(5) + b"\x2b\x40" + bytes(120)))
        for _ in range(chance.randrange(12)):
            frame[chance.randrange(12, len(frame))] = chance.choice(
                (0, 1, 6, 17, 43, 44, 60, 0xFF, chance.randrange(256))
            )
        cut = bytes(frame[: chance.randint(0, len(frame))])
        yield i, cut, len(cut) + chance.choice((0, 0, 100, 900))


def decide(program: list[tuple[int, int, int, int]], packets: list[Packet], linktype: int = 1) -> list[bool]:
    (block,) = MemorySource(packets, linktype, block_packets=len(packets)).blocks()
    accepted = np.full(len(packets), UNDECIDED, np.uint8)
    memory = np.zeros(MEMORY_WORDS, np.int64)
    rows = np.array(program, np.int64).reshape(-1, 4)
    assert decide_packets(block.data, block.refs, linktype, rows, memory, accepted) == -1
    return [bool(value) for value in accepted]


def expected(text: str, packets: list[Packet], dlt: int = 1) -> list[bool]:
    """Ask libpcap's own machine; pcapy passes it the captured length for both, so only whole frames agree on len."""
    program = pcapy.compile(dlt, 262144, text, 1, 0xFFFFFFFF)
    return [program.filter(frame) != 0 for _, frame, _ in packets]


@pytest.mark.parametrize("text", FILTERS)
def test_same_answers_as_libpcap(text: str) -> None:
    packets = [(ts, frame, len(frame)) for ts, frame, _ in random_packets(600)]
    assert decide(list(compile_filter(text, 1)), packets) == expected(text, packets)
    assert decide(list(compile_pcapy(text, 1)), packets) == expected(text, packets)


def test_length_is_the_one_on_the_wire() -> None:
    assert decide(list(compile_filter("len >= 1000", 1)), [(0, bytes(60), 1000), (0, bytes(60), 999)]) == [True, False]


@pytest.mark.parametrize("text", ["udp", "not tcp", "port 443", "greater 500"])
def test_same_answers_as_libpcap_on_real_captures(corpus: Path, text: str) -> None:
    for name in sorted(corpus.glob("captures/*/*"))[::40]:
        source = open_source([name])
        for block in source.blocks():
            linktype = int(block.refs["linktype"][0]) if len(block.refs) else 0
            if linktype not in (1, 113, 9) or len(set(block.refs["linktype"].tolist())) > 1:
                continue
            whole = block.refs[block.refs["caplen"] == block.refs["wirelen"]]
            accepted = np.full(len(whole), UNDECIDED, np.uint8)
            program = np.array(compile_filter(text, linktype), np.int64)
            decide_packets(block.data, whole, linktype, program, np.zeros(MEMORY_WORDS, np.int64), accepted)
            oracle = pcapy.compile(linktype, 262144, text, 1, 0xFFFFFFFF)
            data = block.data.tobytes()
            for ref, got in zip(whole.tolist(), accepted.tolist(), strict=True):
                assert (oracle.filter(data[ref[1] : ref[1] + ref[2]]) != 0) == bool(got), (name.name, ref)
        source.close()


@pytest.mark.parametrize(
    ("program", "accepts"),
    [
        ([], False),
        ([(6, 0, 0, 5)], True),
        ([(0x00, 0, 0, 1)], False),
        ([(5, 0, 0, 100)], False),
        ([(5, 0, 0, 0xFFFFFFFF)], False),
        ([(0x15, 255, 255, 0)], False),
        ([(0x30, 0, 0, 59), (6, 0, 0, 1)], True),
        ([(0x30, 0, 0, 60), (6, 0, 0, 1)], False),
        ([(0x28, 0, 0, 59), (6, 0, 0, 1)], False),
        ([(0x20, 0, 0, 57), (6, 0, 0, 1)], False),
        ([(0x20, 0, 0, 0xFFFFF000), (6, 0, 0, 1)], False),
        ([(0x01, 0, 0, 0xFFFFFFFF), (0x50, 0, 0, 1), (6, 0, 0, 1)], False),
        ([(0xB1, 0, 0, 60), (6, 0, 0, 1)], False),
        ([(0x02, 0, 0, 16), (6, 0, 0, 1)], False),
        ([(0x03, 0, 0, 0xFFFFFFFF), (6, 0, 0, 1)], False),
        ([(0x60, 0, 0, 16), (6, 0, 0, 1)], False),
        ([(0x34, 0, 0, 0), (6, 0, 0, 1)], False),
        ([(0x3C, 0, 0, 0), (6, 0, 0, 1)], False),
        ([(0x94, 0, 0, 0), (6, 0, 0, 1)], False),
        ([(0x74, 0, 0, 99), (6, 0, 0, 1)], True),
        ([(0xF4, 0, 0, 1), (6, 0, 0, 1)], False),
        ([(0x55, 0, 0, 1), (6, 0, 0, 1)], False),
        ([(0, 0, 0, 1), (0x07, 0, 0, 0), (0x1D, 0, 1, 9), (6, 0, 0, 0), (6, 0, 0, 1)], False),
        ([(0xFFFF, 0, 0, 0), (6, 0, 0, 1)], False),
        ([(0x38, 0, 0, 0), (6, 0, 0, 1)], False),
        ([(0, 0, 0, 7), (2, 0, 0, 15), (0x61, 0, 0, 15), (0x87, 0, 0, 0), (0x16, 0, 0, 0)], True),
        ([(0, 0, 0, 7), (0x84, 0, 0, 0), (0x04, 0, 0, 7), (0x16, 0, 0, 0)], False),
        ([(0, 0, 0, 0xFFFFFFFF), (0x24, 0, 0, 0xFFFFFFFF), (0x14, 0, 0, 1), (0x16, 0, 0, 0)], False),
    ],
)
def test_machine_is_safe_with_any_program(program: list[tuple[int, int, int, int]], accepts: bool) -> None:
    assert decide(program, [(0, bytes(60), 60)]) == [accepts]


@pytest.mark.parametrize("seed", range(3))
def test_random_programs_end(seed: int) -> None:
    chance = random.Random(seed)
    codes = (0, 1, 2, 3, 5, 6, 0x15, 0x20, 0x28, 0x30, 0x40, 0x50, 0x60, 0x80, 0xB1, 0x04, 0x1C, 0x24, 0x34, 0x6C, 0x94)
    for _ in range(200):
        program = [
            (
                chance.choice(codes),
                chance.randrange(4),
                chance.randrange(4),
                chance.choice((0, 1, 14, 60, 2**31, 2**32 - 9)),
            )
            for _ in range(chance.randint(1, 12))
        ]
        # jumps forward only, so that no program loops
        program = [(code, jt, jf, k % 3 if code == 5 else k) for code, jt, jf, k in program]
        decide(program, list(random_packets(5, seed)))


def test_filtered_packets_and_bytes_are_counted() -> None:
    packets = [(i * 1000, ethernet(udp4(10, dport=53 + i % 2)), 100 + i) for i in range(10)]
    source = open_source([io.BytesIO(pcap(packets))], bpf="udp port 53", block_bytes=200)
    kept: list[int] = []
    clocks: list[int] = []
    for block in source.blocks():
        assert block.first_frame == len(kept) + 1
        kept += block.refs["ts_ns"].tolist()
        clocks.append(block.now_ns)
    assert kept == [i * 1000 for i in range(0, 10, 2)]
    assert clocks[-1] == 9000
    assert source.filtered_packets == 5
    assert source.filtered_bytes == sum(100 + i for i in range(1, 10, 2))


def test_every_link_type_has_its_own_program() -> None:
    data = section() + interface(linktype=RAW) + simple("<", udp4(9), 37)
    data += section() + interface() + simple("<", ethernet(udp4(9)), 51) + simple("<", ethernet(udp4(9, 1, 2)), 51)
    assert [wirelen for _, _, wirelen in read([io.BytesIO(data)], bpf="port 53")[0]] == [37, 51]


def test_null_link_type_in_either_byte_order() -> None:
    packets = [(i, family + udp4(4), 36) for i, family in enumerate((b"\2\0\0\0", b"\0\0\0\2"))]
    source = FilteredSource(MemorySource(packets, linktype=0), PacketFilter("udp port 53"))
    assert [len(block.refs) for block in source.blocks()] == [2]


def test_link_type_that_libpcap_cannot_filter_is_told() -> None:
    source = open_source([io.BytesIO(pcapng([(0, bytes(60), 60)], linktype=147))], bpf="udp")
    assert [len(block.refs) for block in source.blocks()] == [0]
    assert source.filtered_packets == 1
    assert "cannot be used on link type 147" in source.problems[0]


@pytest.mark.parametrize("text", ["udp port", "no such thing", "host 300.1.1.1", "udp\0", "port 99999999999"])
def test_wrong_filter_is_refused_in_libpcaps_words(text: str) -> None:
    with pytest.raises(UsageError, match=r"filter .*: .+; see pcap-filter"):
        open_source([io.BytesIO(pcap([]))], bpf=text)


def test_no_libpcap_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bpf, "_LIBRARIES", ("libnosuchthing.so.1",))
    monkeypatch.setitem(__import__("sys").modules, "pcapy", None)
    bpf.system_libpcap.cache_clear()
    try:
        with pytest.raises(UsageError, match="pip install pcapy-ng"):
            PacketFilter("udp")
    finally:
        bpf.system_libpcap.cache_clear()


def test_pcapys_libpcap_reports_errors_too() -> None:
    with pytest.raises(FilterError, match="syntax error"):
        compile_pcapy("udp port", 1)
