"""Host module: ``python -m bench.concurrent``: 100,000 calls at once, with calls and quality on beside off.

Writes the ``calls`` workload with so many calls, one a client, all in progress at the same time and each long enough to
be rated, and reads it with ``flowclass analyze`` in processes of their own, with ``--calls`` and without it in turn.
Prints peak resident memory, CPU time a packet, what a call costs by stage, and the calls that were counted. Exit code
1: calls are missing or without a MOS, or memory passed the limit.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.callstages import stages_of
from bench.workloads import calls, catalog
from flowclass.flow.state import MeterSettings

LIMIT_BYTES = 2 << 30
#: Of media each way: quality is stated from two seconds on (calls.streams), and frames come with jitter.
MEDIA_S = 2.3
BYTES_PER_KIB, MIB = 1024, 1 << 20
NS_PER_S, US_PER_S = 1e9, 1e6
#: Packets of a call of three minutes in frames of 20 ms both ways.
USUAL_PACKETS = 18_000


@dataclass(frozen=True)
class Run:
    """One run of flowclass: CPU seconds of the process and its peak resident memory."""

    cpu_s: float
    peak_bytes: int


def measured(command: list[str]) -> Run:
    """Run a command to its end.

    Raises
    ------
    SystemExit
        It failed.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode} of {' '.join(command)}")
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * BYTES_PER_KIB)


def count_calls(path: Path) -> tuple[int, int, float]:
    """Return calls of a CSV file, those with a MOS, and their minutes of talk."""
    found = rated = 0
    talk_s = 0.0
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            found += int(row["media_flows"]) > 0
            rated += row["mos_low"] != ""
            talk_s += float(row["talk_s"])
    return found, rated, talk_s / 60


def main() -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.concurrent", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="of each; medians are printed")
    parser.add_argument("--folder", type=Path, default=catalog.default_folder(), help="3.3 GB for 100,000 calls")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        capture, config, records = (Path(name) / file for file in ("calls.pcap", "flowclass.toml", "calls.csv"))
        set_up = sum(kind.share * len(kind.steps) for kind in calls.KINDS) * options.calls
        rate = sum(kind.share * 2000 / kind.frame_ms for kind in calls.KINDS) * options.calls
        # In a process of its own: the kernel counts what the parent once held to the peak of its children.
        with ProcessPoolExecutor(1) as apart:
            asked = round(rate * MEDIA_S + set_up)
            flows = apart.submit(calls.write, capture, asked, catalog.SEED, options.calls, 1).result()
        packets, size = catalog.count_packets(capture)
        print(
            f"{options.calls:,} calls, {flows:,} flows, {packets:,} packets, {size / 1e9:.2f} GB of frames, "
            f"written in {time.perf_counter() - began:.0f} s",
            flush=True,
        )
        settings = MeterSettings(max_flows=2 * flows, max_streams=4 * options.calls, seed=1)
        config.write_text(
            f"[meter]\nmax_flows = {settings.max_flows}\nmax_streams = {settings.max_streams}\nseed = {settings.seed}\n"
        )
        analyze = [sys.executable, "-m", "flowclass", "analyze", str(capture), "--quiet", "--config", str(config)]
        measured([*analyze, "--filter", "less 1"])  # compiles the kernels
        off, on = [], []
        for _ in range(options.runs):
            off.append(measured(analyze))
            on.append(measured([*analyze, "--calls", str(records)]))
        found, rated, minutes = count_calls(records)
        with ProcessPoolExecutor(1) as apart:
            stages = apart.submit(stages_of, str(capture), str(records), settings).result()
    report(packets, options.calls, off, on)
    parts = ", ".join(f"{name} {seconds * US_PER_S / options.calls:.0f}" for name, seconds in stages.items())
    print(f"of it, in a run of its own: {parts} us a call")
    print(f"calls counted: {found:,} of {options.calls:,}, with a MOS {rated:,}, {minutes:,.0f} minutes of talk")
    peak = max(run.peak_bytes for run in on)
    return 0 if found == rated == options.calls and peak < LIMIT_BYTES else 1


def report(packets: int, call_count: int, off: list[Run], on: list[Run]) -> None:
    """Print memory and time of both, and what the calls cost."""
    for name, runs in (("calls off", off), ("calls on", on)):
        cpu_s = median(run.cpu_s for run in runs)
        print(
            f"{name:9}  peak resident {max(run.peak_bytes for run in runs) / MIB:6,.0f} MiB  CPU {cpu_s:6.2f} s  "
            f"{cpu_s * NS_PER_S / packets:5.0f} ns a packet  {packets / cpu_s / 1e6:5.2f} M packets/s"
        )
    extra_s = median(one.cpu_s - other.cpu_s for one, other in zip(on, off, strict=True))
    print(f"calls cost {extra_s * US_PER_S / call_count:.0f} us a call, whatever its length: once, when it ends")
    off_ns = median(run.cpu_s for run in off) * NS_PER_S / packets
    for length in (packets // call_count, USUAL_PACKETS):
        on_ns = off_ns + extra_s * NS_PER_S / call_count / length
        print(f"calls of {length:6,} packets: {on_ns:5.0f} ns a packet with calls on, {on_ns / off_ns:.2f} times off")


if __name__ == "__main__":
    sys.exit(main())
