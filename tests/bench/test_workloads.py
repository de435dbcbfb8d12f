"""Workloads are the same for the same seed, well-formed, in time order, and written outside the repository."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import dpkt
import pytest

from bench.workloads import calls, catalog, flood, replay
from bench.workloads.captures import ethernet_frames, ip_headers
from flowclass.calls.record import Call
from flowclass.pipeline import analyze
from pcaps.craft import FOLDER

WRITERS = {"calls": calls.write, "flood": flood.write}


def frames(path: Path) -> list[tuple[float, bytes]]:
    return list(dpkt.pcap.Reader(io.BytesIO(path.read_bytes())))


def biflows(path: Path) -> set[frozenset[tuple[bytes, int]]]:
    found = set()
    for _, frame in frames(path):
        ip = dpkt.ethernet.Ethernet(frame).data
        found.add(frozenset({(ip.src, ip.data.sport), (ip.dst, ip.data.dport)}))
    return found


@pytest.fixture(params=sorted(WRITERS))
def writer(request: pytest.FixtureRequest) -> Callable[[Path, int, int], int]:
    return WRITERS[request.param]


def test_same_seed_same_bytes(writer: Callable[[Path, int, int], int], tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        writer(tmp_path / name, 2000, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_flows_are_counted_right(writer: Callable[[Path, int, int], int], tmp_path: Path) -> None:
    assert writer(tmp_path / "a", 3000, 1) == len(biflows(tmp_path / "a"))


def test_times_do_not_go_back(writer: Callable[[Path, int, int], int], tmp_path: Path) -> None:
    writer(tmp_path / "a", 3000, 1)
    times = [at for at, _ in frames(tmp_path / "a")]
    assert times == sorted(times)
    assert len(times) >= 3000


def test_checksums_are_right(writer: Callable[[Path, int, int], int], tmp_path: Path) -> None:
    writer(tmp_path / "a", 1500, 1)
    for _, frame in frames(tmp_path / "a"):
        pseudo = frame[26:34] + struct.pack("!HH", 17, len(frame) - 34)
        assert dpkt.in_cksum(frame[14:34]) == 0
        assert dpkt.in_cksum(pseudo + frame[34:]) == 0


def test_stun_fingerprints_hold(tmp_path: Path) -> None:
    calls.write(tmp_path / "a", 3000, 1)
    seen = 0
    for _, frame in frames(tmp_path / "a"):
        payload = frame[42:]
        if payload[4:8] == b"\x21\x12\xa4\x42" and payload[-8:-4] == b"\x80\x28\x00\x04":
            assert int.from_bytes(payload[-4:], "big") == zlib.crc32(payload[:-8]) ^ 0x5354554E
            seen += 1
    assert seen > 20


def replayed(tmp_path: Path, packets: int) -> tuple[int, list[bytes], list[bytes]]:
    (tmp_path / "in").mkdir()
    source = (FOLDER / "tunnels" / "gtpu.pcap").read_bytes()
    (tmp_path / "in" / "one.pcap").write_bytes(source)
    replicas = replay.write(tmp_path / "out", packets, 1, tmp_path / "in")
    return (
        replicas,
        [f for _, _, f in ethernet_frames(tmp_path / "in" / "one.pcap")],
        [f for _, f in frames(tmp_path / "out")],
    )


def test_replay__addresses_are_fresh_outside_and_inside(tmp_path: Path) -> None:
    replicas, before, after = replayed(tmp_path, 400)
    assert len(after) == replicas * len(before)
    inner, outer = set(), set()
    for frame in after:
        first, second = ip_headers(frame)
        outer.add(frame[first + 12 : first + 16])
        inner.add(frame[second + 12 : second + 20])
        assert dpkt.in_cksum(frame[first : first + 20]) == 0
        assert dpkt.in_cksum(frame[second : second + 20]) == 0
    hosts = {frame[second + 12 : second + 20] for frame in before for second in ip_headers(frame)[1:]}
    assert len(outer) == replicas
    assert len(inner) == replicas * len(hosts)
    assert not inner & hosts


def test_replay__nothing_but_addresses_and_checksums_changes(tmp_path: Path) -> None:
    _, before, after = replayed(tmp_path, 1)

    def bare(frame: bytes) -> bytes:
        out = bytearray(frame)
        for header in ip_headers(frame):
            out[header + 10 : header + 20] = bytes(10)
        return bytes(out)

    assert [bare(frame) for frame in before] == [bare(frame) for frame in after]


@pytest.mark.parametrize("name", ["vlan-mpls", "qinq-pppoe", "gtpu", "vxlan", "gre"])
def test_ip_headers__finds_the_inner_one(name: str) -> None:
    for _, _, frame in ethernet_frames(FOLDER / "tunnels" / f"{name}.pcap"):
        last = ip_headers(frame)[-1]
        assert frame[last] == 0x45
        assert frame[last + 12] == 10 or frame[last + 16] == 10


def test_ip_headers__of_a_cut_frame_are_those_before_the_cut() -> None:
    _, _, frame = next(ethernet_frames(FOLDER / "tunnels" / "gtpu.pcap"))
    whole = ip_headers(frame)
    for length in range(len(frame)):
        assert ip_headers(frame[:length]) == [at for at in whole if at + 20 <= length]


def test_obtain__writes_once(tmp_path: Path) -> None:
    made = catalog.obtain("flood", tmp_path, 1500)
    stamp = made.path.stat().st_mtime_ns
    again = catalog.obtain("flood", tmp_path, 1500)
    assert (again, made.path.stat().st_mtime_ns) == (made, stamp)
    assert (made.packets, made.start_packets, len(frames(made.start))) == (1500, 1000, 1000)
    assert catalog.obtain("flood", tmp_path, 1600).packets == 1600


def test_obtain__refuses_the_repository() -> None:
    with pytest.raises(ValueError, match="repository"):
        catalog.obtain("flood", catalog.REPOSITORY / "bench" / "data", 10)


def test_calls_of_a_client_each_are_counted_one_by_one(tmp_path: Path) -> None:
    calls.write(tmp_path / "calls.pcap", 60 * 160, 5, 60, 1)
    found: list[Call] = []
    analyze([str(tmp_path / "calls.pcap")], lambda *_: None, on_calls=found.extend)
    # All SIP messages of the workload have one Call-ID and name no media of theirs: a dialog of its own.
    talks = [call for call in found if call.media_flows]
    assert len({call.client for call in talks}) == len(talks) == 60
