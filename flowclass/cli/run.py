"""Host module: ``flowclass run``: the service."""

from __future__ import annotations

import argparse
import gc

#: New objects after which the service looks for garbage in cycles: fewer than commands that end do, because what a
#: server leaves with each answer would else add up to a hundred megabytes.
GARBAGE_EVERY = 50_000
SUMMARY = "label the flows of a network interface, without end"
DESCRIPTION = (
    "Capture from an interface (Linux, CAP_NET_RAW), name the application of every flow, write records and serve "
    "metrics. SIGTERM stops it in order: every live flow becomes a record. SIGHUP reads the settings again."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--config", metavar="FILE", help="settings in TOML; variables and options here win over it")
    parser.add_argument("--interface", metavar="NAME", help="network interface")
    parser.add_argument("--flows", metavar="FILE", help="write flow records; %%Y %%m %%d %%H %%M begin new files")
    parser.add_argument("--calls", metavar="FILE", help="write call records, likewise")
    parser.add_argument("--listen", metavar="ADDRESS:PORT", help="where /metrics is served; empty for nowhere")


def run(arguments: argparse.Namespace) -> int:
    """Run the service; return the exit code."""
    from flowclass.cli.progress import announce_compilation
    from flowclass.daemon.service import Service
    from flowclass.daemon.settings import ServiceSettings

    gc.set_threshold(GARBAGE_EVERY)
    announce_compilation(quiet=False)
    service = Service(
        lambda: ServiceSettings.read(
            arguments.config,
            interface=arguments.interface,
            flows=arguments.flows,
            calls=arguments.calls,
            listen=arguments.listen,
        )
    )
    return service.run()
