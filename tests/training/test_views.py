"""Views: which frames of a flow are left, against plain loops; and a whole corpus made here into a table."""

from __future__ import annotations

import struct
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from flowclass.record.verdict import App
from flowclass.training.corpus import corpus_digest
from flowclass.training.samples import flows_of, table_of
from flowclass.training.views import VIEW_NAMES, VIEWS, Frames, blocks_of, place_frames
from tests.frames import Frame, block_of, rtp, tcp, udp
from tests.messages import stun

MS = 1_000_000
START = 1_700_000_000_000 * MS


def call(packets: int, port: int, ssrc: int) -> list[Frame]:
    """Return a two-way RTP call of so many packets, 20 ms apart."""
    frames = []
    for k in range(packets):
        ends = ("192.0.2.1", port, "198.51.100.7", 3478) if k % 3 else ("198.51.100.7", 3478, "192.0.2.1", port)
        payload = rtp(k, k * 160, ssrc + (k % 3 > 0), bytes(100 + k % 7), payload_type=111)
        frames.append(udp(START + k * 20 * MS, *ends, payload))
    return frames


def mixed() -> list[Frame]:
    """Return three interleaved calls of different length, a one-way flow and a frame that is not IP."""
    frames = call(300, 40_000, 1) + call(60, 40_001, 10) + call(7, 40_002, 20)
    frames += [tcp(START + k * 33 * MS, "192.0.2.9", 5000, "203.0.113.5", 80, b"x" * 40) for k in range(30)]
    frames += [Frame(START + 5 * MS, b"\2" * 12 + b"\x08\x06" + bytes(28))]
    return sorted(frames, key=lambda frame: frame.ts_ns)


@pytest.fixture(scope="module")
def frames() -> Frames:
    """Return the mixed capture, placed."""
    return place_frames(*block_of(mixed()))


def test_place__rank_length_and_direction_equal_a_plain_loop(frames: Frames) -> None:
    flows: dict[frozenset[tuple[bytes, bytes]], list[tuple[int, bytes]]] = defaultdict(list)
    for place, frame in enumerate(mixed()):
        if frame.data[12:14] == b"\x08\x00":
            ends = ((frame.data[26:30], frame.data[34:36]), (frame.data[30:34], frame.data[36:38]))
            flows[frozenset(ends)].append((place, ends[0][0] + ends[0][1]))
        else:
            assert frames.flow[place] == -1
    assert len(flows) == 4
    for seen in flows.values():
        for rank, (place, source) in enumerate(seen):
            assert frames.rank[place] == rank
            assert frames.length[place] == len(seen)
            assert frames.direction[place] == (source != seen[0][1])
            assert frames.both_ways[place] == (len({one for _, one in seen}) == 2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("whole", [7, 30, 60, 300]),
        ("first-5", [5, 5, 5, 5]),
        ("first-50", [50, 50]),
        ("late-20", [10, 40, 280]),
        ("late-100", [200]),
        ("middle-30", [30, 30]),
        ("forward", [3, 20, 100]),
        ("reverse", [4, 40, 200]),
        ("snap-96", [7, 30, 60, 300]),
    ],
)
def test_view__leaves_these_packets_of_each_flow(frames: Frames, name: str, expected: list[int]) -> None:
    kept = frames.flow[VIEWS[VIEW_NAMES.index(name)].keep(frames)]
    assert sorted(np.bincount(kept[kept >= 0]).tolist())[-len(expected) :] == expected
    assert np.count_nonzero(np.bincount(kept[kept >= 0])) == len(expected)


def test_view__of_cut_frames_leaves_lengths_on_the_wire(frames: Frames) -> None:
    whole, _ = flows_of(blocks_of(frames, VIEWS[0]))
    cut, _ = flows_of(blocks_of(frames, VIEWS[VIEW_NAMES.index("snap-96")]))
    assert sorted(cut["bytes"].sum(axis=1).tolist()) == sorted(whole["bytes"].sum(axis=1).tolist())
    assert frames.refs["caplen"].max() > 96


def test_flows_of__gives_a_feature_row_for_every_flow(frames: Frames) -> None:
    flows, features = flows_of(blocks_of(frames, VIEWS[0]))
    assert len(flows) == len(features) == 4
    assert np.all(np.isfinite(features))


def test_corpus__becomes_a_table_without_addresses(tmp_path: Path) -> None:
    (tmp_path / "captures" / "made").mkdir(parents=True)
    write_pcap(tmp_path / "captures" / "made" / "mixed.pcap", mixed())
    (tmp_path / "index.csv").write_text("path,group\nmade/mixed.pcap,made\n")
    lines = [
        "capture,group,proto,src,sport,dst,dport,app,kind,confidence",
        *(
            f"made/mixed.pcap,made,17,192.0.2.1,{port},198.51.100.7,3478,{label}"
            for port, label in (
                (40_000, "whatsapp,call-media,high"),
                (40_001, "teams,call-media,medium"),
                (40_002, "dtls,unknown,"),
            )
        ),
        "made/mixed.pcap,made,6,203.0.113.5,80,192.0.2.9,5000,http,not-voip,high",
    ]
    (tmp_path / "flows.csv").write_text("\n".join(lines) + "\n")
    table = table_of(tmp_path)
    assert table.corpus == corpus_digest(tmp_path)
    assert table.groups == ("made",)
    whole = table.rows[table.rows["view"] == 0]
    found = sorted((table.labels[row["label"]], int(row["packets"]), round(float(row["weight"]), 1)) for row in whole)
    assert found == [("other:not-voip", 30, 1.0), ("teams:call-media", 60, 0.7), ("whatsapp:call-media", 300, 1.0)]
    late = table.rows[table.rows["view"] == VIEW_NAMES.index("late-100")]
    assert late["packets"].tolist() == [200]
    assert set(table.rows["app"].tolist()) <= {int(App.UNKNOWN), int(App.RTP), int(App.OTHER), int(App.WEBRTC)}
    assert b"192.0.2" not in table.pack()
    np.testing.assert_array_equal(np.unique(table.rows["flow"]), [0, 1, 2])


def write_pcap(path: Path, frames: list[Frame]) -> None:
    """Write a classic pcap file with nanosecond stamps."""
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            seconds, rest = divmod(frame.ts_ns, 10**9)
            out.write(struct.pack("<IIII", seconds, rest, len(frame.data), len(frame.data)) + frame.data)


def test_window__is_so_long_and_lies_within_the_flow(frames: Frames) -> None:
    for seconds in (1, 2, 5):
        kept = VIEWS[VIEW_NAMES.index(f"window-{seconds}s")].keep(frames)
        for flow in set(frames.flow[kept].tolist()):
            times = frames.refs["ts_ns"][kept & (frames.flow == flow)]
            assert times.max() - times.min() < seconds * 1_000_000_000
            assert times.min() > frames.begin_ns[frames.flow == flow][0]
    assert VIEWS[VIEW_NAMES.index("window-1s")].keep(frames).any()


def test_loss__leaves_nearly_all_and_always_the_same(frames: Frames) -> None:
    view = VIEWS[VIEW_NAMES.index("loss-2")]
    kept = view.keep(frames)
    assert 0.93 < kept.mean() < 1.0
    assert (kept == view.keep(frames)).all()


def test_media_only__leaves_the_media_of_flows_that_had_stun() -> None:
    both = [
        udp(START + i * MS, "192.0.2.1", 4000, "203.0.113.1", 3478, stun(1) if i % 3 == 0 else bytes(80))
        for i in range(9)
    ]
    alone = [udp(START + i * MS, "192.0.2.1", 4001, "203.0.113.1", 3478, bytes(80)) for i in range(5)]
    frames = place_frames(*block_of([*both, *alone]))
    kept = VIEWS[VIEW_NAMES.index("media-only")].keep(frames)
    assert kept.tolist() == [i % 3 != 0 for i in range(9)] + [False] * 5
