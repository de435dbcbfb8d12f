"""Host module: EndedCalls, calls to which nothing more will come: whose they were, and when media came each way.

All calls that end together are looked at together: their legs are LEG rows, those of a call one after another, and
what is asked of a call is a column over the runs of its legs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from flowclass.calls.columns import Runs
from flowclass.calls.dialog import Dialog
from flowclass.calls.leg import LEG, NEVER, extents, turned
from flowclass.calls.opencall import OpenCall
from flowclass.calls.parties import PATH_PACKETS, client_legs, is_near_end, is_towards
from flowclass.calls.signalling import Signalling
from flowclass.calls.streams import Streams, merged
from flowclass.calls.ties import ADDRESS, FAR_ADDRESS
from flowclass.flow.record import MEDIA
from flowclass.record.verdict import App

#: Where media goes on for longer after a refusal, another branch answered, and the probe has not seen it.
AFTER_REFUSAL_NS = 5_000_000_000
#: Ports of the client for a shared screen (FACTS §1.2), and where RTP begins behind Zoom's headers of one, through its
#: server and from peer to peer (FACTS §1.9).
TEAMS_SCREEN_PORTS = range(50040, 50060)
ZOOM_SCREEN_OFFSETS = (35, 20)


class EndedCalls:
    """Calls to which nothing more will come.

    Parameters
    ----------
    calls : at least one
    dialogs : what SIP said of each

    Attributes
    ----------
    every : LEG[n], the legs of each call, the first to begin first, as ``every_of`` says which call's they are
    legs : those of one end, where both ends are seen, as ``of`` says
    sides : the same as the clients of the calls see them
    client_hi, client_lo : uint64[calls], whose calls they are
    first_ns, last_ns : int64[calls, 2], first and last media up and down, NEVER for a way without
    begin_ns, end_ns : int64[calls], the same of both ways
    talk_ns : int64[2, calls], when there was media both ways, of an answered call where SIP tells; the first after the
        second for never
    is_refused : bool[calls], which SIP says were refused or given up, and their media was over then
    units, unit_of : signalling that went with calls, the first to begin first, and whose it is
    is_tied : bool[units], what of that shares a tie with its call
    """

    def __init__(self, calls: Sequence[OpenCall], dialogs: Sequence[Dialog | None]) -> None:
        self.dialogs = dialogs
        legs = [leg for call in calls for leg in call.legs.values()]
        rows = np.frombuffer(b"".join([leg.row for leg in legs]), LEG)
        owner = np.repeat(np.arange(len(calls)), [len(call.legs) for call in calls])
        order = np.lexsort((rows["flow_id"] ^ rows["part"], extents(rows)[0], owner))
        self.every, self.every_of = rows[order], Runs(owner[order], len(calls))
        data = [legs[place].sources for place in order.tolist()]
        self._media = np.frombuffer(b"".join(data), MEDIA)
        leg_of = np.repeat(np.arange(len(legs)), [len(rows) // MEDIA.itemsize for rows in data])
        self._take_one_end(leg_of)
        self._take_signalling(calls)
        self._time(calls)

    def __len__(self) -> int:
        return len(self.dialogs)

    def _take_one_end(self, leg_of: Any) -> None:
        """Leave the other ends' legs out, and see those that are left as the clients do."""
        is_near = is_near_end(self.every, self.every_of, self._media, leg_of)
        self.legs, self.of = self.every[is_near], Runs(self.every_of.owner[is_near], len(self))
        of_near = is_near[leg_of]
        self._media, self._leg_of = self._media[of_near], (np.cumsum(is_near) - 1)[leg_of[of_near]]
        clients = self.legs[client_legs(self.legs, self.of)]
        self.client_hi, self.client_lo = clients["client_hi"], clients["client_lo"]
        mine = self.of.owner
        self.sides = turned(self.legs, ~is_towards(self.legs, self.client_hi[mine], self.client_lo[mine]))

    def _take_signalling(self, calls: Sequence[OpenCall]) -> None:
        # In which order flows are told of depends on how busy the link is.
        found = [
            (place, unit)
            for place, call in enumerate(calls)
            if call.signalling
            for unit in sorted(call.signalling, key=lambda one: (one.first_ns, one.flow_ids))
        ]
        self.units: list[Signalling] = [unit for _, unit in found]
        self.unit_of = np.array([place for place, _ in found], np.int64)
        self.is_tied = np.array([unit in calls[place].tied for place, unit in found], bool)

    def _time(self, calls: Sequence[OpenCall]) -> None:
        counts = self._media_legs()[:, None]
        self.first_ns = self.of.least(np.where(counts, self.sides["media_first_ns"], NEVER[0]))
        self.last_ns = self.of.most(np.where(counts, self.sides["media_last_ns"], NEVER[1]))
        answered = np.array([0 if one is None else one.conversation_ns for one in self.dialogs], np.int64)
        first, last = self.first_ns.min(axis=1), self.last_ns.max(axis=1)
        refused = np.array([0 if one is None else one.refused_ns for one in self.dialogs], np.int64)
        self.is_refused = (refused > 0) & (last <= refused + AFTER_REFUSAL_NS)
        both = np.maximum(self.first_ns.max(axis=1), answered)
        self.talk_ns = np.where(self.is_refused, NEVER[0], both), self.last_ns.min(axis=1)
        has_media = first <= last
        whole = np.array([call.media for call in calls], np.int64)
        self.begin_ns = np.where(has_media, first, whole[:, 0])
        self.end_ns = np.where(has_media, last, whole[:, 1])

    def _media_legs(self) -> Any:
        """Return bool[legs]: whose media counts; beside RTP, what has none is its reports."""
        call, packets = self.of.owner[self._leg_of], self._media["packets"]
        _, source = np.unique(call << 32 | self._media["ssrc"], return_inverse=True)
        # A source that moves from the relay to the peer counts as one.
        is_media = (packets > 0) & (np.bincount(source, packets)[source] >= PATH_PACKETS)
        carries = np.bincount(self._leg_of, is_media, len(self.legs)) > 0
        return carries | ~self.of.any(carries)[self.of.owner] | (self.of.counts == 1)[self.of.owner]

    @cached_property
    def streams(self) -> Streams:
        """Their RTP sources, with what RTCP on ports of its own says of them."""
        told = [
            (place, row, 1 - up if is_turned else up)
            for place, unit, is_turned in zip(self.unit_of.tolist(), self.units, self._sees_turned(), strict=True)
            for row, up in unit.reports
        ]
        owner = np.concatenate([self.of.owner[self._leg_of], np.array([place for place, _, _ in told], np.int64)])
        upward = np.concatenate([self.sides["up"][self._leg_of], np.array([up for *_, up in told], np.uint8)])
        rows = np.concatenate([self._media, np.frombuffer(b"".join([row for _, row, _ in told]), MEDIA)])
        order = np.argsort(owner, kind="stable")
        key = owner << 32 | rows["ssrc"]
        is_screen = np.isin(key, key[: len(self._leg_of)][self._screens()[self._leg_of]])
        return merged(rows[order], owner[order], upward[order], is_screen[order])

    def _sees_turned(self) -> list[bool]:
        """Return, for each unit of signalling, whether its other end is the call's client."""
        words = np.stack([self.client_hi, self.client_lo], axis=1).astype("<u8").tobytes()
        clients = [words[at : at + 16] for at in range(0, len(words), 16)]
        return [
            clients[place] != unit.host[ADDRESS] and clients[place] == unit.host[FAR_ADDRESS]
            for place, unit in zip(self.unit_of.tolist(), self.units, strict=True)
        ]

    def _screens(self) -> Any:
        """Return bool[legs]: whose application has their socket, or their headers in front of RTP, for a screen."""
        app, ports = self.legs["app"], self.legs["ports"]
        of_teams = ((ports >= TEAMS_SCREEN_PORTS.start) & (ports < TEAMS_SCREEN_PORTS.stop)).any(axis=1)
        offsets = np.isin(self._media["offset"], ZOOM_SCREEN_OFFSETS)
        of_zoom = np.bincount(self._leg_of, offsets, len(self.legs)) > 0
        return np.isin(app, (App.TEAMS, App.SKYPE)) & of_teams | (app == App.ZOOM) & of_zoom

    def starts_ns(self, setup_ns: int) -> Any:
        """Return int64[calls], when they were begun: with the first packet, of media or of set-up, which may be cut."""
        begin, owner = self.begin_ns, self.every_of.owner
        # What has gone on since the call before on the same sockets does not tell when this one began.
        after = self.every["after_ns"]
        after = self.every_of.most(np.where(after < begin[owner], after, 0))
        firsts, tied = self.every["first_ns"], self.unit_of[self.is_tied]
        first = self.every_of.least(np.where(firsts > after[owner], firsts, NEVER[0]))
        begun = np.array(
            [unit.first_ns for unit, is_tied in zip(self.units, self.is_tied, strict=True) if is_tied], np.int64
        )
        begun = np.where(begun > after[tied], begun, NEVER[0])
        np.minimum.at(first, tied, begun)
        first = np.where(first == NEVER[0], begin, first)
        start = np.minimum(np.maximum(first, begin - setup_ns), begin)
        said = np.array([NEVER[0] if one is None else one.first_ns for one in self.dialogs], np.int64)
        return np.minimum(start, said)

    def flow_ids(self) -> list[list[int]]:
        """Return the ids of the flows of each: of media, of its SIP dialog, of other signalling."""
        numbers = self.every["flow_id"].tolist()
        found = [numbers[some] for some in self.every_of.slices]
        for place, dialog in enumerate(self.dialogs):
            if dialog is not None:
                found[place] += sorted(dialog.flow_ids)
        pairs: dict[int, list[tuple[int, int]]] = {}
        for place, unit in zip(self.unit_of.tolist(), self.units, strict=True):
            pairs.setdefault(place, []).extend(unit.flow_ids)
        for place, some in pairs.items():
            found[place] += [flow for _, flow in sorted(some)]
        return [list(dict.fromkeys(every)) if len(every) > 1 else every for every in found]
