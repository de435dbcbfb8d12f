"""Fuzz whole captures: packets changed, records of flows and calls that must not contradict themselves.

    python -m tests.fuzz.records --captures 5000           changed captures of calls, of ours and of the corpus

Exit code 1, and the capture as a file in the folder for temporary files, when something is wrong.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from bench.invariance import Packet, packets_of
from flowclass.calls.record import Call, as_dict
from flowclass.flow.record import FLOW
from flowclass.flow.state import MeterSettings
from flowclass.model.bundle import load_default
from flowclass.pipeline import analyze
from tests.capture import capture_files

REPOSITORY = Path(__file__).parents[2]
OWN = REPOSITORY / "pcaps"
CORPUS = Path(os.environ.get("FLOWCLASS_CORPUS") or REPOSITORY.parent / "shared" / "corpus")
SETTINGS = MeterSettings(max_flows=1 << 14, max_streams=1 << 13, seed=1)
#: Packets taken of a capture, and of the corpus' captures, which may have more of them.
MOST_PACKETS = 4000
S = 1_000_000_000
#: Where headers of payloads lie in Ethernet frames with IPv4.
HEADERS = range(34, 80)
#: How many of a capture's packets a change is made to.
SHARES = (0.003, 0.03, 0.3)
#: Times in records are rounded to these, in s.
ROUNDED_S = 1e-5

Change = Callable[[Random, list[Packet]], list[Packet]]


def _some(random: Random, packets: list[Packet], change: Callable[[Packet], Packet]) -> list[Packet]:
    """Return the packets, some of them changed."""
    share = random.choice(SHARES)
    return [change(one) if random.random() < share else one for one in packets]


def flip_bits(random: Random, packets: list[Packet]) -> list[Packet]:
    """Change bits anywhere."""

    def flipped(one: Packet) -> Packet:
        frame = bytearray(one.frame)
        for _ in range(random.randint(1, 4) if frame else 0):
            frame[random.randrange(len(frame))] ^= 1 << random.randrange(8)
        return one._replace(frame=bytes(frame))

    return _some(random, packets, flipped)


def set_header_bytes(random: Random, packets: list[Packet]) -> list[Packet]:
    """Set a byte where headers of payloads lie."""

    def changed(one: Packet) -> Packet:
        frame, at = bytearray(one.frame), random.choice(HEADERS)
        frame[at : at + 1] = bytes([random.choice((0, 0xFF, random.randrange(256)))])
        return one._replace(frame=bytes(frame))

    return _some(random, packets, changed)


def move_times(random: Random, packets: list[Packet]) -> list[Packet]:
    """Move packets in time, out of order."""
    return _some(random, packets, lambda one: one._replace(ts_ns=one.ts_ns + random.randint(-1, 1) * _span(random)))


def set_clock(random: Random, packets: list[Packet]) -> list[Packet]:
    """Set the capture's clock forward or back in between."""
    at, by = random.randrange(len(packets)), random.choice((-1, 1)) * _span(random)
    return [*packets[:at], *(one._replace(ts_ns=one.ts_ns + by) for one in packets[at:])]


def _span(random: Random) -> int:
    """Return a span of time from a microsecond to three years, in ns."""
    return random.randint(1, 10 ** random.randint(3, 17))


def stretch(random: Random, packets: list[Packet]) -> list[Packet]:
    """Let all happen at once, faster or slower."""
    factor, first = random.choice((0, 1e-6, 0.01, 10, 1000)), packets[0].ts_ns
    return [one._replace(ts_ns=first + int((one.ts_ns - first) * factor)) for one in packets]


def lose(random: Random, packets: list[Packet]) -> list[Packet]:
    """Leave packets out."""
    return [one for one in packets if random.random() > random.choice(SHARES)]


def copy(random: Random, packets: list[Packet]) -> list[Packet]:
    """Double packets, as port mirrors do."""
    share = random.choice(SHARES)
    return [one for one in packets for _ in range(1 + (random.random() < share))]


def snap(random: Random, packets: list[Packet]) -> list[Packet]:
    """Cut all frames."""
    kept = random.randint(20, 96)
    return [one._replace(frame=one.frame[:kept]) for one in packets]


def shuffle(random: Random, packets: list[Packet]) -> list[Packet]:
    """Put packets into any order."""
    return random.sample(packets, len(packets))


def turn(random: Random, packets: list[Packet]) -> list[Packet]:
    """Begin in the middle, and let the beginning come at the end."""
    at = random.randrange(len(packets))
    return packets[at:] + packets[:at]


def claim_lengths(random: Random, packets: list[Packet]) -> list[Packet]:
    """Let frames claim other lengths on the wire."""
    return _some(random, packets, lambda one: one._replace(wire=random.choice((0, 1, 40, 2**31 - 1))))


CHANGES: tuple[Change, ...] = (
    flip_bits, set_header_bytes, move_times, set_clock, stretch, lose, copy, snap, shuffle, turn, claim_lengths,
)  # fmt: skip


def captures() -> list[Path]:
    """Return captures of calls: ours, and those of the corpus that are not too long."""
    found = sorted(OWN.rglob("*.pcap"))
    if (CORPUS / "index.csv").is_file():
        with (CORPUS / "index.csv").open(newline="") as file:
            found += [
                CORPUS / "captures" / row["path"]
                for row in csv.DictReader(file)
                if int(row["n_call_media"]) + int(row["n_call_signalling"]) and int(row["packets"]) <= MOST_PACKETS
            ]
    return found


def written(packets: Sequence[Packet]) -> bytes:
    """Return packets as a pcapng file, with an interface for each link type."""
    links = sorted({one.link for one in packets})
    blocks = [capture_files.section(), *(capture_files.interface(linktype=link, tsresol=9) for link in links)]
    blocks += [
        capture_files.enhanced("<", one.ts_ns % (1 << 64), one.frame, one.wire, links.index(one.link))
        for one in packets
    ]
    return b"".join(blocks)


def contradictions(capture: bytes) -> Iterator[str]:
    """Yield what is wrong with the records of a capture."""
    flows: list[np.ndarray] = [np.zeros(0, FLOW)]
    calls: list[Call] = []
    found = analyze(
        [BytesIO(capture)],
        lambda some, *_: flows.append(some.copy()),
        settings=SETTINGS,
        model=load_default(),
        on_calls=calls.extend,
    )
    rows, stats = np.concatenate(flows), found.stats
    metered = int(stats["packets_metered"])
    if stats["packets_read"] != metered + stats["ignored_packets"].sum() or rows["packets"].sum() != metered:
        yield "the account does not balance"
    if (rows["last_ns"] < rows["first_ns"]).any():
        yield "a flow ends before it begins"
    begun = rows["flow_id"][rows["piece"] == 0]
    # Flows of the same ends that begin at the same time have one id.
    if len(np.unique(begun)) == len(begun) and len({call.call_id for call in calls}) != len(calls):
        yield "two calls have one call_id"
    known = {f"{number:016x}" for number in rows["flow_id"].tolist()}
    for call in calls:
        yield from (f"{call.app} call {call.call_id}: {problem}" for problem in problems_of(call, known))


def problems_of(call: Call, flows: set[str]) -> Iterator[str]:
    """Yield what is wrong with the record of a call; ``flows`` are the flow_ids there are."""
    record = as_dict(call)
    for name, value in [*record.items(), *((f"streams.{name}", v) for one in call.streams for name, v in one.items())]:
        yield from _problems_of_value(name, value)
    if not set(call.flows) <= flows or len(set(call.flows)) != len(call.flows):
        yield f"flows {call.flows}"
    talks = [] if call.talk_start is None else [call.talk_start, call.talk_start + call.talk_s]
    times = [call.start, *talks, call.end]
    if any(later < earlier - ROUNDED_S for earlier, later in pairwise(times)):
        yield f"times {times}"
    if (call.mos_low is None) is not (call.mos_high is None) or (call.mos_low is None) is call.quality_valid:
        yield f"mos {call.mos_low} to {call.mos_high}, valid {call.quality_valid}"
    if call.mos_low is not None and call.mos_high is not None and not 1 <= call.mos_low <= call.mos_high <= 5:
        yield f"mos {call.mos_low} to {call.mos_high}"


def _problems_of_value(name: str, value: Any) -> Iterator[str]:
    """Yield what is wrong with a number of a record, whatever it says."""
    if isinstance(value, bool) or not isinstance(value, int | float) or name in ("start", "talk_start", "end"):
        return
    is_share = name.split(".")[-1] in ("loss", "loss_up", "loss_down", "far_loss", "far_loss_up", "far_loss_down")
    if not math.isfinite(value) or value < 0 or (is_share and value > 1):
        yield f"{name} {value}"


def fuzz(count: int, seed: int) -> int:
    """Look at changed captures; return the exit code."""
    random, known, started = Random(seed), captures(), time.monotonic()
    for number in range(count):
        name = random.choice(known)
        packets = packets_of(name)[:MOST_PACKETS]
        changes = random.sample(CHANGES, random.randint(1, 3))
        for change in changes:
            packets = change(random, packets) if packets else packets
        if not packets:
            continue
        capture = written(packets)
        found = list(contradictions(capture))
        if found:
            path = Path(tempfile.gettempdir()) / f"contradiction-{seed}-{number}.pcapng"
            path.write_bytes(capture)
            print(f"{path}, of {name}, {', '.join(change.__name__ for change in changes)}:", *found, sep="\n  ")
            return 1
    print(f"{count} captures in {time.monotonic() - started:.1f} s, nothing wrong")
    return 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.records", description=__doc__.split("\n")[0])
    parser.add_argument("--captures", type=int, default=5000, help="changed captures")
    parser.add_argument("--seed", type=int, default=1, help="start of the random numbers")
    options = parser.parse_args()
    return fuzz(options.captures, options.seed)


if __name__ == "__main__":
    sys.exit(main())
