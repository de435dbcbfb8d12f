"""Host module: what the records of calls with media say.

The calls that end together are described together, a column of their records after the other: each column is a line
here, and what the streams say is worked out for all of them at once (calls.streams, calls.quality).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from flowclass.calls.columns import DIGITS, known, rounded
from flowclass.calls.dialog import Dialog
from flowclass.calls.endedcall import EndedCall
from flowclass.calls.figures import figures, pauses, round_trips, shown
from flowclass.calls.outcome import Verdict, ended_by, outcome_of_media
from flowclass.calls.parties import named
from flowclass.calls.quality import qualities
from flowclass.calls.record import MAX_FLOWS, SCHEMA_VERSION, Call, EndedBy, calls_of
from flowclass.calls.scene import Scene
from flowclass.calls.source import Source
from flowclass.calls.streams import DOWN, UP, Stream, Streams, merged
from flowclass.calls.traits import access_network, app_names, bytes_by_path, evidence, group_of, media_kinds, path_of
from flowclass.record.verdict import APP_NAMES, App

NS_PER_S = 1_000_000_000
#: Media this close to the first or last packet of the capture was cut off there.
CUT_NS = NS_PER_S
#: Digits of a confidence.
CONFIDENCE_DIGITS = 4
Columns = dict[str, Sequence[Any]]
NOTHING_SAID: Mapping[int, str] = {}


def call_records(calls: Sequence[EndedCall], scene: Scene, end_ns: int | None, setup_ns: int) -> list[Call]:
    """Return the records of calls with media; ``end_ns`` is the end of the capture, None while it goes on.

    Parameters
    ----------
    setup_ns : set-up that is longer is cut
    """
    streams = _streams(calls)
    places = streams.places(len(calls))
    every, every_shown = streams.each, shown(streams, [_codecs(call) for call in calls])
    each = [every[some] for some in places]
    is_dropped = np.array([call.media[0] <= scene.dropped_ns <= call.media[1] for call in calls], bool)
    is_snapped = np.array([any([leg.is_snapped for leg in call.legs]) for call in calls], bool)
    cuts = [scene.cuts(call.media, end_ns, CUT_NS) for call in calls]
    return calls_of(
        {
            "schema": [SCHEMA_VERSION] * len(calls),
            "capture": [scene.name] * len(calls),
            **_parties(calls, scene),
            **_times(calls, cuts, setup_ns),
            **_course(calls, cuts),
            **_media(calls, each),
            **_traffic(calls),
            **figures(
                qualities(streams, is_dropped, is_snapped, scene.quality),
                round_trips([call.sides for call in calls], streams),
                [pauses(() if mine else call.sides) for call, mine in zip(calls, each, strict=True)],
            ),
            "streams": [every_shown[some] for some in places],
        }
    )


def _codecs(call: EndedCall) -> Mapping[int, str]:
    """Return what SDP said of the call's payload types."""
    return NOTHING_SAID if call.dialog is None else call.dialog.codecs


def _streams(calls: Sequence[EndedCall]) -> Streams:
    """Return the streams of calls."""
    sources: list[Source] = []
    owners: list[int] = []
    upward: list[int] = []
    screens: list[bool] = []
    for place, call in enumerate(calls):
        mine, ways = call.sources()
        sources += mine
        upward += ways
        owners += [place] * len(mine)
        screened = call.screens
        screens += [source.ssrc in screened for source in mine] if screened else [False] * len(mine)
    return merged(sources, owners, upward, screens)


def _parties(calls: Sequence[EndedCall], scene: Scene) -> Columns:
    """Return the columns of what was called, by whom and over which flows."""
    names = [named(call.legs) for call in calls]
    apps = [_app(call, app) for call, (app, _) in zip(calls, names, strict=True)]
    candidates = [
        reduce(or_, [leg.candidates for leg in call.legs], 1 << app) for call, app in zip(calls, apps, strict=True)
    ]
    networks = [next((leg.network for leg in call.legs if leg.client == call.client), 0) for call in calls]
    costs = [[leg.cost for leg in call.sides] + [one.cost for one in call.tied] for call in calls]
    return {
        "call_id": [f"{call.every[0].number:016x}" for call in calls],
        "app": [APP_NAMES[app] for app in apps],
        "candidates": list(map(app_names, candidates)),
        "confidence": known(rounded([confidence for _, confidence in names], CONFIDENCE_DIGITS)),
        "client": [call.client for call in calls],
        "network": list(map(scene.network_name, networks)),
        "access_hint": [access_network(max([cost[0] for cost in some])) for some in costs],
        "access_hint_peer": [access_network(max([cost[1] for cost in some])) for some in costs],
        "flows": [[f"{number:016x}" for number in call.flow_ids[:MAX_FLOWS]] for call in calls],
        "media_flows": [len(call.every) for call in calls],
    }


def _app(call: EndedCall, app: int) -> int:
    """Return the application of a call that its media flows name so: RTP of which a SIP dialog tells is SIP's."""
    return App.SIP if call.dialog is not None and app == App.RTP else app


def _times(calls: Sequence[EndedCall], cuts: Sequence[tuple[bool, bool]], setup_ns: int) -> Columns:
    """Return the columns of when a call was what."""
    starts = [call.start_ns(setup_ns) for call in calls]
    setup_s = [
        round((call.talk[0] - start) / NS_PER_S, DIGITS) if call.talk is not None and not cut_start else None
        for call, start, (cut_start, _) in zip(calls, starts, cuts, strict=True)
    ]
    return {
        "start": [start / NS_PER_S for start in starts],
        "setup_s": setup_s,
        "ring_s": [
            setup if call.dialog is None else _ring_s(call.dialog) for call, setup in zip(calls, setup_s, strict=True)
        ],
        "talk_start": [None if call.talk is None else call.talk[0] / NS_PER_S for call in calls],
        "end": [call.media[1] / NS_PER_S for call in calls],
        "talk_s": [
            0.0 if call.talk is None else round((call.talk[1] - call.talk[0]) / NS_PER_S, DIGITS) for call in calls
        ],
    }


def _ring_s(dialog: Dialog) -> float | None:
    """Return how long it rang until it was answered."""
    if not dialog.ringing_ns or not dialog.answered_ns:
        return None
    return round((dialog.answered_ns - dialog.ringing_ns) / NS_PER_S, DIGITS)


def _course(calls: Sequence[EndedCall], cuts: Sequence[tuple[bool, bool]]) -> Columns:
    """Return the columns of how calls went and ended, and of what says so."""
    ends = [_ended_by(call, cut_end=cut_end) for call, (_, cut_end) in zip(calls, cuts, strict=True)]
    verdicts: list[Verdict] = [
        outcome_of_media(call.up, call.down, call.talk, ended, call.legs)
        for call, ended in zip(calls, ends, strict=True)
    ]
    return {
        "outcome": [verdict.outcome.value for verdict in verdicts],
        "ended_by": [ended.value for ended in ends],
        "cut_start": [cut_start for cut_start, _ in cuts],
        # What a message has ended was not cut off, however soon the capture ended after it.
        "cut_end": [
            cut_end and ended not in (EndedBy.TERMINATE, EndedBy.BYE)
            for ended, (_, cut_end) in zip(ends, cuts, strict=True)
        ],
        "reasons": [
            [*evidence([leg.reasons for leg in call.every]), *verdict.reasons]
            for call, verdict in zip(calls, verdicts, strict=True)
        ],
    }


def _ended_by(call: EndedCall, *, cut_end: bool) -> EndedBy:
    """Return what showed that a call was over."""
    if call.dialog is not None and call.dialog.ended_ns:
        return EndedBy.BYE
    marks = [leg.end for leg in call.every] + [one.end for one in call.signalling]
    return ended_by(marks, call.media[1], cut_end=cut_end)


def _media(calls: Sequence[EndedCall], each: Sequence[Sequence[Stream]]) -> Columns:
    """Return the columns of what calls carried, which way, and to how many; ``each``: the streams of each."""
    paths = [path_of(call.legs) for call in calls]
    return {
        "media": list(map(media_kinds, each)),
        "media_up": [media_kinds([one for one in streams if one.way == UP]) for streams in each],
        "media_down": [media_kinds([one for one in streams if one.way == DOWN]) for streams in each],
        "path": paths,
        "group": list(map(group_of, each, paths)),
    }


def _traffic(calls: Sequence[EndedCall]) -> Columns:
    """Return the columns of packets and bytes."""
    relayed, straight = zip(*[bytes_by_path(call.legs) for call in calls], strict=True)
    return {
        "packets_up": [sum([leg.packets[0] for leg in call.sides]) for call in calls],
        "packets_down": [sum([leg.packets[1] for leg in call.sides]) for call in calls],
        "bytes_up": [sum([leg.bytes[0] for leg in call.sides]) for call in calls],
        "bytes_down": [sum([leg.bytes[1] for leg in call.sides]) for call in calls],
        "bytes_relay": relayed,
        "bytes_p2p": straight,
    }
