"""Host module: labels that the packets of the corpus contradict: ``python -m bench.disputed [CORPUS]``.

Two flows of one capture that share a server's address and port and a stream of RTP (one SSRC the same way, the second
going on where the first stopped) are one call on two sockets, so they are of one application. Every pair whose labels
say otherwise is printed, whichever way it would move the figures, and whether ``flowclass.training.disputed`` lists it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from flowclass.errors import CaptureError
from flowclass.flow.flowmeter import FlowMeter
from flowclass.training.corpus import Capture, FlowKey, captures_of, key_of
from flowclass.training.disputed import flow_digest
from flowclass.training.samples import SETTINGS
from flowclass.training.views import VIEWS, blocks_of, read_frames

#: Sequence numbers a stream may advance between two sockets: half a minute of frames of 20 ms.
MOST_APART = 1500


@dataclass(frozen=True)
class Stream:
    """An RTP stream of a labelled flow: its ends as (address high, low, port), sender first."""

    key: FlowKey
    ends: tuple[tuple[int, int, int], tuple[int, int, int]]
    ssrc: int
    first: int
    last: int


def streams_of(capture: Capture) -> Iterator[Stream]:
    """Yield the RTP streams of a capture's labelled flows.

    Raises
    ------
    CaptureError
        When the capture cannot be read.
    """
    meter = FlowMeter(SETTINGS)

    def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for block in blocks_of(read_frames(str(capture.path)), VIEWS[0]):
            for batch in meter.add(block.data, block.refs, block.first_frame):
                yield batch.flows, batch.media
        for batch in meter.drain():
            yield batch.flows, batch.media

    for flows, media in batches():
        for row in media:
            flow = flows[row["flow"]]
            if key_of(flow) not in capture.flows:
                continue
            ends = [
                (int(flow[f"{end}_hi"]), int(flow[f"{end}_lo"]), int(flow[f"{end[0]}port"])) for end in ("src", "dst")
            ]
            sender, receiver = ends[:: -1 if row["direction"] else 1]
            yield Stream(key_of(flow), (sender, receiver), int(row["ssrc"]), int(row["base_seq"]), int(row["max_seq"]))


def goes_on(first: Stream, second: Stream) -> bool:
    """Whether one stream follows the other: an end, a source and the course of sequence numbers in common."""
    is_server_shared = first.ends[0] == second.ends[0] or first.ends[1] == second.ends[1]
    apart = min((second.first - first.last) & 0xFFFF, (first.first - second.last) & 0xFFFF)
    return first.key != second.key and first.ssrc == second.ssrc and is_server_shared and apart <= MOST_APART


def contradictions(capture: Capture) -> Iterator[tuple[Stream, Stream]]:
    """Yield pairs of streams that go on in each other, of flows labelled as different applications."""
    by_source: dict[int, list[Stream]] = defaultdict(list)
    for stream in streams_of(capture):
        by_source[stream.ssrc].append(stream)
    for alike in by_source.values():
        for first, second in combinations(alike, 2):
            if goes_on(first, second) and capture.flows[first.key].label.app != capture.flows[second.key].label.app:
                yield first, second


def main() -> int:
    """Search; return 0."""
    default = os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus"
    parser = argparse.ArgumentParser(description="Labels that packets of the corpus contradict.")
    parser.add_argument("corpus", nargs="?", type=Path, default=default)
    found = 0
    for capture in captures_of(Path(parser.parse_args().corpus)):
        try:
            pairs = list(contradictions(capture))
        except CaptureError as error:
            print(f"{capture.name}: {error}", file=sys.stderr)
            continue
        found += len(pairs)
        for pair in pairs:
            flows = " and ".join(
                f"{flow_digest(capture.name, one.key)} ({capture.flows[one.key].label}"
                f"{', listed' if capture.flows[one.key].is_disputed else ''})"
                for one in pair
            )
            print(f"{capture.name}: SSRC {pair[0].ssrc:#010x} goes on: {flows}")
    print(f"{found} streams go on in a flow that is labelled as another application's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
