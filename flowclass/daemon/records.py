"""Host module: Records, where the workers' ended flows become records and calls, whichever worker saw them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from flowclass.calls.active import clients_of
from flowclass.calls.assembler import Assembler
from flowclass.calls.batch import Calls
from flowclass.daemon.batch import Batch
from flowclass.daemon.outlet import Outlet
from flowclass.daemon.settings import OUTPUTS, ServiceSettings
from flowclass.journal import Log
from flowclass.metrics.calls import CallTotals
from flowclass.pipeline import CALLS_SWEEP_NS, NS_PER_S
from flowclass.privacy.policy import RecordPolicy
from flowclass.sinks.callfile import CallFile
from flowclass.sinks.ipfix import IpfixSink
from flowclass.sinks.sink import open_sink

FLOWS, CALLS, IPFIX = OUTPUTS


def timeouts_ns(settings: ServiceSettings) -> tuple[int, int]:
    """Return the meter's idle and active timeout in ns."""
    return round(settings.meter.idle_timeout_s * NS_PER_S), round(settings.meter.active_timeout_s * NS_PER_S)


class Link:
    """The calls of one interface, put together from the flows of all its workers."""

    def __init__(self, name: str, settings: ServiceSettings, policy: RecordPolicy) -> None:
        self.name = name
        self.calls = Assembler(name, *timeouts_ns(settings), settings.quality, policy.network_name)
        #: The flows that each worker had live at a time (LIVE rows, ns), as it told last.
        self._live: dict[int, tuple[Any, int]] = {}
        self._dropped: dict[int, int] = {}
        self._swept_ns = self._last_ns = 0

    def take(self, number: int, batch: Batch) -> Calls:
        """Take a batch of one worker; return the calls that are over by it."""
        if batch.first_ns:
            first = self.calls.first_ns
            self.calls.first_ns = batch.first_ns if first is None else min(first, batch.first_ns)
        self._last_ns = max(self._last_ns, batch.last_ns)
        if batch.dropped > self._dropped.get(number, 0):
            self._dropped[number] = batch.dropped
            self.calls.note_drop(batch.now_ns)
        self.calls.both_ways |= bool(batch.both_ways)
        self.calls.add(batch.flows, batch.verdicts, batch.media, batch.events)
        if not batch.is_snapshot:
            return Calls()
        self._live[number] = batch.live, batch.now_ns
        # What a worker that lags behind has not told yet may still belong to a call.
        now_ns = min(told_ns for _, told_ns in self._live.values())
        if 0 <= now_ns - self._swept_ns < CALLS_SWEEP_NS:
            return Calls()
        self._swept_ns = now_ns
        live = np.concatenate([rows for rows, _ in self._live.values()])
        return self.calls.sweep(now_ns, (live, live))

    def forget(self, number: int) -> None:
        """Wait for no flow of this worker: it has died, and they with it."""
        self._live.pop(number, None)

    def drain(self) -> Iterator[Calls]:
        """Yield all calls: the capture is over."""
        return self.calls.drain(self._last_ns)


class Records:
    """Takes batches of flows, one at a time, and hands records to the outlets, which never make it wait.

    Parameters
    ----------
    settings : which outlets, and what calls are made with
    totals : counters of calls
    log : told of sinks that fail and recover
    """

    def __init__(self, settings: ServiceSettings, totals: CallTotals, log: Log) -> None:
        self.policy = RecordPolicy(settings.policy)
        self._totals = totals
        self._log = log
        self.links = {name: Link(name, settings, self.policy) for name in settings.interfaces}
        begin = {FLOWS: self._open_flows, CALLS: CallFile, IPFIX: self._open_ipfix}
        self._outlets = {
            what: [self._outlet(pattern, begin[what], what, number) for number, pattern in enumerate(places, 1)]
            for what in OUTPUTS
            if (places := getattr(settings, what))
        }

    def _outlet(self, pattern: str, begin: Callable[[str], Any], what: str, number: int) -> Outlet:
        """Return an outlet that works; the metrics call the second of a kind ``flows-2``."""
        outlet = Outlet(pattern, begin, what if number == 1 else f"{what}-{number}", self._log)
        nothing = Batch()
        outlet.start(*((nothing.flows, nothing.verdicts, "") if what != CALLS else (Calls(),)))
        return outlet

    def _open_flows(self, name: str) -> Any:
        return open_sink(name, None, enrichment=self.policy.enrichment)

    def _open_ipfix(self, address: str) -> Any:
        return IpfixSink(address, policy=self.policy)

    @property
    def outlets(self) -> list[Outlet]:
        """The outlets there are."""
        return [outlet for outlets in self._outlets.values() for outlet in outlets]

    def take(self, interface: str, number: int, batch: Batch) -> None:
        """Take a batch of an interface's worker; its arrays are the records' from now on."""
        count = len(batch.flows)
        self.policy.mark(batch.flows)
        calls = self.links[interface].take(number, batch)
        if batch.is_census:
            self.policy.locate(batch.callers)
            clients = clients_of(batch.callers)
            self._totals.now.take((interface, number), clients, batch.now_ns, self.policy.network_name)
        self.policy.hide(batch.flows)
        for outlet in (*self._outlets.get(FLOWS, ()), *self._outlets.get(IPFIX, ())) if count else ():
            outlet.put(count, batch.flows, batch.verdicts, interface)
        self._give(calls)

    def use(self, settings: ServiceSettings) -> None:
        """Make calls by other assumptions, and write to other files, from now on."""
        for link in self.links.values():
            link.calls.quality = settings.quality
            link.calls.set_timeouts(*timeouts_ns(settings))
        for what, outlets in self._outlets.items():
            for outlet, pattern in zip(outlets, getattr(settings, what), strict=True):
                outlet.pattern = pattern

    def be_patient(self) -> None:
        """The capture is over: outlets may take their time."""
        for outlet in self.outlets:
            outlet.be_patient()

    def forget(self, interface: str, number: int) -> None:
        """Do not wait for what this worker has not told: it has died."""
        self.links[interface].forget(number)
        self._totals.now.forget((interface, number), self.policy.network_name)

    def close(self) -> None:
        """End all calls, write what waits, and finish the files."""
        for link in self.links.values():
            for calls in link.drain():
                self._give(calls)
        for outlet in self.outlets:
            outlet.close()

    def _give(self, calls: Calls) -> None:
        if not calls:
            return
        self._totals.add(calls)
        if outlets := self._outlets.get(CALLS):
            told = self.policy.calls(calls)
            for outlet in outlets:
                outlet.put(len(told), told)
