"""Host module: ``flowclass model``: the model bundles at hand, shown, listed and verified."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flowclass.errors import ModelError

SUMMARY = "show, list or verify model bundles"
DESCRIPTION = (
    "show prints a bundle's card; list names the bundles beside the shipped one; verify loads bundles, which checks "
    "hashes, arrays and feature schema. A bundle is a folder; the shipped one is meant when none is named."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("show", "list", "verify"))
    parser.add_argument("bundle", nargs="*", metavar="DIR", type=Path, help="folder of a bundle")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; return the exit code."""
    from flowclass.model.bundle import CARD, MANIFEST, ModelBundle, default_folder

    folders = arguments.bundle or [default_folder()]
    if arguments.action == "list":
        folders = arguments.bundle or sorted(path.parent for path in default_folder().parent.glob(f"*/{MANIFEST}"))
    failures = 0
    for folder in folders:
        try:
            if arguments.action == "show":
                print(_card(folder / CARD), end="")
                continue
            bundle = ModelBundle.load(folder)
            classes = ", ".join(str(label) for label in bundle.labels)
            print(f"{folder}: {bundle.name}, {len(bundle.forest.roots)} trees, {len(bundle.labels)} classes: {classes}")
        except ModelError as error:
            failures += 1
            print(f"flowclass: {error}", file=sys.stderr)
    return 1 if failures else 0


def _card(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
