"""Host module: ``flowclass model``: the model bundles at hand, listed, shown, verified and chosen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from flowclass.errors import ModelError, UsageError

SUMMARY = "list, show, verify or choose model bundles"
DESCRIPTION = (
    "list names the bundles at hand and marks the one in use; show prints a bundle's card; verify loads bundles, which "
    "checks hashes, arrays and feature schema; use makes a bundle the one that commands and the service take when none "
    "is named. A bundle is a folder, or the name of a shipped one; show and verify mean the one in use when none is "
    "named."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=("list", "show", "verify", "use"))
    parser.add_argument("bundle", nargs="*", metavar="BUNDLE", help="name or folder of a bundle")
    parser.add_argument("--site", action="store_true", help="use: choose for the machine and its service, not for you")
    parser.add_argument("--default", action="store_true", help="use: take your choice back")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; return the exit code."""
    if arguments.action == "use":
        return _use(arguments)
    from flowclass.model.choice import default_folder, shipped_bundles

    if arguments.action == "list":
        return _each(_line, arguments.bundle or shipped_bundles())
    act = _show if arguments.action == "show" else _verify
    return _each(act, arguments.bundle or [default_folder()])


def _use(arguments: argparse.Namespace) -> int:
    from flowclass.model.bundle import ModelBundle
    from flowclass.model.choice import choice, choose

    if arguments.default == bool(arguments.bundle) or len(arguments.bundle) > 1:
        raise UsageError("use takes one bundle, or --default")
    if arguments.bundle:
        ModelBundle.load(arguments.bundle[0])
    file = choose(arguments.bundle[0] if arguments.bundle else None, site=arguments.site)
    name, by = choice()
    print(f"{file}: {'written' if arguments.bundle else 'removed'}; in use is {name} (chosen by {by})")
    return 0


def _each(act: Callable[[str | Path], None], bundles: Sequence[str | Path]) -> int:
    failures = 0
    for bundle in bundles:
        try:
            act(bundle)
        except ModelError as error:
            failures += 1
            print(f"flowclass: {error}", file=sys.stderr)
    return 1 if failures else 0


def _line(bundle: str | Path) -> None:
    """Print a bundle's name, what it is for and where it lies, with a star before the one in use."""
    from flowclass.model.bundle import ModelBundle
    from flowclass.model.choice import default_folder, find_bundle

    folder = find_bundle(bundle)
    try:
        in_use = folder.resolve() == default_folder().resolve()
    except ModelError:
        in_use = False
    loaded = ModelBundle.load(folder)
    doc = (loaded.manifest.get("pack") or {}).get("doc") or "no date"
    print(f"{'*' if in_use else ' '} {loaded.name}\t{doc}\t{folder}")


def _show(bundle: str | Path) -> None:
    from flowclass.model.bundle import CARD
    from flowclass.model.choice import find_bundle

    path = find_bundle(bundle) / CARD
    try:
        print(path.read_text(encoding="utf-8"), end="")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error


def _verify(bundle: str | Path) -> None:
    from flowclass.model.bundle import ModelBundle
    from flowclass.model.choice import find_bundle

    folder = find_bundle(bundle)
    loaded = ModelBundle.load(folder)
    classes = ", ".join(str(label) for label in loaded.labels)
    print(
        f"{folder}: {loaded.name}, sha256 {loaded.identity[1]}, {len(loaded.forest.roots)} trees, "
        f"{len(loaded.labels)} classes: {classes}"
    )
