"""Reading: bytes of a file to blocks of packet references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.kernels.conftest import Traffic
from flowclass.capture.source import open_source


def read(path: Path) -> tuple[int, int]:
    """Return packets and captured bytes of a capture."""
    source = open_source([str(path)])
    packets = size = 0
    for block in source.blocks():
        packets += len(block.refs)
        size += int(block.refs["caplen"].sum())
    source.close()
    return packets, size


def test_pcap(timed: Callable[..., Any], call_traffic: Traffic) -> None:
    expected = (call_traffic.packets, int(call_traffic.refs["caplen"].sum()))
    assert timed(lambda: read(call_traffic.path), call_traffic.packets) == expected


@pytest.mark.parametrize("form", ["as_pcapng", "as_gzip"])
def test_other_forms(
    timed: Callable[..., Any], call_traffic: Traffic, form: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(form)
    expected = (call_traffic.packets, int(call_traffic.refs["caplen"].sum()))
    assert timed(lambda: read(path), call_traffic.packets) == expected


def test_floor__every_byte_of_the_file_once(timed: Callable[..., Any], call_traffic: Traffic) -> None:
    def whole() -> int:
        total = 0
        buffer = bytearray(512 * 1024)
        with call_traffic.path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                total += count
        return total

    assert timed(whole, call_traffic.packets) == call_traffic.path.stat().st_size
