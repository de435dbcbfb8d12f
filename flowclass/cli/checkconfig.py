"""Host module: ``flowclass check-config``: whether a settings file can be used, and a sample of one."""

from __future__ import annotations

import argparse

SUMMARY = "check a settings file, or print a sample"
DESCRIPTION = (
    "Check a settings file as the service would read it, with the files that it names and the variables of the "
    "environment; --sample prints one with all defaults."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("config", nargs="?", metavar="FILE", help="settings in TOML")
    parser.add_argument("--sample", action="store_true", help="print a settings file that says all defaults")


def run(arguments: argparse.Namespace) -> int:
    """Check the file; return the exit code."""
    from flowclass.config.load import sample
    from flowclass.errors import UsageError

    if arguments.sample:
        print(sample(), end="")
        return 0
    if arguments.config is None:
        raise UsageError("name a settings file, or ask for --sample")
    from flowclass.daemon.settings import ServiceSettings
    from flowclass.daemon.usable import ensure_usable

    ensure_usable(ServiceSettings.read(arguments.config))
    print(f"{arguments.config}: ok")
    return 0
