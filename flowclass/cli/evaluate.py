"""Host module: ``flowclass evaluate``: score a bundle on labelled captures or on a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flowclass.cli.train import tell
from flowclass.errors import UsageError

if TYPE_CHECKING:
    from flowclass.model.bundle import ModelBundle

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
    parser.add_argument(
        "--peer",
        action="append",
        choices=("nfstream", "ndpi"),
        help="ask this classifier too, about the same flows of --corpus; may be given twice",
    )
    parser.add_argument(
        "--views", metavar="NAMES", help="with --peer: views by name, parted by commas (default: seven of them)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def run(arguments: argparse.Namespace) -> int:
    """Score and print the report; return the exit code."""
    from flowclass.model.bundle import ModelBundle, load_default
    from flowclass.training.run import evaluate
    from flowclass.training.samples import quiet

    progress = quiet if arguments.quiet else tell
    bundle = ModelBundle.load(arguments.model) if arguments.model else load_default()
    if arguments.peer:
        return _compare(bundle, arguments, progress)
    report = evaluate(bundle, arguments.corpus, arguments.table, progress)
    print(report.to_json() if arguments.json else report.to_markdown(), end="")
    return 0


def _compare(bundle: ModelBundle, arguments: argparse.Namespace, progress: Callable[[str], None]) -> int:
    """Put the peers' labels beside ours and print the tables."""
    import json

    from flowclass.model.bundle import default_folder
    from flowclass.training.peers.compare import DEFAULT_VIEWS, compare
    from flowclass.training.run import table_beside

    if arguments.corpus is None or arguments.table is not None:
        raise UsageError("--peer needs --corpus: a table has no packets that a peer could read")
    views = arguments.views.split(",") if arguments.views else DEFAULT_VIEWS
    trained_on = table_beside(arguments.model or default_folder())
    found = compare(bundle, arguments.corpus, arguments.peer, progress, views=views, trained_on=trained_on)
    print(json.dumps(found.as_json(), indent=1) if arguments.json else "\n".join(found.to_markdown()))
    return 0
