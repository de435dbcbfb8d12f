"""Host module: Service, the pipeline on a live wire: read this to see what happens to a packet that nobody kept."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowclass.calls.active import active_calls
from flowclass.calls.record import Call
from flowclass.capture.ring import RingSource
from flowclass.daemon.notify import Notifier
from flowclass.daemon.outlet import Outlet
from flowclass.daemon.settings import ServiceSettings
from flowclass.errors import CaptureError, FlowclassError
from flowclass.metrics.calls import CallTotals
from flowclass.metrics.collector import Health, View
from flowclass.metrics.http import MetricsServer, parse_listen
from flowclass.metrics.webconfig import WebConfig
from flowclass.model.bundle import ModelBundle, load_default
from flowclass.pipeline import Pipeline
from flowclass.sinks.callfile import CallFile
from flowclass.sinks.ipfix import IpfixSink
from flowclass.sinks.sink import open_sink
from flowclass.sinks.table import Summary

NS_PER_S = 1_000_000_000
#: How often silent flows are ended and records handed on.
SWEEP_NS = NS_PER_S
#: Seconds until a lost interface is tried again: the first time, and at most.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0


def log(message: str) -> None:
    """Write a line for people, and for the journal."""
    print(f"flowclass: {message}", file=sys.stderr, flush=True)


class Service:
    """Captures until it is told to stop.

    Parameters
    ----------
    read_settings : returns the settings; called again for a reload

    Raises
    ------
    FlowclassError
        The settings, the model, the interface or the metrics' address cannot be used at the start.
    """

    def __init__(self, read_settings: Callable[[], ServiceSettings]) -> None:
        self._read_settings = read_settings
        self.settings = settings = read_settings()
        self._notifier = Notifier()
        self._stopping = False
        self._reloading = False
        self._source = RingSource(settings.ring)
        self._summary = Summary()
        self._flows = self._outlet(settings.flows, lambda name: open_sink(name, None), "flows")
        self._calls = self._outlet(settings.calls, CallFile, "calls")
        self._ipfix = self._outlet(settings.ipfix, IpfixSink, "ipfix")
        self._outlets = [outlet for outlet in (self._flows, self._calls, self._ipfix) if outlet is not None]
        self._call_totals = CallTotals()
        self._pipeline = Pipeline(
            settings.ring.interface,
            self._take,
            settings=settings.meter,
            model=_bundle(settings.model),
            on_calls=self._take_calls,
            quality=settings.quality,
        )
        self.health = Health(settings.ring.interface, sinks=[outlet.health for outlet in self._outlets])
        meter = self._pipeline.meter
        self._view = View(
            health=self.health,
            stats=meter.stats,
            totals=self._summary.totals,
            live_flows=lambda: meter.live_flows,
            table_size=settings.meter.max_flows,
            model=self._pipeline.model.identity,
            calls=self._call_totals,
            active_calls=lambda: active_calls(*meter.live_rows(), time.time_ns()),
        )
        self._server: MetricsServer | None = None
        if settings.listen:
            web = WebConfig(settings.web_config) if settings.web_config else None
            self._server = MetricsServer(parse_listen(settings.listen), self._view, self.reload, web)
        self._seen_before = self._dropped_before = 0
        self._swept_ns = 0
        self._fed_s = 0.0

    @staticmethod
    def _outlet(pattern: str | None, begin: Callable[[str], Any], what: str) -> Outlet | None:
        return None if pattern is None else Outlet(pattern, begin, what)

    def stop(self, *_: Any) -> None:
        """Ask for an orderly end; safe in a signal handler."""
        self._stopping = True
        self._source.stop()

    def reload(self, *_: Any) -> None:
        """Ask for the settings to be read again; safe in a signal handler and from other threads."""
        self._reloading = True

    def run(self) -> int:
        """Capture until ``stop``; return the exit code."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGHUP, self.reload)
        self._pipeline.warm()
        self.health.started_ns = time.time_ns()
        self.health.up = True
        where = f", metrics on port {self._server.port}" if self._server else ""
        log(f"capturing from {self.settings.ring.interface}{where}")
        self._notifier.tell("READY=1", f"STATUS=capturing from {self.settings.ring.interface}")
        while not self._stopping:
            self._capture()
            if not self._stopping:
                self._wait_for_interface()
        self._notifier.tell("STOPPING=1")
        self._pipeline.drain()
        for outlet in self._outlets:
            outlet.close()
        if self._server is not None:
            self._server.close()
        self._source.close()
        stats = self._pipeline.meter.stats
        log(
            f"stopped: {int(stats['packets_read'])} packets read, {self.health.dropped} dropped by the kernel, "
            f"{int(stats['flows_created'])} flows"
        )
        return 0

    def _capture(self) -> None:
        """Meter what the ring gives, until it ends."""
        self._seen_before, self._dropped_before = self.health.seen, self.health.dropped
        for block in self._source.blocks():
            if len(block.refs):
                self._pipeline.add(block)
                self.health.last_packet_ns = block.now_ns
            self._tick(block.now_ns)
            if block.now_ns - self._swept_ns >= SWEEP_NS or not len(block.refs):
                self._count_drops(block.now_ns)
        try:
            self._count_drops(time.time_ns())
        except OSError:
            return

    def _count_drops(self, now_ns: int) -> None:
        """Ask the kernel what it had to drop; calls in progress lose their quality by it."""
        self._source.count()
        dropped = self._dropped_before + self._source.dropped
        if dropped > self.health.dropped and self._pipeline.calls is not None:
            self._pipeline.calls.note_drop(now_ns)
        self.health.seen, self.health.dropped = self._seen_before + self._source.seen, dropped

    def _tick(self, now_ns: int) -> None:
        """Do what is due: sweep, reload, feed the watchdog."""
        if not 0 <= now_ns - self._swept_ns < SWEEP_NS:
            # A clock that stepped back sweeps at once, and from then on by the new time.
            self._swept_ns = now_ns
            self._pipeline.sweep(now_ns)
        if self._reloading:
            self._reloading = False
            self._reload()
        period = self._notifier.watchdog_s
        if period is not None and time.monotonic() - self._fed_s >= period / 3:
            self._fed_s = time.monotonic()
            self._notifier.tell("WATCHDOG=1", f"STATUS={int(self._pipeline.meter.stats['packets_read'])} packets read")

    def _wait_for_interface(self) -> None:
        """Open the interface again, however long that takes; flows go on ending meanwhile."""
        for problem in self._source.problems:
            log(problem)
        self.health.up = False
        self._source.close()
        pause, retry_at = FIRST_PAUSE_S, 0.0
        while not self._stopping:
            self._tick(time.time_ns())
            if time.monotonic() < retry_at:
                time.sleep(0.1)
                continue
            try:
                self._source = RingSource(self.settings.ring)
            except CaptureError:
                retry_at = time.monotonic() + pause
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            self.health.up = True
            self.health.restarts += 1
            log(f"{self.settings.ring.interface}: capturing again")
            if self._stopping:
                self._source.stop()
            return

    def _take(self, flows: Any, verdicts: Any, name: str) -> None:
        """Count and write flows that ended."""
        self._summary.write(flows, verdicts, name)
        self._hand(self._flows, len(flows), flows, verdicts, name)
        self._hand(self._ipfix, len(flows), flows, verdicts, name)

    def _take_calls(self, calls: list[Call]) -> None:
        """Count and write calls that ended."""
        self._call_totals.add(calls)
        self._hand(self._calls, len(calls), calls)

    def _hand(self, outlet: Outlet | None, count: int, *records: Any) -> None:
        """Give records to an outlet, and say so when it fails or recovers."""
        if outlet is None:
            return
        was_up = outlet.health.up
        outlet.write(count, *records)
        if was_up and not outlet.health.up:
            log(f"records are being lost: {outlet.last_error}")
        elif outlet.health.up and not was_up:
            log("records are written again")

    def _reload(self) -> None:
        """Take over a new model; a file that cannot be used changes nothing."""
        self._notifier.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        self.health.reloads += 1
        try:
            fresh = self._read_settings()
            self._pipeline.use(_bundle(fresh.model) or load_default())
            self._view.model = self._pipeline.model.identity
            self.health.reload_ok = True
            kept = [
                name
                for name in ("ring", "meter", "quality", "flows", "calls", "ipfix", "listen", "web_config")
                if getattr(fresh, name) != getattr(self.settings, name)
            ]
            log("settings read again" + (f"; a restart is needed for: {', '.join(kept)}" if kept else ""))
        except FlowclassError as error:
            self.health.reload_ok = False
            self.health.reload_failures += 1
            log(f"settings not taken over: {error}")
        self._notifier.tell("READY=1")


def _bundle(folder: str | None) -> ModelBundle | None:
    return None if folder is None else ModelBundle.load(Path(folder))
