"""Host module: what the records of calls with media say, from OpenCalls.

Calls are described many at a time: what their streams say is worked out in columns (calls.streams, calls.quality), and
only what is left is done call by call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np

from flowclass.calls.dialog import Dialog
from flowclass.calls.figures import NO_PAUSES, StreamRecord, TripColumns, figures, pauses, round_trips, shown
from flowclass.calls.leg import Leg, Span
from flowclass.calls.opencall import OpenCall, extent, span
from flowclass.calls.outcome import ended_by, outcome_of_media
from flowclass.calls.parties import carries, client_of, is_towards, named, near_end, sources_of
from flowclass.calls.quality import Quality, qualities
from flowclass.calls.record import MAX_FLOWS, SCHEMA_VERSION, Call, EndedBy, call_of
from flowclass.calls.scene import Scene
from flowclass.calls.signalling import Signalling
from flowclass.calls.source import Source
from flowclass.calls.streams import DOWN, UP, Stream, Streams, merged
from flowclass.calls.traits import access_network, app_names, bytes_by_path, evidence, group_of, media_kinds, path_of
from flowclass.record.verdict import APP_NAMES, App

NS_PER_S = 1_000_000_000
#: Media this close to the first or last packet of the capture was cut off there.
CUT_NS = NS_PER_S


@dataclass(slots=True)
class EndedCall:
    """A call to which nothing more will come.

    Attributes
    ----------
    every : its legs, the first to begin first
    legs : those of one end, where both ends are seen
    sides : the same as the client of the call sees them
    signalling : what went with it, and ``tied`` what of that shares a tie with it
    dialog : what SIP said of it
    up, down : first and last media each way
    media : the same of both
    """

    every: list[Leg]
    legs: list[Leg]
    client: str
    sides: list[Leg]
    signalling: list[Signalling]
    tied: list[Signalling]
    dialog: Dialog | None
    up: Span | None
    down: Span | None
    media: Span

    @classmethod
    def of(cls, call: OpenCall, dialog: Dialog | None) -> EndedCall:
        """Return a call as it is when it is over."""
        every = list(call.legs.values())
        if len(every) > 1:
            every.sort(key=lambda leg: (extent(leg)[0], leg.number))
        legs = near_end(every)
        client = client_of(legs)
        sides = [leg if is_towards(leg, client) else leg.turned() for leg in legs]
        up, down = _media_each_way(sides)
        # In which order flows are told of depends on how busy the link is.
        signalling = sorted(call.signalling, key=lambda one: (one.first_ns, one.flow_ids))
        media = span(up, down) or call.media
        return cls(every, legs, client, sides, signalling, call.tied, dialog, up, down, media)

    @property
    def sources(self) -> list[tuple[Source, int]]:
        """Its sources, with what RTCP on ports of its own says of them, and the direction away from the client."""
        found = [(one, leg.up) for leg in self.sides for one in leg.sources]
        for unit in self.signalling:
            is_turned = self.client != unit.client and self.client in unit.host
            found += [(one, 1 - up if is_turned else up) for one, up in unit.reports]
        return found

    @property
    def screens(self) -> set[int]:
        """SSRCs of shared screens, if they are video."""
        return {one.ssrc for leg in self.legs if leg.is_screen for one in leg.sources}


def call_records(calls: Sequence[EndedCall], scene: Scene, end_ns: int | None, setup_ns: int) -> list[Call]:
    """Return the records of calls with media; ``end_ns`` is the end of the capture, None while it goes on.

    Parameters
    ----------
    setup_ns : set-up that is longer is cut
    """
    streams = _streams(calls)
    is_dropped = np.array([call.media[0] <= scene.dropped_ns <= call.media[1] for call in calls], bool)
    is_snapped = np.array([any([leg.is_snapped for leg in call.legs]) for call in calls], bool)
    rated = qualities(streams, is_dropped, is_snapped, scene.quality)
    trips = round_trips([call.sides for call in calls], streams)
    each, shown_streams = streams.each, shown(streams)
    return [
        _record(call, each[places], shown_streams[places], quality, measured, scene, end_ns, setup_ns)
        for call, places, quality, measured in zip(calls, streams.places(len(calls)), rated, trips, strict=True)
    ]


def _streams(calls: Sequence[EndedCall]) -> Streams:
    """Return the streams of calls."""
    sources: list[Source] = []
    owners: list[int] = []
    upward: list[int] = []
    screens: list[bool] = []
    for place, call in enumerate(calls):
        screened = call.screens
        for source, up in call.sources:
            sources.append(source)
            owners.append(place)
            upward.append(up)
            screens.append(source.ssrc in screened)
    return merged(sources, owners, upward, screens)


def _record(
    call: EndedCall,
    streams: Sequence[Stream],
    shown_streams: list[StreamRecord],
    quality: Quality,
    trips: TripColumns,
    scene: Scene,
    end_ns: int | None,
    setup_ns: int,
) -> Call:
    every, legs, sides, up, down, dialog = call.every, call.legs, call.sides, call.up, call.down, call.dialog
    end = call.media[1]
    talk = None
    if up is not None and down is not None and min(up[1], down[1]) >= max(up[0], down[0]):
        talk = max(up[0], down[0]), min(up[1], down[1])
    cut_start, cut_end = scene.cuts(call.media, end_ns, CUT_NS)
    ended = ended_by([leg.end for leg in every] + [one.end for one in call.signalling], end, cut_end=cut_end)
    if dialog is not None and dialog.ended_ns:
        ended = EndedBy.BYE
    # What a message has ended was not cut off, however soon the capture ended after it.
    cut_end = cut_end and ended not in (EndedBy.TERMINATE, EndedBy.BYE)
    verdict = outcome_of_media(up, down, talk, ended, legs)
    app, confidence = named(legs)
    if dialog is not None and app == App.RTP:
        app = int(App.SIP)
    start = _start(call, setup_ns)
    setup_s = round((talk[0] - start) / NS_PER_S, 6) if talk is not None and not cut_start else None
    costs = [side.cost for side in sides] + [one.cost for one in call.tied]
    path = path_of(legs)
    bytes_relay, bytes_p2p = bytes_by_path(legs)
    values = {
        "schema": SCHEMA_VERSION,
        "capture": scene.name,
        "call_id": f"{every[0].number:016x}",
        "app": APP_NAMES[app],
        "candidates": app_names(reduce(or_, [leg.candidates for leg in legs], 1 << app)),
        "client": call.client,
        "network": scene.network_name(next((leg.network for leg in legs if leg.client == call.client), 0)),
        "start": start / NS_PER_S,
        "setup_s": setup_s,
        "ring_s": setup_s if dialog is None else _ring_s(dialog),
        "talk_start": None if talk is None else talk[0] / NS_PER_S,
        "end": end / NS_PER_S,
        "talk_s": 0.0 if talk is None else round((talk[1] - talk[0]) / NS_PER_S, 6),
        "outcome": verdict.outcome.value,
        "ended_by": ended.value,
        "cut_start": cut_start,
        "cut_end": cut_end,
        "group": group_of(streams, path),
        "media": media_kinds(streams),
        "media_up": media_kinds([stream for stream in streams if stream.way == UP]),
        "media_down": media_kinds([stream for stream in streams if stream.way == DOWN]),
        "path": path,
        "access_hint": access_network(max([cost[0] for cost in costs])),
        "access_hint_peer": access_network(max([cost[1] for cost in costs])),
        "flows": _flows(call),
        "media_flows": len(every),
        "packets_up": sum([side.packets[0] for side in sides]),
        "packets_down": sum([side.packets[1] for side in sides]),
        "bytes_up": sum([side.bytes[0] for side in sides]),
        "bytes_down": sum([side.bytes[1] for side in sides]),
        "bytes_relay": bytes_relay,
        "bytes_p2p": bytes_p2p,
        **figures(quality, trips, NO_PAUSES if streams else pauses(sides)),
        "confidence": round(confidence, 4),
        "reasons": [*evidence(leg.reasons for leg in every), *verdict.reasons],
        "streams": shown_streams,
    }
    return call_of(values)


def _media_each_way(legs: Sequence[Leg]) -> tuple[Span | None, Span | None]:
    """Return first and last media up and down; beside RTP, what has none is its reports, before and after the talk."""
    if len(legs) == 1:
        return legs[0].media
    sources = sources_of(legs)
    up = down = None
    for leg in legs:
        if carries(leg, sources) or not sources:
            up, down = span(up, leg.media[0]), span(down, leg.media[1])
    return up, down


def _start(call: EndedCall, setup_ns: int) -> int:
    """Return when a call was begun, in ns: with its first packet, of media or set-up."""
    begin = call.media[0]
    # What has gone on since the call before on the same sockets does not tell when this one began.
    after = max([leg.after_ns for leg in call.every if leg.after_ns < begin])
    firsts = [leg.first_ns for leg in call.every] + [one.first_ns for one in call.tied]
    first = min([first for first in firsts if first > after], default=begin)
    start = min(max(first, begin - setup_ns), begin)
    return start if call.dialog is None else min(start, call.dialog.first_ns)


def _flows(call: EndedCall) -> list[str]:
    """Return the ids of a call's flows: of media, of its SIP dialog, of other signalling."""
    numbers = [leg.flow_id for leg in call.every]
    if call.dialog is not None:
        numbers += sorted(call.dialog.flow_ids)
    numbers += [flow for _, flow in sorted([pair for one in call.signalling for pair in one.flow_ids])]
    return [f"{number:016x}" for number in dict.fromkeys(numbers)][:MAX_FLOWS]


def _ring_s(dialog: Dialog) -> float | None:
    """Return how long it rang until it was answered."""
    if not dialog.ringing_ns or not dialog.answered_ns:
        return None
    return round((dialog.answered_ns - dialog.ringing_ns) / NS_PER_S, 6)
