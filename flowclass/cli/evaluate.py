"""Host module: ``flowclass evaluate``: score a bundle on labelled captures or on a table."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowclass.cli.train import tell

SUMMARY = "score a model bundle on labelled captures"
DESCRIPTION = (
    "Score product and model on a folder of labelled captures or on a feature table (the shipped one when neither is "
    "named). Scores on what a bundle was trained on flatter it: the held-out ones are in its card, `flowclass model "
    "show`."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--model", type=Path, metavar="DIR", help="bundle to score; the shipped one by default")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="labelled captures")
    parser.add_argument("--table", type=Path, metavar="FILE", help="feature table (table.npz of a bundle)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def run(arguments: argparse.Namespace) -> int:
    """Score and print the report; return the exit code."""
    from flowclass.model.bundle import ModelBundle, load_default
    from flowclass.training.run import evaluate
    from flowclass.training.samples import quiet

    bundle = ModelBundle.load(arguments.model) if arguments.model else load_default()
    report = evaluate(bundle, arguments.corpus, arguments.table, quiet if arguments.quiet else tell)
    print(report.to_json() if arguments.json else report.to_markdown(), end="")
    return 0
