"""Host module: ``python -m bench.peers``: flowclass beside its peers on generated and replayed traffic.

Every contender gets the same core. Runs are interleaved, so that a slow minute of the machine is everybody's; each
round times a start-up run on the first thousand packets, then the whole workload.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.peers import contenders, report
from bench.peers.contenders import Contender
from bench.peers.measure import Cost, run
from bench.workloads import catalog

WORKLOADS = ("calls", "corpus", "flood")
#: ndpiReader 4 answers 0 even to an unreadable file, so its output is checked instead; flowclass may say 3, partial.
GOOD_CODES = (0, 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison; return 1 when a result was wrong, 2 when a contender is missing."""
    options = _options(arguments)
    chosen, absent = contenders.available(options.contenders)
    for reason in absent:
        print(f"bench.peers: {reason}", file=sys.stderr)
    if absent:
        return 2
    cores = sorted(os.sched_getaffinity(0))
    core = cores[-1] if options.core is None else options.core
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores) - {core})
    about = {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "core": core,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": [contender.version() for contender in chosen],
        "load_before": os.getloadavg()[0],
        "runs": options.runs,
    }
    print(*(f"{key}: {value}" for key, value in about.items()), sep="\n")
    found = []
    for name in options.workload:
        results = compare(name, chosen, options, core)
        print(*report.lines(name, results), sep="\n", flush=True)
        found += results
        if options.json:
            options.json.write_text(json.dumps({**about, "results": [r.summary() for r in found]}, indent=1) + "\n")
    return 1 if any(runs.faults for runs in found) else 0


def compare(name: str, chosen: Sequence[Contender], options: argparse.Namespace, core: int) -> list[report.Runs]:
    """Run all contenders on one workload, interleaved."""
    results = []
    for contender in chosen:
        which = contender.flood if name == "flood" else name
        workload = catalog.obtain(which, options.folder, options.packets, options.seed)
        results.append(report.Runs(contender.name, workload))
        if contender.check_command is not None:
            # Also warms the kernel cache.
            checked = needed(contender, run(contender.check_command(workload.path), core, keep_output=True))
            results[-1].judge(contender, checked)
            _say(f"{name}: {contender.name} checked in {checked.wall_s:.1f} s")
    for turn in range(options.runs):
        for i in range(len(chosen)):
            contender, runs = chosen[(i + turn) % len(chosen)], results[(i + turn) % len(chosen)]
            keep = contender.check_command is None
            for path, costs in ((runs.workload.start, runs.start), (runs.workload.path, runs.whole)):
                costs.append(needed(contender, run(contender.command(path), core, keep_output=keep)))
            if keep:
                runs.judge(contender, runs.whole[-1])
            _say(f"{name}: {contender.name} run {turn + 1}: {runs.whole[-1].cpu_s:.2f} s CPU")
    return results


def needed(contender: Contender, cost: Cost) -> Cost:
    """Return the cost of a run that went well; end the program on one that did not."""
    if cost.code not in GOOD_CODES:
        raise SystemExit(f"bench.peers: {contender.name} ended with {cost.code}:\n{cost.stderr[-2000:]}")
    return cost


def cpu_model() -> str:
    """Return the processor's name as the kernel gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    def names(allowed: Sequence[str]):  # type: ignore[no-untyped-def]
        def parse(text: str) -> list[str]:
            chosen = text.split(",")
            if not set(chosen) <= set(allowed):
                raise argparse.ArgumentTypeError(f"choose from {', '.join(allowed)}")
            return chosen

        return parse

    everybody = [contender.name for contender in contenders.ALL]
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--workload", type=names(WORKLOADS), default=list(WORKLOADS), help="calls,corpus,flood")
    parser.add_argument("--contenders", type=names(everybody), default=everybody, help=",".join(everybody))
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each; the median counts")
    parser.add_argument("--packets", type=int, help="size of each workload instead of 5 M (flood-1m: 1 M)")
    parser.add_argument("--folder", type=Path, default=catalog.default_folder(), help="where workloads are kept")
    parser.add_argument("--seed", type=int, default=catalog.SEED)
    parser.add_argument("--core", type=int, help="the core that contenders run on (default: the last)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
