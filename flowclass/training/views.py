"""Host module: views of a capture: what the same flows look like when part of them is missing.

A classifier trained on whole flows fails on a link it joins in mid-call. So it is trained and scored on the first
packets of a flow, on its middle, on one direction, and on frames cut short. A view drops or cuts frames *before*
metering; everything after that is the product itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.capture.source import PacketBlock, open_source
from flowclass.dissect.fragment import new_fragments
from flowclass.dissect.packet import dissect_packet
from flowclass.jit import entry
from flowclass.record.packet import PACKET, PACKET_REF
from flowclass.record.status import Status

#: Frames handed to the meter at a time.
BLOCK_FRAMES = 4096
NS_PER_S = 1_000_000_000
#: Where in a flow's time a window begins, as a share of it.
WINDOW_AT = 0.4
LOSS_SEED = 2
UDP = 17
#: STUN's magic cookie (RFC 8489 §5).
COOKIE = bytes.fromhex("2112a442")
#: Any seed does: the hash only has to tell flows of one capture apart.
_SEED = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)


@entry
def dissect_frames(data: Any, refs: Any, packets: Any, fragments: Any, seed: Any) -> None:
    """Dissect every frame of ``refs`` into the row of ``packets`` with the same index."""
    for i in range(refs.shape[0]):
        dissect_packet(data, refs[i], packets[i], fragments, seed)


@dataclass(frozen=True)
class Frames:
    """A whole capture in memory, and each frame's place in its flow.

    Attributes
    ----------
    data : uint8[:], all bytes
    refs : PACKET_REF[n]
    flow : int64[n], number of the frame's flow, -1 for frames that are not metered
    rank : int64[n], place of the frame within its flow, from 0
    length : int64[n], frames of its flow
    direction : int64[n], 0 as the flow's first frame, else 1
    both_ways : bool[n], whether its flow has frames in both directions
    begin_ns, end_ns : int64[n], first and last frame of its flow
    stun : bool[n], whether it is a STUN message
    had_stun : bool[n], whether its flow has STUN messages
    """

    data: np.ndarray
    refs: np.ndarray
    flow: np.ndarray
    rank: np.ndarray
    length: np.ndarray
    direction: np.ndarray
    both_ways: np.ndarray
    begin_ns: np.ndarray
    end_ns: np.ndarray
    stun: np.ndarray
    had_stun: np.ndarray


@dataclass(frozen=True)
class View:
    """What is left of a capture.

    Attributes
    ----------
    name : stable name
    doc : a sentence for reports
    keep : Frames → bool[n], the frames left; flows to which the view does not apply lose all
    snap_bytes : frames are cut to this many captured bytes, 0 for no cut
    """

    name: str
    doc: str
    keep: Callable[[Frames], np.ndarray]
    snap_bytes: int = 0


def _first(count: int) -> View:
    def keep(frames: Frames) -> np.ndarray:
        return (frames.rank < count) & (frames.length > count)

    return View(f"first-{count}", f"only the first {count} packets of each longer flow", keep)


def _without_first(count: int) -> View:
    def keep(frames: Frames) -> np.ndarray:
        return (frames.rank >= count) & (frames.length >= count + 5)

    return View(f"late-{count}", f"the first {count} packets of each flow missing", keep)


def _middle(count: int) -> View:
    def keep(frames: Frames) -> np.ndarray:
        start = frames.length // 2
        return (frames.rank >= start) & (frames.rank < start + count) & (frames.length >= 2 * count)

    return View(f"middle-{count}", f"{count} packets from the middle of each flow", keep)


def _one_way(name: str, direction: int) -> View:
    def keep(frames: Frames) -> np.ndarray:
        return np.asarray((frames.direction == direction) & frames.both_ways)

    return View(name, f"only the {name} direction of each flow", keep)


def _window(seconds: int) -> View:
    def keep(frames: Frames) -> np.ndarray:
        lasts = frames.end_ns - frames.begin_ns
        since = frames.refs["ts_ns"] - frames.begin_ns - (WINDOW_AT * lasts).astype(np.int64)
        length = seconds * NS_PER_S
        return np.asarray((frames.flow >= 0) & (since >= 0) & (since < length) & (lasts >= 2 * length))

    return View(f"window-{seconds}s", f"{seconds} s out of the middle of each flow", keep)


def _lossy(percent: int) -> View:
    def keep(frames: Frames) -> np.ndarray:
        drawn = np.random.default_rng(LOSS_SEED).random(len(frames.refs))
        return np.asarray(drawn * 100 >= percent)

    return View(f"loss-{percent}", f"{percent} % of the frames missing at random", keep)


VIEWS = (
    View("whole", "the capture as it is", lambda frames: np.ones(len(frames.refs), bool)),
    _first(5),
    _first(10),
    _first(20),
    _first(50),
    _without_first(20),
    _without_first(100),
    _middle(30),
    _one_way("forward", 0),
    _one_way("reverse", 1),
    _window(1),
    _window(2),
    _window(5),
    _lossy(2),
    View(
        "media-only",
        "every STUN message missing, of flows that have more",
        lambda frames: ~frames.stun & (frames.flow >= 0) & frames.had_stun,
    ),
    View("snap-96", "frames cut to 96 bytes", lambda frames: frames.flow >= 0, 96),
)
VIEW_NAMES = tuple(view.name for view in VIEWS)


def read_frames(path: str) -> Frames:
    """Read a capture into memory and place every frame in its flow."""
    source = open_source([path])
    parts, refs, total = [np.zeros(0, np.uint8)], [np.zeros(0, PACKET_REF)], 0
    try:
        for block in source.blocks():
            if not block.refs.size:
                continue
            lo = int(block.refs["offset"].min())
            hi = int((block.refs["offset"] + block.refs["caplen"]).max())
            moved = block.refs.copy()
            moved["offset"] += total - lo
            parts.append(block.data[lo:hi].copy())
            refs.append(moved)
            total += hi - lo
    finally:
        source.close()
    return place_frames(np.concatenate(parts), np.concatenate(refs))


def place_frames(data: np.ndarray, refs: np.ndarray) -> Frames:
    """Dissect all frames and number them within their flows."""
    packets = np.zeros(len(refs), PACKET)
    if len(refs):
        dissect_frames(data, refs, packets, new_fragments(), _SEED)
    metered = packets["status"] == Status.OK
    _, flow = np.unique(packets["hash"], return_inverse=True)
    order = np.argsort(flow, kind="stable")
    count = np.bincount(flow, weights=metered, minlength=1).astype(np.int64)
    rank = np.zeros(len(refs), np.int64)
    ends = np.concatenate([[0], np.cumsum(metered[order])])
    starts = np.searchsorted(flow[order], flow)
    rank[order] = ends[:-1] - ends[starts[order]]
    first = order[starts]
    direction = np.zeros(len(refs), np.int64)
    for name in ("src_hi", "src_lo", "sport"):
        direction |= packets[name] != packets[name][first]
    backward = np.bincount(flow, weights=direction, minlength=1).astype(np.int64)
    both_ways = (backward > 0)[flow] if len(refs) else np.zeros(0, bool)
    length = count[flow] if len(refs) else np.zeros(0, np.int64)
    times = refs["ts_ns"].astype(np.int64)
    begin, end = np.full(len(count), np.iinfo(np.int64).max), np.full(len(count), np.iinfo(np.int64).min)
    np.minimum.at(begin, flow, times)
    np.maximum.at(end, flow, times)
    stun = _is_stun(data, packets)
    had_stun = np.bincount(flow, weights=stun, minlength=1) > 0
    return Frames(
        data,
        refs,
        np.where(metered, flow, -1),
        rank,
        length,
        direction,
        both_ways,
        begin[flow],
        end[flow],
        stun,
        had_stun[flow],
    )


def _is_stun(data: np.ndarray, packets: np.ndarray) -> np.ndarray:
    """Return bool[n]: UDP datagrams that carry STUN's cookie at its place (RFC 8489 §5)."""
    at = packets["payload_lo"].astype(np.int64) + 4
    able = (packets["status"] == Status.OK) & (packets["proto"] == UDP) & (packets["payload_hi"] >= at + 4)
    found = able.copy()
    for offset, byte in enumerate(COOKIE):
        found[able] &= data[at[able] + offset] == byte
    return np.asarray(found)


def blocks_of(frames: Frames, view: View) -> Iterator[PacketBlock]:
    """Yield what the view leaves of a capture, as a Source would."""
    refs = frames.refs[view.keep(frames)]
    if view.snap_bytes:
        refs = refs.copy()
        refs["caplen"] = np.minimum(refs["caplen"], view.snap_bytes)
    for start in range(0, len(refs), BLOCK_FRAMES):
        part = refs[start : start + BLOCK_FRAMES]
        yield PacketBlock(frames.data, part, int(part["ts_ns"].max()), start + 1)
