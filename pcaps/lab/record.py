"""Host module: ``python -m pcaps.lab.record [NAME...]`` records what the laboratory has to offer, and its labels.

Each Talk becomes ``NAME.pcap`` beside this file; ``labels.csv`` has a row a flow, in the form of ``pcaps/labels.csv``.
Needs root, and the programs that each talk names: docs/how-to/record-in-the-laboratory.md.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dpkt

from pcaps.craft import LABEL_COLUMNS
from pcaps.lab.net import LabError, why_not, wire
from pcaps.lab.talks import TALKS, Label, Talk

FOLDER = Path(__file__).parent
LABELS = FOLDER / "labels.csv"
PORTS = {6: dpkt.tcp.TCP, 17: dpkt.udp.UDP}
#: What no Talk labels: routing messages and the like.
NO_LABEL: Label = ("", "unknown")

Ends = tuple[str, int, str, int]


def flows_of(path: Path) -> list[dict[str, Any]]:
    """Return a row for each biflow of UDP or TCP in a recording, all columns but application and kind."""
    flows: dict[tuple[int, Ends], dict[str, Any]] = {}
    with path.open("rb") as file:
        for at, frame in dpkt.pcap.Reader(file):
            packet = dpkt.ethernet.Ethernet(frame).data
            if not isinstance(packet, dpkt.ip.IP) or packet.p not in PORTS:
                continue
            # Cut frames have less than their headers say, which dpkt does not mind.
            transport = packet.data
            src, dst = ".".join(map(str, packet.src)), ".".join(map(str, packet.dst))
            forward = (packet.p, (src, transport.sport, dst, transport.dport))
            backward = (packet.p, (dst, transport.dport, src, transport.sport))
            key = backward if backward in flows else forward
            row = flows.setdefault(key, {
                "group": "own", "proto": packet.p, "src": src, "sport": transport.sport, "dst": dst,
                "dport": transport.dport, "packets": 0, "bytes": 0, "fwd_packets": 0, "rev_packets": 0, "first": at,
            })  # fmt: skip
            row["packets"] += 1
            row["bytes"] += packet.len
            row["fwd_packets" if key == forward else "rev_packets"] += 1
            row["last"] = at
    return list(flows.values())


def label_of(talk: Talk, flow: dict[str, Any]) -> Label:
    """Return what the talk says of a flow."""
    for port in (flow["dport"], flow["sport"], 0):
        if (flow["proto"], port) in talk.labels:
            return talk.labels[flow["proto"], port]
    return NO_LABEL


def rows_of(name: str, talk: Talk, path: Path) -> list[dict[str, Any]]:
    """Return the rows of ``labels.csv`` for a recording."""
    rows = []
    for flow in flows_of(path):
        first, last = flow.pop("first"), flow.pop("last")
        app, kind = label_of(talk, flow)
        more = {"capture": f"{name}.pcap", "start_ts": f"{first:.6f}", "duration": f"{last - first:.6f}"}
        rows.append({**flow, **more, "app": app, "kind": kind})
    return rows


def record(name: str, talk: Talk, path: Path) -> list[dict[str, Any]]:
    """Let a talk happen and record it; return its rows of labels.

    Raises
    ------
    LabError
        A program is missing or failed.
    """
    missing = why_not(*talk.programs)
    if missing:
        raise LabError(missing)
    with tempfile.TemporaryDirectory() as scratch, wire(Path(scratch)) as hosts:
        part = Path(scratch) / "recording.pcap"
        with hosts.record(part, talk.snap_bytes):
            talk.play(hosts)
        path.write_bytes(part.read_bytes())
    return rows_of(name, talk, path)


def write_labels(fresh: dict[str, list[dict[str, Any]]]) -> None:
    """Write ``labels.csv`` anew: fresh rows, and those of recordings that were not made again."""
    kept: list[dict[str, Any]] = []
    if LABELS.exists():
        with LABELS.open(newline="") as file:
            kept = [row for row in csv.DictReader(file) if Path(row["capture"]).stem not in fresh]
    rows = kept + [row for rows in fresh.values() for row in rows]
    with LABELS.open("w", newline="") as file:
        writer = csv.DictWriter(file, LABEL_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: str(row["capture"])))


def main(arguments: Sequence[str] | None = None) -> int:
    """Record; return 1 when a talk failed."""
    parser = argparse.ArgumentParser(prog="python -m pcaps.lab.record", description=__doc__.partition(": ")[2])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TALKS)}; all when none is given")
    names = parser.parse_args(arguments).names or list(TALKS)
    unknown = [name for name in names if name not in TALKS]
    if unknown:
        parser.error(f"no such recording: {', '.join(unknown)}")
    fresh: dict[str, list[dict[str, Any]]] = {}
    failed = False
    for name in names:
        path = FOLDER / f"{name}.pcap"
        try:
            fresh[name] = record(name, TALKS[name], path)
            print(f"{name}: {path.stat().st_size:,} bytes, {len(fresh[name])} flows")
        except LabError as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
    write_labels(fresh)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
