"""Host module: StatusPage, what ``/`` shows to people: links and their rates, calls by application, capture, sinks."""

from __future__ import annotations

import html
import time
from collections import defaultdict
from collections.abc import Iterable

from flowclass.metrics.health import LinkHealth, View

#: Rates are over this long at least, and the page is loaded anew as often.
LEAST_S = 5.0
BITS = 8
STYLE = "body{font:16px sans-serif;margin:2em}th{text-align:left;padding-right:1em}td{padding-right:1em}"


class StatusPage:
    """The page; it remembers when it was last looked at, because a rate is between two looks."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._looked = (time.monotonic(), 0, 0)
        self._rates = (0.0, 0.0)

    def rates(self) -> tuple[float, float]:
        """Return packets and bits a second since the look before."""
        stats, _ = self._view.account()
        at, packets, octets = self._looked
        now = time.monotonic()
        if now - at >= LEAST_S:
            read, size = int(stats["packets_read"]), int(stats["bytes_read"])
            self._rates = (read - packets) / (now - at), (size - octets) * BITS / (now - at)
            self._looked = now, read, size
        return self._rates

    def text(self) -> str:
        """Return the page as HTML."""
        from flowclass.sinks.table import rows_of

        view, health = self._view, self._view.health
        stats, totals = view.account()
        packets_s, bits_s = self.rates()
        facts = [
            *((f"interface {link.interface}", self._link(link)) for link in health.links),
            ("packets read", f"{int(stats['packets_read']):,}, {packets_s:,.0f} a second, {bits_s / 1e6:,.1f} Mbit/s"),
            ("flows now", f"{health.pulse('live_flows'):,} of {view.table_size:,}"),
            ("workers restarted", f"{sum(worker.restarts for worker in health.workers):,}"),
            ("model", view.model.name),
            *((f"records to {sink.name}", f"{sink.written:,}, lost {sink.total_lost:,}") for sink in health.sinks),
        ]
        applications = ((row.app, f"{row.flows:,}", f"{row.packets:,}", f"{row.bytes:,}") for row in rows_of(totals))
        return (
            f"<!doctype html><meta charset=utf-8><meta http-equiv=refresh content={LEAST_S:.0f}>"
            f"<title>flowclass</title><style>{STYLE}</style><h1>flowclass</h1>"
            f"<table>{''.join(f'<tr><th>{html.escape(name)}<td>{html.escape(value)}' for name, value in facts)}</table>"
            f"<h2>Calls</h2>{_table(('application', 'now', 'ended', 'minutes of talk'), self._calls())}"
            f"<h2>Flows that have ended</h2>{_table(('application', 'flows', 'packets', 'bytes'), applications)}"
            '<p><a href="/metrics">metrics</a> · <a href="/-/healthy">healthy</a> · <a href="/-/ready">ready</a>'
        )

    def _link(self, link: LinkHealth) -> str:
        """Return an interface's state and what it counts."""
        seen, dropped, freezes = (
            self._view.health.pulse(name, link.interface) for name in ("seen", "dropped", "freezes")
        )
        return (
            f"{'up' if link.up else 'DOWN'}, {seen:,} packets, {dropped:,} dropped by the kernel, whose ring was full "
            f"{freezes:,} times, {link.device_lost:,} lost by the device; opened again {link.restarts:,} times"
        )

    def _calls(self) -> list[tuple[str, ...]]:
        """Return application, calls now, calls ended and their minutes, the most first."""
        active: dict[str, int] = defaultdict(int)
        for (app, _), count in self._view.calls.now.active.items():
            active[app] += count
        ended: dict[str, int] = defaultdict(int)
        talk_s: dict[str, float] = defaultdict(float)
        # Copies first: the records' thread may add a series meanwhile.
        for (app, _, _), count in dict(self._view.calls.ended).items():
            ended[app] += count
        for (app, _, _), seconds in dict(self._view.calls.talk_s).items():
            talk_s[app] += seconds
        calling = {app for app, count in active.items() if count}
        names = sorted(calling | set(ended), key=lambda app: (-active[app], -ended[app], app))
        return [(app, f"{active[app]:,}", f"{ended[app]:,}", f"{talk_s[app] / 60:,.1f}") for app in names]


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) for row in rows)
    return f"<table><tr>{''.join(f'<th>{html.escape(head)}' for head in heads)}{lines}</table>"
