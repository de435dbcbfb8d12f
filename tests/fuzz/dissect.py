"""Fuzz dissection, the reading of payloads, evidence, media streams and features with bounds checks on.

    python -m tests.fuzz.dissect --frames 5000000          mutated frames of every encapsulation (and of the corpus)
    python -m tests.fuzz.dissect --cut CAPTURE…            each frame of captures, cut at every length up to 200 bytes

Exit code 1 and the frame in hexadecimal when something is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

#: Link types that mutated frames are given now and then instead of their own.
LINKTYPES = (0, 1, 9, 12, 50, 51, 101, 104, 105, 108, 113, 127, 192, 228, 229, 239, 276, 147)
CORPUS_FRAMES = 2000


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.dissect", description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=5_000_000, help="mutated frames")
    parser.add_argument("--seed", type=int, default=1, help="start of the random numbers")
    parser.add_argument("--cut", nargs="+", metavar="CAPTURE", help="cut the frames of these captures instead")
    parser.add_argument("--longest", type=int, default=200, help="longest cut, in bytes")
    return parser.parse_args()


class Fuzzer:
    """The arrays that the kernels work in, and the report."""

    def __init__(self, seed: int) -> None:
        from flowclass.flow.state import MeterSettings, new_state
        from flowclass.record.packet import PACKET, PACKET_REF
        from flowclass.record.status import Status
        from tests.fuzz.kernels import ARENA, LONGEST

        self.frame = np.zeros(LONGEST, np.uint8)
        settings = MeterSettings(max_flows=64, max_streams=16, seed=seed)
        self.meter = new_state(settings)._replace(data=np.zeros(ARENA, np.uint8))
        self.refs = np.zeros(2, PACKET_REF)
        self.rows = np.zeros(3, PACKET)
        self.random = np.array([0x9E3779B97F4A7C15 ^ (seed + 1)], np.uint64)
        self.statuses = np.zeros(len(Status), np.int64)
        self.state = np.zeros(2, np.int64)

    def tell(self, problem: str) -> int:
        """Print the frame in hand; return the exit code."""
        number, length = self.state.tolist()
        ref = self.refs[0]
        print(f"frame {number}: {problem}; link type {ref['linktype']}, {length} of {ref['wirelen']} bytes")
        print(self.frame[:length].tobytes().hex())
        return 1

    def summary(self, started: float) -> int:
        """Print how often each status came up; return the exit code."""
        from flowclass.record.status import Status

        for status in Status:
            if self.statuses[status]:
                print(f"{self.statuses[status]:12d} {status.name}")
        print(f"{self.statuses.sum():12d} frames in {time.monotonic() - started:.1f} s, nothing wrong")
        return 0


def corpus_frames() -> list[tuple[int, bytes]]:
    """Return some frames of the corpus, where there is one: link type and bytes."""
    import csv

    from flowclass.capture.source import open_source

    default = Path(__file__).parents[3] / "shared" / "corpus"
    folder = Path(os.environ.get("FLOWCLASS_CORPUS") or default)
    if not (folder / "index.csv").is_file():
        return []
    with (folder / "index.csv").open() as file:
        names = [row["path"] for row in csv.DictReader(file) if int(row["file_bytes"] or 0) < 300_000]
    frames = []
    for name in names[:: max(1, len(names) // 150)]:
        source = open_source([str(folder / "captures" / name)])
        for block in source.blocks():
            step = max(1, len(block.refs) // 12)
            for ref in block.refs[::step]:
                lo, caplen = int(ref["offset"]), int(ref["caplen"])
                if caplen:
                    frames.append((int(ref["linktype"]), bytes(block.data[lo : lo + min(caplen, 1600)])))
            break
        source.close()
    return frames[:CORPUS_FRAMES]


def fuzz_mutated(frames: int, seed: int, *, corpus: bool = True) -> int:
    """Fuzz with mutated frames."""
    from tests.dissect.encapsulations import ENCAPSULATIONS
    from tests.fuzz.kernels import PROBLEMS, fuzz

    started = time.monotonic()
    fuzzer = Fuzzer(seed)
    seeds = [(linktype, frame) for linktype, frame, _ in ENCAPSULATIONS.values()] * 4
    seeds += corpus_frames() if corpus else []
    lengths = np.array([len(frame) for _, frame in seeds])
    try:
        problem = fuzz(
            np.frombuffer(b"".join(frame for _, frame in seeds), np.uint8),
            np.cumsum(lengths) - lengths,
            lengths,
            np.array([linktype for linktype, _ in seeds]),
            np.array(LINKTYPES),
            frames,
            fuzzer.frame,
            fuzzer.refs,
            fuzzer.rows,
            fuzzer.meter,
            fuzzer.random,
            fuzzer.statuses,
            fuzzer.state,
        )
    except IndexError:
        return fuzzer.tell("read outside the block")
    return fuzzer.tell(PROBLEMS[problem]) if problem else fuzzer.summary(started)


def fuzz_cut(captures: list[str], longest: int) -> int:
    """Cut the frames of captures."""
    from flowclass.capture.source import open_source
    from flowclass.errors import CaptureError
    from tests.fuzz.kernels import PROBLEMS, cut

    started = time.monotonic()
    fuzzer = Fuzzer(1)
    for name in captures:
        try:
            source = open_source([name])
        except CaptureError as error:
            print(f"{name}: left out: {error}")
            continue
        for block in source.blocks():
            try:
                problem = cut(
                    block.data,
                    block.refs,
                    longest,
                    fuzzer.frame,
                    fuzzer.refs,
                    fuzzer.rows,
                    fuzzer.meter,
                    fuzzer.statuses,
                    fuzzer.state,
                )
            except IndexError:
                return fuzzer.tell(f"{name}: read outside the block")
            if problem:
                return fuzzer.tell(f"{name}, block from frame {block.first_frame}: {PROBLEMS[problem]}")
        source.close()
    return fuzzer.summary(started)


def main() -> int:
    """Run, in a process that has bounds checks on."""
    if os.environ.get("NUMBA_BOUNDSCHECK") != "1":
        os.execve(  # noqa: S606  ourselves, with one variable more
            sys.executable,
            [sys.executable, "-m", "tests.fuzz.dissect", *sys.argv[1:]],
            {**os.environ, "NUMBA_BOUNDSCHECK": "1"},
        )
    options = arguments()
    if options.cut:
        return fuzz_cut(options.cut, options.longest)
    return fuzz_mutated(options.frames, options.seed)


if __name__ == "__main__":
    sys.exit(main())
