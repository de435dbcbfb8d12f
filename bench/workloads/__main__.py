"""Host module: ``python -m bench.workloads NAME…`` writes workloads and prints where they are."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from bench.workloads import catalog


def main() -> None:
    """Write the named workloads."""
    parser = argparse.ArgumentParser(prog="python -m bench.workloads", description=__doc__)
    parser.add_argument("names", nargs="+", choices=catalog.NAMES)
    parser.add_argument("--folder", type=Path, default=catalog.default_folder(), help="not in the repository")
    parser.add_argument("--packets", type=int, help="at least so many; default: 5 M, flood-1m 1 M")
    parser.add_argument("--seed", type=int, default=catalog.SEED)
    options = parser.parse_args()
    for name in options.names:
        began = time.perf_counter()
        made = catalog.obtain(name, options.folder, options.packets, options.seed)
        print(f"{made.path}  {made.packets:,} packets  {made.bytes:,} bytes  {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
