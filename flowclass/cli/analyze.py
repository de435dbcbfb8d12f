"""Host module: ``flowclass analyze``: captures in, a table of applications and flow records out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from flowclass.errors import CaptureError

if TYPE_CHECKING:
    from flowclass.calls.batch import Calls
    from flowclass.calls.emodel import QualitySettings
    from flowclass.flow.state import MeterSettings
    from flowclass.model.bundle import ModelBundle
    from flowclass.pipeline import CallTaker, Result
    from flowclass.privacy.policy import RecordPolicy
    from flowclass.sinks.sink import Sink

SUMMARY = "label the flows of captures"
DESCRIPTION = (
    "Read captures (pcap or pcapng, plain or gzip or zstd; the content decides), name the application of every flow, "
    "and print a table of applications."
)
FAILURE, PARTIAL = 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("input", nargs="+", metavar="INPUT", help="capture file; - is standard input")
    parser.add_argument(
        "--flows", metavar="FILE", help="write one record a flow; - is standard output, without the table"
    )
    parser.add_argument(
        "--calls", metavar="FILE", help="write one record a call (.jsonl, .csv, .parquet), and a table of calls"
    )
    parser.add_argument("--format", choices=("jsonl", "csv", "parquet"), help="of --flows; else its ending decides")
    parser.add_argument("--separate", action="store_true", help="treat each input as a capture of its own")
    parser.add_argument("--stats", action="store_true", help="print the account of packets after the table")
    parser.add_argument("--filter", metavar="BPF", help="look only at packets that pass this libpcap filter")
    parser.add_argument("--quiet", action="store_true", help="keep stderr for problems")
    parser.add_argument("--no-color", action="store_true", help="no colours on a terminal; NO_COLOR does the same")
    parser.add_argument("--model", metavar="DIR", help="model bundle to use instead of the shipped one")
    parser.add_argument("--config", metavar="FILE", help="settings in TOML; options here win over it")
    parser.add_argument("--networks", metavar="FILE", help="prefix file (CSV, TOML) that names the client's network")
    parser.add_argument("--anonymize", metavar="KEY", help="file of 32 secret bytes: hide addresses in records by it")
    parser.add_argument("--max-flows", type=int, metavar="N", help="live flows kept in memory")


def run(arguments: argparse.Namespace) -> int:
    """Analyze the inputs; return the exit code."""
    from flowclass.calls.emodel import QualitySettings
    from flowclass.calls.summary import CallSummary
    from flowclass.cli.account import add_up, balances, lines_of
    from flowclass.cli.progress import Progress, announce_compilation
    from flowclass.privacy.policy import PolicySettings, RecordPolicy
    from flowclass.sinks.sink import check_outputs, open_sink
    from flowclass.sinks.table import Summary, print_table

    tables = tables_of(arguments.config)
    settings = settings_of(tables, arguments)
    quality = QualitySettings.of(tables.get("quality", {}))
    policy = RecordPolicy(PolicySettings.of(tables, arguments.networks, arguments.anonymize))
    bundle = bundle_of(arguments.model)
    outputs = ((arguments.flows, arguments.format), (arguments.calls, None))
    check_outputs([output for output in outputs if output[0] is not None], arguments.input)
    announce_compilation(quiet=arguments.quiet)
    summary = Summary()
    sinks: list[Sink] = [summary]
    with ExitStack() as closing:
        if arguments.flows is not None:
            sinks.append(open_sink(arguments.flows, arguments.format, policy.enrichment))
            closing.callback(sinks[-1].close)
        progress = closing.enter_context(Progress(quiet=arguments.quiet))

        def take(flows: Any, verdicts: Any, capture: str) -> None:
            for sink in sinks:
                sink.write(flows, verdicts, capture)
            progress.add(len(flows))

        on_calls = None
        if arguments.calls is not None:
            from flowclass.sinks.callfile import CallFile

            call_file = CallFile(arguments.calls)
            closing.callback(call_file.close)
            calls = CallSummary()

            def on_calls(ended: Calls) -> None:
                call_file.write(ended)
                calls.add(ended)

        results, failures = analyze_all(arguments, take, settings, bundle, on_calls, quality, policy)
    for problem in [*(problem for result in results for problem in result.problems), *failures]:
        print(f"flowclass: {problem}", file=sys.stderr)
    if not results:
        return FAILURE
    records_on_stdout = "-" in (arguments.flows, arguments.calls)
    if not records_on_stdout:
        print_table(summary.rows(), sys.stdout, colour=wants_colour(no_color=arguments.no_color))
        if arguments.calls is not None:
            print("", *calls.lines(), sep="\n")
    total = add_up([result.stats for result in results])
    if arguments.stats:
        print(*lines_of(total), sep="\n", file=sys.stderr if records_on_stdout else sys.stdout)
    if not balances(total):
        print("flowclass: the account of packets does not balance: this is a defect, please report it", file=sys.stderr)
        return FAILURE
    return PARTIAL if failures or any(result.partial for result in results) else 0


def analyze_all(
    arguments: argparse.Namespace,
    take: Any,
    settings: MeterSettings,
    bundle: ModelBundle | None,
    on_calls: CallTaker | None = None,
    quality: QualitySettings | None = None,
    policy: RecordPolicy | None = None,
) -> tuple[list[Result], list[str]]:
    """Return the results, one a capture, and what was wrong with captures that could not be read at all.

    One capture alone that cannot be read is an error; of several with ``--separate`` the others are still read.
    """
    from flowclass.pipeline import analyze

    captures: list[Sequence[str]] = [[name] for name in arguments.input] if arguments.separate else [arguments.input]
    results, failures = [], []
    for inputs in captures:
        try:
            results.append(
                analyze(
                    inputs,
                    take,
                    settings=settings,
                    model=bundle,
                    bpf=arguments.filter,
                    on_calls=on_calls,
                    quality=quality,
                    policy=policy,
                    words=arguments.flows is not None,
                )
            )
        except CaptureError as error:
            if len(captures) == 1:
                raise
            failures.append(str(error))
    return results, failures


def tables_of(config: str | None) -> dict[str, dict[str, Any]]:
    """Return the tables of a settings file, none without one."""
    if config is None:
        return {}
    from flowclass.config.load import load

    return load(config)


def settings_of(tables: dict[str, dict[str, Any]], arguments: argparse.Namespace) -> MeterSettings:
    """Return the meter's settings: options over the file over the defaults."""
    from flowclass.flow.state import MeterSettings

    values = dict(tables.get("meter", {}))
    if arguments.max_flows is not None:
        values["max_flows"] = arguments.max_flows
    return MeterSettings(**values)


def bundle_of(folder: str | None) -> ModelBundle | None:
    """Return the model named, or None for the shipped one."""
    if folder is None:
        return None
    from pathlib import Path

    from flowclass.model.bundle import ModelBundle

    return ModelBundle.load(Path(folder))


def wants_colour(*, no_color: bool) -> bool:
    """Whether the table may be coloured: on a terminal, unless the user objects (no-color.org)."""
    return sys.stdout.isatty() and not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
