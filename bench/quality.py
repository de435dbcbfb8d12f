"""Host module: ``python -m bench.quality``: media streams of the corpus beside what tshark says of them, and clocks.

First every RTP stream of a static payload type that ``tshark -z rtp,streams`` can read (its own heuristic on): packets,
loss, largest and mean jitter side by side. tshark's mean leaves out comfort noise and the packet after it but not from
the count it divides by, so streams with comfort noise are held to the largest jitter alone. Then the clock recovered
from each stream of two seconds or more, by application and payload type.

What differs has a reason, printed with it: the formula of RFC 3550 §6.4.1 in plain Python over the packets that tshark
itself lists gives our figure; or tshark begins a new stream when a dynamic payload type comes between, or counts what a
mirror port delivered twice as negative loss. A difference without a reason makes the command fail.

Loss and reordering are also held, for every payload type, to a count of our own over the sequence numbers that tshark
lists packet by packet (RFC 3550 §A.3, in plain Python), of the streams of which tshark takes all packets for RTP.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from flowclass.capture.source import open_source
from flowclass.errors import CaptureError
from flowclass.flow.flowmeter import FlowBatch, FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.record.verdict import APP_NAMES, Kind
from flowclass.training.corpus import captures_of, key_of

SETTINGS = MeterSettings(max_flows=16_384, max_streams=8_192, seed=1)
LONG_NS = 2_000_000_000
#: Clock rates that the applications' codecs have (FACTS §1), by application and payload type; static types by RFC 3551.
KNOWN_HZ = {
    ("whatsapp", 120): 16_000, ("whatsapp", 97): 90_000, ("whatsapp", 103): 90_000, ("viber", 107): 16_000,
    ("viber", 98): 16_000, ("kakaotalk", 108): 16_000, ("discord", 120): 48_000, ("discord", 101): 90_000,
    ("discord", 103): 90_000, ("discord", 105): 90_000, ("signal", 102): 48_000, ("signal", 120): 90_000,
    ("teams", 97): 48_000, ("teams", 108): 48_000, ("teams", 104): 16_000, ("teams", 122): 90_000,
    ("teams", 123): 90_000, ("messenger", 96): 48_000, ("meet", 111): 48_000, ("meet", 103): 16_000,
    ("meet", 105): 16_000,
}  # fmt: skip
STATIC_8000 = {0, 3, 4, 8, 9, 13, 18}
JITTER_TOLERANCE, JITTER_ROUNDING_MS = 0.01, 0.0015
COMFORT_NOISE = "CN"
SEQUENCES, TIMESTAMPS = 1 << 16, 1 << 32
#: What tshark does otherwise, and how its notes or figures show it.
REASONS = {
    "telephone events left out of its jitter": lambda their: "event" in their.note,
    "its stream is cut by another payload type": lambda their: "RTPType" in their.note,
    "a mirror port delivered packets twice": lambda their: their.lost < 0,
}
_LINE = re.compile(
    r"^\s*[\d.]+\s+[\d.]+\s+(\S+)\s+(\d+)\s+(\S+)\s+(\d+)\s+0x([0-9A-F]+)\s+(.+?)\s+(\d+)\s+(-?\d+) \(.*?%\)"
    r"((?:\s+-?[\d.]+){6})"
)


#: SSRC and source port.
Key = tuple[int, int]


class Listed(NamedTuple):
    """An RTP packet as tshark lists it: sequence number, arrival in s, RTP time."""

    sequence: int
    at: float
    timestamp: int


@dataclass(frozen=True)
class Row:
    """One stream as tshark or we see it; jitters in ms."""

    packets: int
    lost: int
    jitter_mean: float
    jitter_max: float
    note: str


def tshark_rows(path: Path) -> Iterator[tuple[Key, Row]]:
    """Yield ((SSRC, source port), Row) of the streams tshark knows a clock for."""
    command = ["tshark", "-r", str(path), "--enable-heuristic", "rtp_udp", "-q", "-z", "rtp,streams"]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in text.splitlines():
        found = _LINE.match(line)
        if found:
            numbers = [float(one) for one in found.group(9).split()]
            row = Row(int(found.group(7)), int(found.group(8)), numbers[4], numbers[5], found.group(6))
            if row.jitter_max > 0:
                yield (int(found.group(5), 16), int(found.group(2))), row


def listed_packets(path: Path) -> dict[Key, list[Listed]]:
    """Return the RTP packets that tshark lists, by (SSRC, source port)."""
    command = ["tshark", "-r", str(path), "--enable-heuristic", "rtp_udp", "-Y", "rtp.ssrc", "-T", "fields"]
    for name in ("rtp.ssrc", "udp.srcport", "rtp.seq", "frame.time_epoch", "rtp.timestamp"):
        command += ["-e", name]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found: dict[Key, list[Listed]] = defaultdict(list)
    for line in text.splitlines():
        cells = line.split("\t")
        if len(cells) == 5 and all(cells) and "," not in line:
            found[int(cells[0], 0), int(cells[1])].append(Listed(int(cells[2]), float(cells[3]), int(cells[4])))
    return found


def count_carrying(path: Path, key: Key) -> int:
    """Return the datagrams of a port that have a source's four bytes where RTP has them."""
    wanted = f"udp.srcport == {key[1]} && udp.payload[8:4] == {key[0].to_bytes(4, 'big').hex(':')}"
    command = ["tshark", "-r", str(path), "-Y", wanted, "-T", "fields", "-e", "frame.number"]
    return len(subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines())


def jitter_of(packets: list[Listed], clock_hz: float) -> tuple[float, float]:
    """Return mean and largest interarrival jitter in ms by RFC 3550 §6.4.1, of packets in order, in plain Python.

    Examples
    --------
    >>> jitter_of([Listed(1, 0.0, 0), Listed(2, 1.0, 0), Listed(3, 2.0, 0)], 8000)
    (91.796875, 121.09375)
    """
    jitter, jitters, before = 0.0, [], packets[0]
    for packet in packets[1:]:
        if not 0 < (packet.sequence - before.sequence) % SEQUENCES < SEQUENCES // 2:
            continue
        step = (packet.timestamp - before.timestamp + TIMESTAMPS // 2) % TIMESTAMPS - TIMESTAMPS // 2
        jitter += (abs(1000 * (packet.at - before.at) - 1000 * step / clock_hz) - jitter) / 16
        jitters.append(jitter)
        before = packet
    return sum(jitters) / max(1, len(jitters)), max(jitters, default=0.0)


def count_sequence(numbers: list[int]) -> tuple[int, int, int]:
    """Return packets, lost and reordered of 16-bit sequence numbers as they came; copies of the latest do not count.

    Examples
    --------
    >>> count_sequence([65534, 65535, 1, 0, 0, 1, 3])
    (7, 0, 2)
    """
    highest = numbers[0]
    received, reordered, copies = 1, 0, 0
    for number in numbers[1:]:
        step = (number - highest) % SEQUENCES
        copies += step == 0
        received += step != 0
        reordered += step >= SEQUENCES // 2
        highest += step if step < SEQUENCES // 2 else 0
    return len(numbers), highest - numbers[0] + 1 - received, reordered


def our_media(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return FLOW[n] and MEDIA[k] of a capture; ``media["flow"]`` points into the flows."""
    meter = FlowMeter(SETTINGS)
    source = open_source([str(path)])
    flows, media, count = [], [], 0

    def batches() -> Iterator[FlowBatch]:
        for block in source.blocks():
            yield from meter.add(block.data, block.refs, block.first_frame)
        yield from meter.drain()

    try:
        for batch in batches():
            flows.append(batch.flows.copy())
            media.append(batch.media.copy())
            media[-1]["flow"] += count
            count += len(batch.flows)
    finally:
        source.close()
    return np.concatenate(flows), np.concatenate(media)


def compare(
    path: Path, flows: np.ndarray, media: np.ndarray, listed: dict[Key, list[Listed]], totals: Counter[str]
) -> None:
    """Print the streams in which tshark and we differ, and count all."""
    theirs = dict(tshark_rows(path))
    for one in media:
        flow = flows[one["flow"]]
        port = int(flow["sport"] if one["direction"] == 0 else flow["dport"])
        their = theirs.get((int(one["ssrc"]), port))
        if their is None or not one["jitter_packets"] or one["payload_type"] >= 96:
            continue
        mean = one["jitter_sum_ns"] / one["jitter_packets"] / 1e6
        largest = one["jitter_max_ns"] / 1e6
        totals["streams compared"] += 1
        same_loss = int(one["packets"] + one["duplicates"]) == their.packets and (
            int(one["expected"]) - int(one["packets"]) == their.lost
        )
        totals["packets and loss equal"] += same_loss
        totals["largest jitter within 1 %"] += _near(largest, their.jitter_max)
        with_noise = COMFORT_NOISE in their.note
        totals["mean jitter within 1 %, streams without comfort noise"] += not with_noise and _near(
            mean, their.jitter_mean
        )
        totals["streams without comfort noise"] += not with_noise
        reason = next((words for words, shows in REASONS.items() if shows(their)), "not explained")
        by_hand = jitter_of(listed[int(one["ssrc"]), port], float(one["clock_hz"]))
        if same_loss and _near(mean, by_hand[0]) and _near(largest, by_hand[1]):
            reason = "RFC 3550's formula over its own list of packets gives ours"
        if not (same_loss and _near(largest, their.jitter_max) and (with_noise or _near(mean, their.jitter_mean))):
            print(
                f"{path.name}: ssrc {one['ssrc']:#010x} {their.note}: packets {one['packets']} lost "
                f"{int(one['expected']) - int(one['packets'])} jitter {mean:.3f}/{largest:.3f} ms; tshark "
                f"{their.packets} {their.lost} {their.jitter_mean}/{their.jitter_max}: {reason}"
            )
            totals[f"differ, {reason}"] += 1


def compare_listed(
    path: Path, flows: np.ndarray, media: np.ndarray, listed: dict[Key, list[Listed]], totals: Counter[str]
) -> None:
    """Print the streams whose loss or reordering differs from the count over tshark's list, and count all."""
    counts = {key: count_sequence([packet.sequence for packet in packets]) for key, packets in listed.items()}
    for one in media:
        flow = flows[one["flow"]]
        key = int(one["ssrc"]), int(flow["sport"] if one["direction"] == 0 else flow["dport"])
        theirs = counts.get(key)
        if theirs is None or theirs[0] != one["packets"] + one["duplicates"]:
            continue
        ours = (theirs[0], int(one["expected"]) - int(one["packets"]), int(one["reordered"]))
        if ours != theirs and (left_out := count_carrying(path, key) - theirs[0]) > 0:
            print(f"{path.name}: ssrc {key[0]:#010x}: left out, tshark takes {left_out} of its packets for no RTP")
            continue
        totals["streams listed"] += 1
        totals["loss and reordering as listed"] += ours == theirs
        if ours != theirs:
            print(f"{path.name}: ssrc {key[0]:#010x} packets, lost, reordered {ours}; listed {theirs}")


def _near(ours: float, theirs: float) -> bool:
    return abs(ours - theirs) <= JITTER_TOLERANCE * theirs + JITTER_ROUNDING_MS


def main() -> int:
    """Compare all captures with calls; return 1 when a difference has no reason."""
    corpus = Path(os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
    totals: Counter[str] = Counter()
    clocks: dict[tuple[str, int], Counter[int]] = defaultdict(Counter)
    for capture in captures_of(corpus):
        if not any(truth.label.kind == Kind.CALL_MEDIA for truth in capture.flows.values()):
            continue
        try:
            flows, media = our_media(capture.path)
        except CaptureError as error:
            print(f"{capture.name}: {error}")
            continue
        media = media[media["packets"] > 0]
        listed = listed_packets(capture.path)
        compare(capture.path, flows, media, listed, totals)
        compare_listed(capture.path, flows, media, listed, totals)
        for one in media:
            truth = capture.flows.get(key_of(flows[one["flow"]]))
            long_enough = one["last_ns"] - one["first_ns"] >= LONG_NS and one["packets"] >= 16
            if truth is not None and truth.label.kind == Kind.CALL_MEDIA and long_enough:
                app = APP_NAMES[truth.label.app].replace("skype", "teams")
                clocks[app, int(one["payload_type"])][round(float(one["clock_hz"]))] += 1
    print()
    right = known = 0
    for (app, payload_type), found in sorted(clocks.items()):
        wanted = 8000 if payload_type in STATIC_8000 else KNOWN_HZ.get((app, payload_type))
        listed = ", ".join(f"{clock} Hz: {count}" for clock, count in found.most_common())
        print(f"{app} type {payload_type}: {listed}" + ("" if wanted else "  (no known clock)"))
        if wanted:
            right, known = right + found[wanted], known + sum(found.values())
    print()
    for name, count in totals.items():
        print(f"{name}: {count}")
    print(f"clock right: {right} of {known} streams of 2 s or more ({right / max(known, 1):.1%})")
    unexplained = totals["differ, not explained"] + totals["streams listed"] - totals["loss and reordering as listed"]
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
