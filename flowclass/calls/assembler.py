"""Host module: Assembler, flows in the order in which they end, calls out: one a call, however many flows it had.

Media flows that share a tie (a socket, an id, a source) are one call; of applications that open a socket a medium also
those of one address, unless two of them speak at once. What has no media is signalling: it goes to the call it was
for, and what is left of it was an attempt. The same object serves captures and interfaces; its memory is bounded, and
a call is given out once nothing more can belong to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

from flowclass.calls.batch import Calls
from flowclass.calls.describe import call_records
from flowclass.calls.dialog import Dialog, Dialogs
from flowclass.calls.emodel import QualitySettings
from flowclass.calls.endedcall import EndedCalls
from flowclass.calls.episodes import episodes
from flowclass.calls.joining import CallIndex
from flowclass.calls.leg import Leg
from flowclass.calls.legs import legs_of
from flowclass.calls.live import LiveFlows
from flowclass.calls.opencall import JOIN_GAP_NS, OpenCall
from flowclass.calls.record import Call
from flowclass.calls.scene import Scene
from flowclass.calls.signalling import Signalling
from flowclass.calls.ties import ADDRESS, DIALOG, SOCKET, tie
from flowclass.calls.unheard import attempt_record, dialog_record
from flowclass.calls.waiting import SETUP_NS, Waiting

NS_PER_S = 1_000_000_000
#: Calls held at once; beyond it the one that ended first is given out early.
MAX_CALLS = 131_072
#: A call of which SIP has said no end may be on hold for this long without media; longer, and its BYE was missed.
HOLD_NS = 300 * NS_PER_S
#: Records made at once when the capture ends.
RECORDS_AT_ONCE = 1024


class Assembler:
    """Joins flows into calls.

    Parameters
    ----------
    name : capture or interface, for the records
    idle_ns : the meter's idle timeout: how late a flow is told of
    active_ns : the meter's active timeout
    quality : what a MOS assumes of what cannot be seen; defaults for None
    network_name : gives the name of a network by its number; None where calls have none

    Attributes
    ----------
    first_ns : when the capture began
    ended : calls with media that were given out
    attempts : calls without media so far
    early : calls given out early for want of room
    """

    def __init__(
        self,
        name: str,
        idle_ns: int,
        active_ns: int,
        quality: QualitySettings | None = None,
        network_name: Callable[[int], str | None] | None = None,
    ) -> None:
        self._scene = Scene(name, quality=quality or QualitySettings())
        if network_name is not None:
            self._scene.network_name = network_name
        self.set_timeouts(idle_ns, active_ns)
        self._open = CallIndex()
        self._waiting = Waiting()
        self._dialogs = Dialogs()
        self._opened = self.ended = self.attempts = self.early = 0

    def set_timeouts(self, idle_ns: int, active_ns: int) -> None:
        """Expect flows by the meter's idle and active timeout from now on."""
        self._hold_ns = idle_ns + JOIN_GAP_NS
        self._active_ns = active_ns

    @property
    def first_ns(self) -> int | None:
        """When the capture began, None before its first packet."""
        return self._scene.first_ns

    @first_ns.setter
    def first_ns(self, value: int | None) -> None:
        self._scene.first_ns = value

    @property
    def quality(self) -> QualitySettings:
        """What a MOS assumes from now on."""
        return self._scene.quality

    @quality.setter
    def quality(self, value: QualitySettings) -> None:
        self._scene.quality = value

    @property
    def both_ways(self) -> bool:
        """Whether any flow had packets both ways; may be told, where only flows of calls are added."""
        return self._scene.both_ways

    @both_ways.setter
    def both_ways(self, value: bool) -> None:
        self._scene.both_ways = value

    @property
    def started(self) -> int:
        """Calls with media so far, as far as it is known which flows are one."""
        return self._opened - self._open.merged

    @property
    def open_calls(self) -> Iterator[OpenCall]:
        """Calls that may yet grow."""
        return iter(self._open)

    @property
    def shed(self) -> int:
        """Flows without media, and SIP dialogs, that were forgotten for want of room."""
        return self._waiting.shed + self._dialogs.shed

    def note_drop(self, now_ns: int) -> None:
        """Packets were lost before the meter at this time: the quality of calls in progress is void."""
        self._scene.dropped_ns = now_ns

    def add(self, flows: Any, verdicts: Any, media: Any, events: Any = ()) -> None:
        """Take FLOW[n] with VERDICT[n] and MEDIA[k], and SIP_EVENT[e] seen since the flows before."""
        if len(events):
            self._dialogs.add(events)
        if not len(flows):
            return
        self._scene.note(flows)
        for one in legs_of(flows, verdicts, media):
            if isinstance(one, Signalling):
                self._waiting.add(one)
            else:
                for leg in episodes(one, self._dialogs):
                    self._add_media(leg)

    def _add_media(self, leg: Leg) -> None:
        if leg.sockets:
            dialog = self._dialogs.at(leg.sockets, leg.media)
            if dialog is not None:
                leg.ties = (*leg.ties, tie(DIALOG, dialog.number))
        near = self._open.tied(leg.ties, leg.media)
        if near:
            call = self._open.merge(near)
            call.add(leg)
        else:
            call = OpenCall(leg)
            self._opened += 1
        self._open.put(call, leg.ties, (leg.host,))
        if leg.goes_on:
            # Its signalling need not wait for hours until the call is over.
            self._waiting.attach(call)

    def sweep(self, now_ns: int, table: tuple[Any, Any] | None = None) -> Calls:
        """Return the calls to which nothing more can come at ``now_ns``.

        Parameters
        ----------
        table : HOT[n] and BODY[n] of the meter, or LIVE[n] twice, when all flows that ended have been added; without it
            calls wait for as long as a flow may take to be told of
        """
        wait = JOIN_GAP_NS if table is not None else self._hold_ns
        # Without the table the media of an attempt may be live for as long as a flow goes on before it is told of.
        untold = wait if table is not None else wait + self._active_ns
        over = [call for call in self._open if self._is_over(call, now_ns, wait)]
        for call in over:
            self._waiting.attach(call)
        clusters = [
            cluster
            for cluster in self._waiting.clusters()
            if all(one.last_ns + SETUP_NS + untold < now_ns for one in cluster)
        ]
        silent = list(self._dialogs.over(now_ns, self._hold_ns + self._active_ns))
        dialogs = [*silent, *(dialog for call in over for dialog in self._dialogs_of(call))]
        live = None if table is None else self._live(table, over, clusters, dialogs)
        if live is not None:
            over = [call for call in over if not self._may_resume(call, live)]
        ended = [(call, self._end(call)) for call in self._open.complete(over, live)]
        excess = len(self._open) - MAX_CALLS
        if excess > 0:
            first = sorted(self._open, key=lambda call: call.media[1])[:excess]
            self.early += excess
            for call in first:
                self._waiting.attach(call)
            ended += [(call, self._end(call)) for call in first]
        given = self._records(ended, None)
        without_media = [*self._attempts(clusters, live, None), *self._unheard(silent, live, None)]
        # Last: the clusters above must not be of what is forgotten.
        self._waiting.forget(now_ns - self._hold_ns - self._active_ns - SETUP_NS, now_ns, live)
        return given + Calls.of(without_media)

    def drain(self, now_ns: int) -> Iterator[Calls]:
        """Yield all calls, the first to begin first, then the attempts: the capture ended at ``now_ns``.

        RECORDS_AT_ONCE are made at a time, because all that were in progress end here: 100,000 at once would fill a
        gigabyte.
        """
        for call in self._open:
            self._waiting.attach(call)
        complete = self._open.complete(list(self._open), None)
        while ended := [(call, self._end(call)) for call in islice(complete, RECORDS_AT_ONCE)]:
            yield self._records(ended, now_ns)
        attempts = self._attempts(list(self._waiting.clusters(fresh=True)), None, now_ns)
        without_media = chain(attempts, self._unheard(self._dialogs.unused(), None, now_ns))
        while some := list(islice(without_media, RECORDS_AT_ONCE)):
            yield Calls.of(some)

    def _is_over(self, call: OpenCall, now_ns: int, wait: int) -> bool:
        untold = self._active_ns if call.goes_on and wait != JOIN_GAP_NS else 0
        if now_ns <= call.media[1] + wait + untold:
            return False
        for dialog in self._dialogs_of(call):
            is_on_hold = dialog.answered_ns and not dialog.ended_ns
            if now_ns <= max(call.media[1] + (HOLD_NS if is_on_hold else 0), dialog.last_ns) + wait + untold:
                return False
        return True

    def _dialogs_of(self, call: OpenCall) -> list[Dialog]:
        """Return the SIP dialogs that tell of a call."""
        if not len(self._dialogs):
            return []
        return [dialog for dialog in map(self._dialogs.get, call.dialogs) if dialog is not None]

    def _may_resume(self, call: OpenCall, live: LiveFlows) -> bool:
        """Whether something live is media of a dialog of a call: it may have begun after a hold."""
        dialogs = self._dialogs_of(call)
        return any(live.may_join((), dialog.sockets, dialog.last_ns, by_host=False) for dialog in dialogs)

    def _live(
        self, table: tuple[Any, Any], over: list[OpenCall], clusters: list[list[Signalling]], dialogs: list[Dialog]
    ) -> LiveFlows | None:
        """Return what is live of the clients of calls, attempts and dialogs that look finished, and of given calls."""
        given = self._waiting.given_addresses
        if not over and not clusters and not dialogs and not given:
            return None
        units = [one for cluster in clusters for one in cluster]
        hosts = [host for call in over for host in call.hosts] + [one.host for one in units]
        ties = [shared for call in over for shared in call.all_ties] + [shared for one in units for shared in one.ties]
        ties += [socket for dialog in dialogs for socket in dialog.sockets]
        sockets = {shared[ADDRESS] for shared in ties if shared[0] == SOCKET}
        return LiveFlows(*table, {host[ADDRESS] for host in hosts} | sockets | given, ties)

    def _end(self, call: OpenCall) -> Dialog | None:
        """Take a call out: nothing more will come to it; return the first SIP dialog that tells of it."""
        if not call.is_attached:
            self._waiting.attach(call)
        self._open.remove(call)
        self.ended += 1
        self._waiting.note_given(call)
        found = self._dialogs_of(call)
        for dialog in found:
            self._dialogs.remove(dialog)
        return min(found, key=lambda one: one.first_ns) if found else None

    def _records(self, ended: list[tuple[OpenCall, Dialog | None]], end_ns: int | None) -> Calls:
        """Return the records of calls that were taken out."""
        if not ended:
            return Calls()
        calls, dialogs = zip(*ended, strict=True)
        return call_records(EndedCalls(calls, dialogs), self._scene, end_ns, SETUP_NS)

    def _attempts(self, clusters: list[list[Signalling]], live: LiveFlows | None, end_ns: int | None) -> Iterator[Call]:
        """Yield the records of attempts: signalling that no call with media has taken."""
        for units in self._waiting.attempts(clusters, self._open, live):
            self.attempts += 1
            yield attempt_record(units, self._scene, end_ns)

    def _unheard(self, dialogs: Iterable[Dialog], live: LiveFlows | None, end_ns: int | None) -> Iterator[Call]:
        """Yield the records of SIP dialogs that are over and of which no media was seen, nor is to be told of."""
        for dialog in dialogs:
            if live is not None and live.may_join((), dialog.sockets, dialog.last_ns, by_host=False):
                continue
            self._dialogs.remove(dialog)
            self.attempts += 1
            yield dialog_record(dialog, self._scene, end_ns)
