"""Packets in memory."""

from __future__ import annotations

import pytest

from flowclass.capture.memory import MemorySource
from tests.capture.capture_files import frames, read_source


@pytest.mark.parametrize("block_packets", [1, 7, 1000])
def test_packets_come_back(block_packets: int) -> None:
    assert read_source(MemorySource(frames(50), block_packets=block_packets)) == frames(50)


def test_link_type_and_length() -> None:
    (block,) = MemorySource([(5, b"abc", None)], linktype=101).blocks()
    assert block.refs.tolist() == [(5, 0, 3, 3, 101, 0)]
    assert block.now_ns == 5


def test_no_packets() -> None:
    assert list(MemorySource([]).blocks()) == []
