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

#: Kinds of report.
ENDINGS = (".json", ".html", ".md")
SUMMARY = "score a model bundle on labelled captures"
DESCRIPTION = (
    "Score product and model on a folder of labelled captures or on a feature table (the shipped one when neither is "
    "named). A folder holds index.csv, flows.csv and captures/; a CSV of flows stands beside the captures it names. "
    "Flows of a capture group that the bundle was trained on are judged by forests that did not see the group, as long "
    "as the training table lies beside the bundle."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--model", metavar="BUNDLE", help="bundle to score; the shipped one by default")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="labelled captures: a folder, or a CSV of flows")
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
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="write the report too; the ending decides: .json, .md or .html (one file, with plots); may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    parser.add_argument("--quiet", action="store_true", help="no progress on stderr")


def run(arguments: argparse.Namespace) -> int:
    """Score and print the report; return the exit code."""
    from flowclass.model.bundle import ModelBundle
    from flowclass.model.choice import default_folder, find_bundle
    from flowclass.training.page import page_of
    from flowclass.training.run import evaluate, table_beside
    from flowclass.training.samples import quiet

    for path in arguments.write:
        if path.suffix not in ENDINGS:
            raise UsageError(f"{path}: a report ends in {', '.join(ENDINGS)}")
    progress = quiet if arguments.quiet else tell
    folder = find_bundle(arguments.model) if arguments.model else default_folder()
    bundle = ModelBundle.load(folder)
    if arguments.peer:
        texts = _compared(bundle, folder, arguments, progress)
    else:
        report = evaluate(bundle, arguments.corpus, arguments.table, progress, trained_on=table_beside(folder))
        texts = {".json": report.to_json, ".md": report.to_markdown, ".html": lambda: page_of(report)}
    for path in arguments.write:
        path.write_text(texts[path.suffix](), encoding="utf-8")
    print(texts[".json" if arguments.json else ".md"](), end="")
    return 0


def _compared(
    bundle: ModelBundle, folder: Path, arguments: argparse.Namespace, progress: Callable[[str], None]
) -> dict[str, Callable[[], str]]:
    """Put the peers' labels beside ours; return how each kind of report is written."""
    import json

    from flowclass.training.page import comparison_page
    from flowclass.training.peers.compare import DEFAULT_VIEWS, compare
    from flowclass.training.run import table_beside

    if arguments.corpus is None or arguments.table is not None:
        raise UsageError("--peer needs --corpus: a table has no packets that a peer could read")
    views = arguments.views.split(",") if arguments.views else DEFAULT_VIEWS
    found = compare(bundle, arguments.corpus, arguments.peer, progress, views=views, trained_on=table_beside(folder))
    return {
        ".json": lambda: json.dumps(found.as_json(), indent=1) + "\n",
        ".md": lambda: "\n".join(found.to_markdown()) + "\n",
        ".html": lambda: comparison_page(f"{bundle.name} and its peers", found),
    }
