"""Host module: the traffic of one host of a labelled capture, as something to send through a tunnel: times and sizes.

No byte of the capture and no address of it is kept, only when its busiest host sent or received how much, and whether
that was a call's media.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowclass.dissect.fragment import new_fragments
from flowclass.errors import CaptureError
from flowclass.record.packet import PACKET
from flowclass.record.status import Status
from flowclass.record.verdict import Kind
from flowclass.training.corpus import Capture, captures_of, flow_key
from flowclass.training.views import dissect_frames, read_frames

NS_PER_S = 1_000_000_000
#: Silence is cut to this: recordings of hours with nothing in them, and files stitched together.
LONGEST_SILENCE_NS = 3 * NS_PER_S
#: Media packets each way that make a second one of a call: less than 160 ms frames.
MEDIA_PACKETS = 4
SEED = np.array([1, 2], np.uint64)


@dataclass(frozen=True)
class Inner:
    """What one host sent and received, n packets in time order.

    Attributes
    ----------
    name, group : of the capture
    at_ns : int64[n], from 0
    outward : bool[n], sent by the host
    ip_bytes : int64[n]
    media : bool[n], of a flow labelled as media of a call
    """

    name: str
    group: str
    at_ns: np.ndarray
    outward: np.ndarray
    ip_bytes: np.ndarray
    media: np.ndarray

    @property
    def is_call(self) -> bool:
        """Whether any of it is a call's."""
        return bool(self.media.any())

    def seconds(self) -> np.ndarray:
        """Return the second of each packet."""
        return self.at_ns // NS_PER_S

    def active_seconds(self) -> int:
        """Return the seconds that hold a packet."""
        return len(np.unique(self.seconds()))

    def voice_seconds(self) -> int:
        """Return the seconds that hold a call's media both ways."""
        length = int(self.seconds()[-1]) + 1
        ways = [np.bincount(self.seconds()[self.media & (self.outward == way)], minlength=length) for way in (0, 1)]
        return int((np.minimum(*ways) >= MEDIA_PACKETS).sum())

    def part(self, begin_s: float, end_s: float) -> Inner:
        """Return what lies between two times."""
        taken = (self.at_ns >= begin_s * NS_PER_S) & (self.at_ns < end_s * NS_PER_S)
        at = self.at_ns[taken]
        return Inner(
            self.name,
            self.group,
            at - (at[0] if len(at) else 0),
            self.outward[taken],
            self.ip_bytes[taken],
            self.media[taken],
        )


def _media_flows(capture: Capture, packets: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return bool[n]: packets of flows labelled as a call's media."""
    media = np.zeros(len(packets), bool)
    numbers, firsts = np.unique(flow, return_index=True)
    for number, first in zip(numbers, firsts, strict=True):
        row = packets[first]
        ends = [(int(row[f"{side}_hi"]), int(row[f"{side}_lo"]), int(row[f"{side[0]}port"])) for side in ("src", "dst")]
        truth = capture.flows.get(flow_key(int(row["proto"]), *ends))
        if number >= 0 and truth is not None and truth.label.kind == Kind.CALL_MEDIA:
            media[flow == number] = True
    return media


def inner_of(capture: Capture) -> Inner | None:
    """Return the traffic of a capture's busiest host, of its call where it has one; None when there is too little."""
    try:
        frames = read_frames(str(capture.path))
    except CaptureError:
        return None
    packets = np.zeros(len(frames.refs), PACKET)
    if len(packets):
        dissect_frames(frames.data, frames.refs, packets, new_fragments(), SEED)
    metered = packets["status"] == Status.OK
    if not metered.any():
        return None
    media = _media_flows(capture, packets, frames.flow)
    counted = packets[media if media.any() else metered]
    words = [np.stack([counted[f"{side}_hi"], counted[f"{side}_lo"]], axis=1) for side in ("src", "dst")]
    hosts, counts = np.unique(np.concatenate(words), axis=0, return_counts=True)
    host = hosts[np.argmax(counts)]
    ways = [(packets[f"{side}_hi"] == host[0]) & (packets[f"{side}_lo"] == host[1]) for side in ("src", "dst")]
    taken = np.flatnonzero(metered & (ways[0] | ways[1]))
    order = taken[np.argsort(packets["ts_ns"][taken], kind="stable")]
    gaps = np.diff(packets["ts_ns"][order], prepend=packets["ts_ns"][order[:1]]).clip(0, LONGEST_SILENCE_NS)
    size = packets["ip_bytes"][order].astype(np.int64)
    return Inner(capture.name, capture.group, np.cumsum(gaps), ways[0][order], size, media[order])


def inners(corpus: Path, least_seconds: int) -> Iterator[Inner]:
    """Yield the host traffic of every capture that has enough active seconds."""
    for capture in captures_of(corpus):
        inner = inner_of(capture)
        if inner is not None and inner.active_seconds() >= least_seconds:
            yield inner
