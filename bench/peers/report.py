"""Host module: medians of runs and the table of rates, whole process and net of start-up."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.peers.contenders import Contender, Seen
from bench.peers.measure import Cost
from bench.workloads.catalog import Workload


@dataclass
class Runs:
    """All runs of one contender on one workload."""

    contender: str
    workload: Workload
    seen: Seen = field(default_factory=lambda: Seen(0, 0))
    faults: list[str] = field(default_factory=list)
    whole: list[Cost] = field(default_factory=list)
    start: list[Cost] = field(default_factory=list)

    def judge(self, contender: Contender, cost: Cost) -> None:
        """Read a run's output and note what is wrong with it."""
        self.seen = contender.read_output(cost.stdout + cost.stderr)
        self.faults = contender.faults(self.seen, self.workload)

    def seconds(self, clock: str) -> tuple[float, float]:
        """Return the medians of whole runs and of start-up by ``wall_s`` or ``cpu_s``."""
        return median(getattr(c, clock) for c in self.whole), median(getattr(c, clock) for c in self.start)

    def rate(self, clock: str, *, net: bool) -> float:
        """Return packets a second; net of start-up, what the start-up run already covers is left out."""
        whole, start = self.seconds(clock)
        if not net:
            return self.workload.packets / whole
        return (self.workload.packets - self.workload.start_packets) / max(whole - start, 1e-9)

    @property
    def peak_rss_bytes(self) -> int:
        """Return the largest memory of any run."""
        return max(cost.peak_rss_bytes for cost in self.whole)

    def summary(self) -> dict[str, Any]:
        """Return everything measured, for ``--json``."""
        return {
            "contender": self.contender,
            "workload": self.workload.name,
            "packets": self.workload.packets,
            "packets_seen": self.seen.packets,
            "flows_seen": self.seen.flows,
            "faults": self.faults,
            "peak_rss_bytes": self.peak_rss_bytes,
            "runs": [{"wall_s": c.wall_s, "cpu_s": c.cpu_s} for c in self.whole],
            "start_runs": [{"wall_s": c.wall_s, "cpu_s": c.cpu_s} for c in self.start],
            "packets_per_second": {
                f"{clock.removesuffix('_s')}_{'net' if net else 'whole'}": self.rate(clock, net=net)
                for clock in ("wall_s", "cpu_s")
                for net in (False, True)
            },
        }


HEAD = (
    f"{'':11}{'packets':>11}{'flows':>11}{'wall s':>9}{'CPU s':>9}{'start s':>9}{'k/s whole':>11}{'k/s net':>11}"
    f"{'ns net':>9}{'spread':>8}{'RSS MiB':>9}"
)


def lines(name: str, results: list[Runs]) -> list[str]:
    """Return the table of one workload, rates by CPU time, and the ratios of flowclass to each peer."""
    out = [f"\n{name}", HEAD]
    for runs in results:
        wall, _ = runs.seconds("wall_s")
        cpu, start = runs.seconds("cpu_s")
        all_cpu = [cost.cpu_s for cost in runs.whole]
        net = runs.rate("cpu_s", net=True)
        out.append(
            f"{runs.contender:11}{runs.workload.packets:>11,}{runs.seen.flows:>11,}{wall:>9.2f}{cpu:>9.2f}{start:>9.2f}"
            f"{runs.rate('cpu_s', net=False) / 1e3:>11,.0f}{net / 1e3:>11,.0f}{1e9 / net:>9,.0f}"
            f"{(max(all_cpu) - min(all_cpu)) / cpu:>8.0%}{runs.peak_rss_bytes / 2**20:>9,.0f}"
        )
        out += [f"{'':11}WRONG: {fault}" for fault in runs.faults]
    ours = next((runs for runs in results if runs.contender == "flowclass"), None)
    for peer in results:
        if ours is not None and peer is not ours:
            ratios = {
                (clock, net): ours.rate(clock, net=net) / peer.rate(clock, net=net)
                for clock in ("cpu_s", "wall_s")
                for net in (True, False)
            }
            out.append(
                f"flowclass / {peer.contender}: {ratios['cpu_s', True]:.1f} times net of start-up, "
                f"{ratios['cpu_s', False]:.1f} whole process "
                f"(by wall time {ratios['wall_s', True]:.1f} and {ratios['wall_s', False]:.1f})"
            )
    return out
