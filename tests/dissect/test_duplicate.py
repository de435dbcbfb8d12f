"""is_duplicate: mirror copies are told from packets that a sender really sent twice."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from flowclass.dissect.duplicate import DUPLICATE_WINDOW_NS, TICK_BITS, is_duplicate, new_recent
from flowclass.jit import entry
from flowclass.record.status import Anomaly
from tests.dissect.encapsulations import ether, udp4, udp6
from tests.dissect.harness import dissect


@entry
def judge_rows(packets: Any, recent: Any, found: Any) -> None:
    """Judge each row in turn."""
    for i in range(len(packets)):
        found[i] = is_duplicate(packets[i], recent)


def frame(ident: int = 7, checksum: int = 0x1234, ttl: int = 64, *, vlan: bool = False) -> bytes:
    """Return an Ethernet frame with a UDP packet."""
    packet = udp4()
    packet.id, packet.ttl, packet.payload.chksum = ident, ttl, checksum
    data = bytes(ether() / packet)
    return data[:12] + b"\x81\0\0\x0c" + data[12:] if vlan else data


def judge(frames: list[bytes], gap_ns: int = 100_000) -> list[bool]:
    """Return the verdict on each frame."""
    rows = dissect(frames, ts_ns=10**18 + np.arange(len(frames)) * gap_ns)
    found = np.zeros(len(rows), np.bool_)
    judge_rows(rows, new_recent(), found)
    marked = (rows["anomalies"] & (1 << Anomaly.DUPLICATE)) != 0
    assert marked.tolist() == found.tolist()
    return found.tolist()


@pytest.mark.parametrize(
    "copy", [frame(), frame(ttl=63), frame(vlan=True)], ids=["same frame", "behind a router", "other VLAN side"]
)
def test_copy__is_a_duplicate(copy: bytes) -> None:
    assert judge([frame(), copy]) == [False, True]


def test_copies__every_later_one_is() -> None:
    assert judge([frame()] * 4) == [False, True, True, True]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (frame(7), frame(8)),  # WhatsApp's doubled Allocate has a fresh identification
        (frame(checksum=1), frame(checksum=2)),
        (frame(0), frame(0)),
        (frame(checksum=0), frame(checksum=0)),
        (bytes(ether() / udp6()), bytes(ether() / udp6())),
    ],
    ids=["fresh id", "other content", "no id", "no checksum", "IPv6"],
)
def test_packet__is_no_duplicate(first: bytes, second: bytes) -> None:
    assert judge([first, second]) == [False, False]


def test_copy__later_than_the_window_is_none() -> None:
    assert judge([frame(), frame()], DUPLICATE_WINDOW_NS) == [False, True]
    assert judge([frame(), frame()], DUPLICATE_WINDOW_NS + (1 << TICK_BITS)) == [False, False]


def test_copy__with_an_earlier_time_is_a_duplicate() -> None:
    assert judge([frame(), frame()], (1 << TICK_BITS) - DUPLICATE_WINDOW_NS) == [False, True]


def test_reply__with_the_same_numbers_is_none() -> None:
    forward = frame()
    back = bytearray(forward)
    back[26:34] = forward[30:34] + forward[26:30]
    back[34:38] = struct.pack("!HH", 50000, 40000)
    assert judge([forward, bytes(back)]) == [False, False]


@pytest.mark.parametrize("entries", [0, 3, 1000])
def test_table__size_is_a_power_of_two(entries: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        new_recent(entries)
