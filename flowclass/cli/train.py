"""Host module: ``flowclass train``: a model bundle from labelled captures, or again from a shipped table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flowclass.errors import UsageError

SUMMARY = "train a model bundle"
DESCRIPTION = (
    "Train from labelled captures (a folder with index.csv, flows.csv and captures/, or a CSV of flows with its "
    "captures beside it), or from a feature table. With neither, the table shipped beside the default bundle is taken, "
    "and the same bundle comes out, byte for byte."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="labelled captures")
    parser.add_argument("--table", type=Path, metavar="FILE", help="feature table (table.npz of a bundle)")
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="PATH",
        action="append",
        default=[],
        help="labelled captures of your own (a folder like --corpus, or a CSV of flows), learnt beside the others; may "
        "be given more than once",
    )
    parser.add_argument(
        "--packs", action="store_true", help="train every dated pack that flowclass brings into folders below --out"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder of the new bundle")
    parser.add_argument("--no-baseline", action="store_true", help="leave out the nearest neighbours, half of the time")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def tell(line: str) -> None:
    """Write a line of progress."""
    print(f"flowclass: {line}", file=sys.stderr)


def run(arguments: argparse.Namespace) -> int:
    """Train and print the report; return the exit code."""
    from flowclass.training.run import train, train_packs
    from flowclass.training.samples import quiet

    progress = quiet if arguments.quiet else tell
    baseline = not arguments.no_baseline
    sources = (arguments.corpus, arguments.table, arguments.out, progress)
    if arguments.packs:
        if arguments.beside:
            raise UsageError("--packs makes what flowclass brings: a bundle with captures of your own has one --out")
        reports = train_packs(*sources, baseline=baseline)
    else:
        reports = [train(*sources, baseline=baseline, beside=arguments.beside)]
    print("\n".join(report.to_markdown() for report in reports), end="")
    return 0
