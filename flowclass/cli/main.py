"""Host module: the ``flowclass`` command: finds the verb, runs it, turns failures into messages and exit codes.

Importing this module and printing help load neither numba nor scikit-learn (tests/cli/test_main.py).

Exit codes: 0 ok, 1 failure, 2 usage, 3 partial input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from flowclass.cli import analyze, checkconfig, corpus, doctor, evaluate, explain, features, model, run, top, train
from flowclass.errors import FlowclassError
from flowclass.journal import Level, log

#: New objects after which Python looks for garbage in cycles. Calls in progress, of which there may be millions of
#: objects, hold none, and with Python's own 700 it would walk them again and again (bench.concurrent).
GARBAGE_EVERY = 1_000_000
OK, FAILURE, USAGE, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 130
VERBS = {
    "analyze": analyze,
    "run": run,
    "top": top,
    "check-config": checkconfig,
    "doctor": doctor,
    "explain": explain,
    "train": train,
    "evaluate": evaluate,
    "model": model,
    "corpus": corpus,
    "features": features,
}
EPILOG = "exit codes: 0 ok, 1 failure, 2 usage, 3 part of the input could not be read, 130 interrupted"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors begin like all our messages, and which takes no abbreviated options.

    Options of a verb may stand before, between and behind its arguments.
    """

    _is_mixing = False

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse as argparse does, but with arguments that an option comes between."""
        if self._subparsers is not None or self._is_mixing or "--" in (args or ()):
            return super().parse_known_args(args, namespace)
        # It parses twice by this method: once for the options, once for the rest.
        self._is_mixing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_mixing = False

    def error(self, message: str) -> NoReturn:
        complain(f"{message}; see {self.prog} --help")
        sys.exit(USAGE)


class ShowVersion(argparse.Action):
    """Print the version; reading it costs an import that nothing else needs."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"flowclass {version('flowclass')}")
        except PackageNotFoundError:
            print("flowclass (not installed)")
        parser.exit()


def complain(message: str) -> None:
    """Write one message to stderr."""
    log(message, Level.ERROR)


def build_parser() -> Parser:
    """Return the parser of all verbs."""
    parser = Parser(
        prog="flowclass",
        description="Says which flows of a capture are calls made over the Internet, and by which application.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version and exit")
    verbs = parser.add_subparsers(metavar="VERB", required=True, parser_class=Parser)
    for name, module in VERBS.items():
        verb = verbs.add_parser(name, help=module.SUMMARY, description=module.DESCRIPTION, epilog=EPILOG)
        module.add_arguments(verb)
        verb.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    gc.set_threshold(GARBAGE_EVERY)
    try:
        arguments = build_parser().parse_args(argv)
        code = int(arguments.run(arguments))
        sys.stdout.flush()
    except FlowclassError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone, as in `flowclass … | head`: say nothing, and let nothing be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except MemoryError:
        complain("out of memory: choose a smaller --max-flows")
        return FAILURE
    return code
