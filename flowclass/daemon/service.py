"""Host module: Service, the supervisor: it opens interfaces, starts workers, takes their records, answers and tells.

The packet loop is `worker.Worker`. This loop never sees a packet.
"""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flowclass.daemon.member import ProcessMember, ThreadMember
from flowclass.daemon.notify import Notifier
from flowclass.daemon.order import Command, Order
from flowclass.daemon.records import Records
from flowclass.daemon.seat import Seat
from flowclass.daemon.settings import ServiceSettings
from flowclass.daemon.tap import Tap
from flowclass.daemon.worker import bundle_of
from flowclass.errors import FlowclassError
from flowclass.journal import Level, log
from flowclass.metrics.calls import CallTotals
from flowclass.metrics.health import Health, View
from flowclass.metrics.http import MetricsServer, parse_listen
from flowclass.metrics.webconfig import WebConfig

#: The supervisor looks round this often when nothing comes.
LOOK_S = 0.1
#: Seconds that the workers have for handing on their live flows at the end.
DRAIN_S = 60.0
#: Seconds for what is killed to go.
KILLED_S = 5.0


def web_of(settings: ServiceSettings) -> WebConfig | None:
    """Return who may ask for metrics, None for everybody; UsageError when its file cannot be used."""
    return WebConfig(settings.web_config) if settings.web_config else None


class Service:
    """Captures until it is told to stop.

    Parameters
    ----------
    read_settings : returns the settings; called again for a reload

    Raises
    ------
    FlowclassError
        The settings, the model, an interface or the metrics' address cannot be used at the start.
    """

    def __init__(self, read_settings: Callable[[], ServiceSettings]) -> None:
        self._read_settings = read_settings
        self.settings = settings = read_settings()
        self._notifier = Notifier()
        self._stopping = self._reloading = self._is_ready = False
        self._taps = [
            Tap(capture, settings.workers, settings.method, settings.clients, log) for capture in settings.captures
        ]
        model = bundle_of(settings.model)
        self._selector = selectors.DefaultSelector()
        self._seats = self._new_seats()
        # The first one compiles the kernels, if need be, before there are threads; the others find them compiled.
        self._start(self._seats[0])
        totals = CallTotals()
        self._records = Records(settings, totals, log)
        self.health = Health(
            [tap.health for tap in self._taps],
            [seat.health for seat in self._seats],
            [outlet.health for outlet in self._records.outlets],
        )
        table_size = settings.meter.max_flows * len(self._seats)
        self._view = View(self.health, table_size, model, totals, self._records.policy.networks)
        self._server: MetricsServer | None = None
        if settings.listen:
            listen, web = parse_listen(settings.listen), web_of(settings)
            self._server = MetricsServer(listen, self._view, self.reload, web)
        self._fed_s = 0.0

    def _new_seats(self) -> list[Seat]:
        """Return the workers' places: one worker alone gets a thread, several a process each."""
        settings = self.settings
        places = [(tap, number) for tap in self._taps for number in range(tap.workers)]
        # Words are in files of flows alone; IPFIX and calls have none.
        all_flows, words = bool(settings.flows or settings.ipfix), bool(settings.flows)
        return [
            Seat(
                tap,
                number,
                ThreadMember() if len(places) == 1 else ProcessMember(),
                Order(tap.settings, tap.method, settings.meter, settings.model, all_flows, words),
                log,
            )
            for tap, number in places
        ]

    def stop(self, *_: Any) -> None:
        """Ask for an orderly end; safe in a signal handler."""
        self._stopping = True

    def reload(self, *_: Any) -> None:
        """Ask for the settings to be read again; safe in a signal handler and from other threads."""
        self._reloading = True

    def run(self) -> int:
        """Capture until ``stop``; return the exit code."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGHUP, self.reload)
        code = 0
        while not self._stopping and code == 0:
            self._look()
            if not self._is_ready:
                self._make_ready()
            code = self._mind_workers()
            for tap in self._taps:
                if tap.recover():
                    self._give(tap)
            if self._reloading:
                self._reloading = False
                self._reload()
            if self._is_ready:
                self._feed()
        self._finish()
        return code

    def _start(self, seat: Seat) -> None:
        seat.start()
        self._selector.register(seat.member.stream(), selectors.EVENT_READ, seat)

    def _look(self) -> None:
        """Take what workers have to tell."""
        for key, _ in self._selector.select(LOOK_S):
            self._take(key.data)

    def _take(self, seat: Seat) -> None:
        was_ready = seat.told.ready
        for batch in seat.batches():
            self._records.take(seat.health.interface, seat.number, batch)
        if seat.told.ready and not was_ready and self._is_ready and seat.tap.is_open:
            seat.capture()

    def _make_ready(self) -> None:
        """Start the other workers once the first is warm; let packets in once all are."""
        if not self._seats[0].told.ready:
            return
        for seat in self._seats[1:]:
            if not seat.is_running:
                self._start(seat)
        if not all(seat.told.ready for seat in self._seats):
            return
        if not self.health.started_ns:
            self.health.started_ns = time.time_ns()
            for tap in self._taps:
                tap.admit()
                self._give(tap)
        if not all(seat.captures for seat in self._seats):
            return
        self._is_ready = True
        names = ", ".join(self.settings.interfaces)
        log(f"capturing from {names}" + (f", metrics on port {self._server.port}" if self._server else ""), Level.INFO)
        self._notifier.tell("READY=1", f"STATUS=capturing from {names}")

    def _give(self, tap: Tap) -> None:
        """Let the workers of an interface read."""
        for seat in self._seats:
            if seat.tap is tap and seat.is_running and seat.told.ready:
                seat.capture()

    def _mind_workers(self) -> int:
        """Clear away the dead and start their successors; return an exit code other than 0 to give up."""
        for seat in self._seats:
            if seat.is_dead():
                self._bury(seat)
                if not self._is_ready:
                    # Whatever keeps the first start from succeeding would keep every other.
                    return 1
            elif self._is_ready and seat.restart_when_due():
                self._selector.register(seat.member.stream(), selectors.EVENT_READ, seat)
        return 0

    def _bury(self, seat: Seat) -> None:
        self._take(seat)
        self._selector.unregister(seat.member.stream())
        seat.bury()
        self._records.forget(seat.health.interface, seat.number)

    def _feed(self) -> None:
        """Feed the watchdog while all packet loops go round."""
        period = self._notifier.watchdog_s
        if period is None or time.monotonic() - self._fed_s < period / 3:
            return
        if all(seat.has_advanced() for seat in self._seats):
            self._fed_s = time.monotonic()
            for seat in self._seats:
                seat.note_fed()
            self._notifier.tell("WATCHDOG=1", f"STATUS={self._status()}")

    def _status(self) -> str:
        stats, _ = self._view.account()
        return f"{int(stats['packets_read'])} packets read, {self.health.pulse('dropped')} dropped by the kernel"

    def _finish(self) -> None:
        """Let the workers hand on what they have, write it, and say how it ended."""
        self._notifier.tell("STOPPING=1")
        self._records.be_patient()
        for seat in self._seats:
            seat.tell(Command("stop"))
        limit = time.monotonic() + DRAIN_S
        while any(seat.is_running for seat in self._seats) and time.monotonic() < limit + KILLED_S:
            self._look()
            for seat in self._seats:
                if seat.is_dead():
                    self._bury(seat)
                elif seat.is_running and time.monotonic() > limit:
                    seat.member.kill()
        self._records.close()
        for tap in self._taps:
            tap.close()
        if self._server is not None:
            self._server.close()
        stats, _ = self._view.account()
        log(f"stopped: {self._status()}, {int(stats['flows_created'])} flows", Level.INFO)

    def _reload(self) -> None:
        """Take over what can be changed; a file that cannot be used changes nothing."""
        self._notifier.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            fresh = self._read_settings()
            bundle, web = bundle_of(fresh.model), web_of(fresh)
            self._records.policy.reload(fresh.policy)
        except FlowclassError as error:
            self.health.reload_ok = False
            self.health.reload_failures += 1
            log(f"settings not taken over: {error}")
        else:
            self._view.model = bundle
            if self._server is not None:
                self._server.use(web)
            self.health.reload_ok = True
            self.settings = self.settings.taking_over(fresh)
            self._records.use(self.settings)
            meter = self.settings.meter
            timeouts = meter.idle_timeout_s, meter.active_timeout_s, meter.tcp_linger_s
            for seat in self._seats:
                seat.order = replace(seat.order, model=fresh.model, meter=meter)
                seat.tell(Command("model", folder=fresh.model))
                seat.tell(Command("meter", timeouts=timeouts))
            kept = [name for name in vars(fresh) if getattr(fresh, name) != getattr(self.settings, name)]
            log(
                "settings read again" + (f"; a restart is needed for: {', '.join(kept)}" if kept else ""),
                Level.WARNING if kept else Level.INFO,
            )
        self.health.reloads += 1
        self._notifier.tell("READY=1")
