"""Host module: one screen of a service: link, calls by application, traffic by application, sinks."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from flowclass.top.scrape import Scrape, rate, rates_by

NOTHING = "-"
BITS = 8
_PREFIXES = ("", "k", "M", "G", "T")


def scaled(value: float | None, unit: str = "") -> str:
    """Return a number with three digits or more and a decimal prefix.

    Examples
    --------
    >>> scaled(1_234_567, "bit/s")
    '1.23 Mbit/s'
    >>> scaled(None)
    '-'
    """
    if value is None:
        return NOTHING
    power = 0
    while abs(value) >= 999.5 and power < len(_PREFIXES) - 1:
        value /= 1000
        power += 1
    digits = 0 if power == 0 and value == int(value) else 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    return f"{value:.{digits}f} {_PREFIXES[power]}{unit}".rstrip()


def _ratio(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.2f} %"


def _plain(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def screen(now: Scrape, before: Scrape | None, where: str) -> RenderableType:
    """Return what is to be seen: rates are between the two scrapes, the rest is as of the later one."""
    return Group(_link(now, before, where), _calls(now), _traffic(now, before), _sinks(now, before))


def _link(now: Scrape, before: Scrape | None, where: str) -> RenderableType:
    packets = rate(before, now, "flowclass_read_packets_total")
    octets = rate(before, now, "flowclass_read_bytes_total")
    lost, lost_now = (
        now.total("flowclass_capture_dropped_packets_total"),
        rate(before, now, "flowclass_capture_dropped_packets_total"),
    )
    flows, room = now.total("flowclass_flows_active"), now.total("flowclass_flow_table_size")
    line = Text()
    for interface, up in sorted(now.by("flowclass_capture_up", "interface").items()):
        line.append(f"{interface} ", "bold")
        line.append("up  " if up else "DOWN  ", "green" if up else "bold red")
    bits = None if octets is None else octets * BITS
    line.append(f"{scaled(packets, 'packets/s')}  {scaled(bits, 'bit/s')}  ")
    line.append(f"dropped {scaled(lost)} ({scaled(lost_now, '/s')})", "bold red" if lost_now else "red" if lost else "")
    line.append(f"\nflows {scaled(flows)} of {scaled(room)}")
    if flows is not None and room:
        line.append(f" ({_ratio(flows / room)})")
    ignored = rate(before, now, "flowclass_ignored_packets_total")
    line.append(f"  ignored {scaled(ignored, 'packets/s')}")
    if now.total("flowclass_config_last_reload_successful") == 0:
        line.append("  settings NOT taken over", "bold red")
    for facts in now.labels("flowclass_model_info"):
        line.append(f"  model {facts.get('model', NOTHING)}")
    return Panel(line, title=f"flowclass {_version(now)}".strip(), subtitle=where, box=box.ROUNDED)


def _version(now: Scrape) -> str:
    return next((facts.get("version", "") for facts in now.labels("flowclass_build_info")), "")


def _table(first: str, *heads: str) -> Table:
    """Return a table whose first column is text and whose others are numbers; it fits 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False, expand=True)
    table.add_column(first, no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _calls(now: Scrape) -> RenderableType:
    active = now.by("flowclass_calls_active", "app")
    ended = now.by("flowclass_calls_ended_total", "app")
    table = _table("calls", "now", "ended", "answered", "one-way", "minutes", "MOS", "loss", "jitter")
    for app in sorted({*active, *ended}, key=lambda app: (-active.get(app, 0), -ended.get(app, 0), app)):
        talk = now.total("flowclass_call_talk_seconds_sum", app=app)
        low, high = (now.mean("flowclass_call_mos", app=app, bound=bound) for bound in ("low", "high"))
        jitter = now.mean("flowclass_call_jitter_seconds", app=app)
        outcomes = now.by("flowclass_calls_ended_total", "outcome", app=app)
        table.add_row(
            app,
            Text(_plain(active.get(app)), "bold green" if active.get(app) else ""),
            _plain(ended.get(app)),
            _plain(outcomes.get("answered")),
            Text(_plain(outcomes.get("one-way")), "yellow" if outcomes.get("one-way") else ""),
            _plain(None if talk is None else talk / 60, 1),
            NOTHING if low is None or high is None else f"{low:.1f}-{high:.1f}",
            _ratio(now.mean("flowclass_call_loss_ratio", app=app)),
            NOTHING if jitter is None else f"{jitter * 1000:.1f} ms",
        )
    return table


def _traffic(now: Scrape, before: Scrape | None) -> RenderableType:
    flows = rates_by(before, now, "flowclass_flows_labelled_total", "app")
    octets = rates_by(before, now, "flowclass_flow_bytes_total", "app")
    total = now.by("flowclass_flow_bytes_total", "app")
    labelled = now.by("flowclass_flows_labelled_total", "app")
    table = _table("ended flows", "flows/s", "bit/s", "flows", "bytes")
    for app in sorted((app for app in labelled if labelled[app]), key=lambda app: (-total.get(app, 0), app)):
        table.add_row(
            app,
            NOTHING if before is None else scaled(flows[app]),
            NOTHING if before is None else scaled(octets.get(app, 0.0) * BITS),
            scaled(labelled[app]),
            scaled(total.get(app), "B"),
        )
    return table


def _sinks(now: Scrape, before: Scrape | None) -> RenderableType:
    line = Text()
    for sink, up in sorted(now.by("flowclass_sink_up", "sink").items()):
        written = rate(before, now, "flowclass_records_written_total", sink=sink)
        lost = now.total("flowclass_records_lost_total", sink=sink)
        line.append(f"{sink} ", "bold")
        line.append("ok" if up else "FAILING", "green" if up else "bold red")
        line.append(f" {scaled(written, 'records/s')}, lost {scaled(lost)}   ", "red" if lost else "")
    return line if line else Text("no record sinks", "dim")
