"""Host module: ``flowclass top``: a running service, or an interface, on a terminal."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowclass.top.scrape import Scrape

SUMMARY = "watch a running service, or an interface, on a terminal"
DESCRIPTION = (
    "Show rates, calls by application, their quality and what was dropped, from the metrics of a running service. With "
    "--interface a service without records is run for as long as this lasts (Linux, CAP_NET_RAW). q ends it."
)
FAILURE = 1
#: Shortest time between two looks: rates over less say little.
SHORTEST_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--url", metavar="URL", help="address of the service (http://127.0.0.1:9799)")
    which.add_argument("--interface", metavar="NAME", help="capture from this interface meanwhile")
    parser.add_argument(
        "--http-config",
        metavar="FILE",
        help="basic_auth and tls_config for the service, in Prometheus' http_config form",
    )
    parser.add_argument("--interval", type=float, default=2.0, metavar="SECONDS", help="time between two looks (2)")
    parser.add_argument("--once", action="store_true", help="print one screen, with rates over one interval, and end")
    parser.add_argument("--no-color", action="store_true", help="no colours; NO_COLOR does the same")


def run(arguments: argparse.Namespace) -> int:
    """Show the service until q; return the exit code."""
    from flowclass.errors import UsageError
    from flowclass.top.access import Access
    from flowclass.top.scrape import fetch
    from flowclass.top.service import running_service

    if arguments.interval < SHORTEST_S:
        raise UsageError(f"--interval must be at least {SHORTEST_S} seconds")
    with ExitStack() as closing:
        if arguments.interface is not None:
            where = f"interface {arguments.interface}"
            address = closing.enter_context(running_service(arguments.interface))
        else:
            address = where = (arguments.url or "http://127.0.0.1:9799").rstrip("/")
        url = address if address.endswith("/metrics") else f"{address}/metrics"
        access = Access(arguments.http_config)
        look = once if arguments.once else watch
        try:
            return look(lambda: fetch(url, access), where, arguments)
        except KeyboardInterrupt:
            return 0


def once(fetch: Callable[[], Scrape], where: str, arguments: argparse.Namespace) -> int:
    """Print one screen."""
    import time

    from rich.console import Console

    from flowclass.cli.analyze import wants_colour
    from flowclass.top.screen import screen

    before = fetch()
    time.sleep(arguments.interval)
    colour = wants_colour(no_color=arguments.no_color)
    Console(no_color=not colour, highlight=False).print(screen(fetch(), before, where))
    return 0


def watch(fetch: Callable[[], Scrape], where: str, arguments: argparse.Namespace) -> int:
    """Show screen after screen; a service that goes away is waited for."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from flowclass.cli.analyze import wants_colour
    from flowclass.top.keys import QUIT, Keys
    from flowclass.top.scrape import ScrapeError
    from flowclass.top.screen import screen

    before, now = None, fetch()  # a service that was never there is an error
    console = Console(no_color=not wants_colour(no_color=arguments.no_color), highlight=False)
    if not console.is_terminal:
        print("flowclass: standard output is no terminal: use --once", file=sys.stderr)
        return FAILURE
    with Keys() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        problem = ""
        while True:
            shown = screen(now, before, f"{where}, q to quit")
            live.update(Group(Text(problem, "bold red"), shown) if problem else shown, refresh=True)
            if keys.wait(arguments.interval).lower() == QUIT:
                return 0
            try:
                before, now, problem = now, fetch(), ""
            except ScrapeError as error:
                problem = str(error)
