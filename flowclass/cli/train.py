"""Host module: ``flowclass train``: a model bundle from labelled captures, or again from a shipped table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SUMMARY = "train a model bundle"
DESCRIPTION = (
    "Train from a folder of labelled captures (index.csv, flows.csv and captures/), or from a feature table. With "
    "neither, the table shipped beside the default bundle is taken, and the same bundle comes out, byte for byte."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="labelled captures")
    parser.add_argument("--table", type=Path, metavar="FILE", help="feature table (table.npz of a bundle)")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder of the new bundle")
    parser.add_argument("--no-baseline", action="store_true", help="leave out the nearest neighbours, half of the time")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def tell(line: str) -> None:
    """Write a line of progress."""
    print(f"flowclass: {line}", file=sys.stderr)


def run(arguments: argparse.Namespace) -> int:
    """Train and print the report; return the exit code."""
    from flowclass.training.run import train
    from flowclass.training.samples import quiet

    progress = quiet if arguments.quiet else tell
    baseline = not arguments.no_baseline
    report = train(arguments.corpus, arguments.table, arguments.out, progress, baseline=baseline)
    print(report.to_markdown(), end="")
    return 0
