"""Several inputs as one capture in time order."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.capture.source import open_source
from flowclass.errors import CaptureError
from tests.capture.capture_files import Packet, frames, pcap, pcapng, read


def merged(files: list[list[Packet]]) -> list[Packet]:
    """Return the order the module promises: by latest time so far, then input, then place."""
    rows = []
    for order, packets in enumerate(files):
        latest = -1
        for place, packet in enumerate(packets):
            latest = max(latest, packet[0])
            rows.append((latest, order, place, packet))
    return [row[3] for row in sorted(rows, key=lambda row: row[:3])]


def write(folder: Path, files: list[list[Packet]]) -> list[Any]:
    paths = []
    for number, packets in enumerate(files):
        paths.append(folder / f"{number}.cap")
        paths[-1].write_bytes((pcap, pcapng)[number % 2](packets))
    return paths


def labelled(count: int, start: int, step: int, label: int) -> list[Packet]:
    return [(start + i * step, bytes([label, i & 255]), 2) for i in range(count)]


def test_files_that_follow_one_another_are_sorted_and_not_merged(tmp_path: Path) -> None:
    files = [labelled(20, start, 1000, n) for n, start in enumerate((2_000_000, 1_000_000, 3_000_000))]
    paths = write(tmp_path, files)
    source = open_source(paths)
    blocks = [[int(ref["interface"]) for ref in block.refs] for block in source.blocks()]
    assert blocks == [[1 << 16] * 20, [0] * 20, [2 << 16] * 20]
    source.close()
    assert read(paths)[0] == files[1] + files[0] + files[2]


@pytest.mark.parametrize("block_bytes", [50, 999, 524_288])
def test_overlapping_files_are_merged(tmp_path: Path, block_bytes: int) -> None:
    files = [labelled(200 + 100 * n, 10_000 * n, 1000 * (n + 1), n) for n in range(5)]
    paths = write(tmp_path, files)
    assert read(paths, block_bytes=block_bytes) == (merged(files), [], False)


times = st.lists(st.integers(0, 40).map(lambda us: us * 1000), max_size=30)


@settings(deadline=None, max_examples=100)
@given(clocks=st.lists(times, min_size=2, max_size=5), block_bytes=st.integers(1, 400), opened=st.booleans())
def test_any_files_at_any_block_size(
    tmp_path_factory: pytest.TempPathFactory, clocks: list[list[int]], block_bytes: int, opened: bool
) -> None:
    """Clocks that step back, equal times, empty files; as paths and as streams that cannot be opened twice."""
    files = [[(ts, bytes([n, i]), 2) for i, ts in enumerate(clock)] for n, clock in enumerate(clocks)]
    if opened:
        inputs: list[Any] = [io.BytesIO(pcap(packets)) for packets in files]
    else:
        inputs = write(tmp_path_factory.mktemp("merge"), files)
    assert read(inputs, block_bytes=block_bytes) == (merged(files), [], False)


def test_problems_of_every_input_are_kept_once(tmp_path: Path) -> None:
    packets = frames(4)
    paths = [tmp_path / name for name in ("cut", "bare", "whole")]
    paths[0].write_bytes(pcap(packets)[:-1])
    paths[1].write_bytes(pcap([])[:10])
    paths[2].write_bytes(pcap(packets))
    found, problems, partial = read(paths)
    assert len(found) == 7
    assert partial
    assert sorted(problem.split(":")[0] for problem in problems) == sorted([str(paths[1]), str(paths[0])])


def test_one_input_that_is_no_capture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"nothing")
    (tmp_path / "good").write_bytes(pcap(frames(1)))
    with pytest.raises(CaptureError, match="bad: is no capture"):
        open_source([tmp_path / "good", tmp_path / "bad"])


def test_close_in_the_middle(tmp_path: Path) -> None:
    source = open_source(write(tmp_path, [frames(100), frames(100)]), block_bytes=100)
    next(iter(source.blocks()))
    source.close()
    source.close()
