"""Analyse every capture of the corpus and check each account: ``python -m tests.e2e.corpus [FOLDER]``.

For each capture: no exception, packets read = metered + ignored (bytes likewise), packets of the records = packets
metered, packets read = the packets that the corpus' index counts, and the run is partial only when a problem is named.
"""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flowclass.errors import FlowclassError
from flowclass.pipeline import analyze
from flowclass.record.status import Anomaly, Status


def check(path: Path, expected_packets: int | None) -> tuple[list[str], Counter[str]]:
    """Analyse one capture; return what is wrong with the outcome, and counts for the summary."""
    recorded = np.zeros(2, np.int64)
    counts: Counter[str] = Counter()

    def take(flows: np.ndarray, verdicts: np.ndarray, capture: str) -> None:
        recorded[0] += int(flows["packets"].sum())
        recorded[1] += len(flows)

    try:
        result = analyze([str(path)], take)
    except FlowclassError as error:
        return [f"refused: {error}"], Counter(refused=1)
    stats = result.stats
    wrong = []
    read, metered = int(stats["packets_read"]), int(stats["packets_metered"])
    if read != metered + int(stats["ignored_packets"].sum()):
        wrong.append(f"packets: {read} read, {metered} metered, {int(stats['ignored_packets'].sum())} ignored")
    if int(stats["bytes_read"]) != int(stats["bytes_metered"]) + int(stats["ignored_bytes"].sum()):
        wrong.append("bytes do not balance")
    if recorded[0] != metered:
        wrong.append(f"{recorded[0]} packets in records, {metered} metered")
    if expected_packets is not None and read != expected_packets:
        wrong.append(f"{read} packets read, the index has {expected_packets}")
    if result.partial != bool(result.problems):
        wrong.append(f"partial is {result.partial}, problems are {result.problems}")
    counts.update(captures=1, packets=read, metered=metered, flows=int(recorded[1]), partial=int(result.partial))
    counts.update({f"ignored {Status(i).name}": int(n) for i, n in enumerate(stats["ignored_packets"]) if n})
    counts.update({f"anomaly {Anomaly(i).name}": int(n) for i, n in enumerate(stats["anomalies"]) if n})
    return wrong, counts


def captures(corpus: Path) -> Iterator[tuple[Path, int | None]]:
    """Yield (file, packets by the index) of every capture."""
    with (corpus / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield corpus / "captures" / row["path"], int(row["packets"]) if row["packets"] else None


def main(arguments: list[str]) -> int:
    """Check the whole corpus; return the number of captures with something wrong."""
    folder = Path(arguments[0] if arguments else os.environ.get("FLOWCLASS_CORPUS", "../shared/corpus"))
    total: Counter[str] = Counter()
    failures = 0
    for path, packets in captures(folder):
        wrong, counts = check(path, packets)
        total.update(counts)
        failures += bool(wrong)
        for line in wrong:
            print(f"{path.relative_to(folder)}: {line}")
    for name, number in total.items():
        print(f"{name:32} {number:>12,}")
    print(f"{failures} captures with something wrong")
    return failures


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
