"""Host module: ``flowclass doctor``: look whether this machine can run the service, and say what to do."""

from __future__ import annotations

import argparse

SUMMARY = "look whether this machine can run the service"
DESCRIPTION = (
    "Look at permissions, interface, offloads, ring, compiled kernels, model, clock and disk, and print each finding "
    "with its remedy. Changes nothing. The exit code is 1 when something keeps the service from running."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--config", metavar="FILE", help="settings of the service")
    parser.add_argument("--interface", metavar="NAME", help="interface to look at; wins over the file")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; return the exit code."""
    from flowclass.daemon.doctor import Level, examine
    from flowclass.daemon.settings import ServiceSettings

    settings = ServiceSettings.read(arguments.config, interface=arguments.interface)
    failed = False
    for finding in examine(settings):
        failed |= finding.level == Level.FAILURE
        print(f"{finding.level:8} {finding.what}: {finding.text}")
        if finding.remedy:
            print(f"{'':8} → {finding.remedy}")
    return 1 if failed else 0
