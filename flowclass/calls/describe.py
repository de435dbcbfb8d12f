"""Host module: what the records of calls with media say.

The calls that end together are described together, a column of their records after the other: each column is a line
here, and is worked out for all of them at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from flowclass.calls.batch import Calls, Columns
from flowclass.calls.columns import DIGITS, hex_texts, known, rounded
from flowclass.calls.dialog import Dialog
from flowclass.calls.endedcall import EndedCalls
from flowclass.calls.ends import texts
from flowclass.calls.figures import pauses, round_trips, shown
from flowclass.calls.outcome import END_SLACK_NS, end_of, outcome_with_dialog, outcomes_of_media
from flowclass.calls.parties import named
from flowclass.calls.quality import qualities
from flowclass.calls.record import MAX_FLOWS, SCHEMA_VERSION, EndedBy
from flowclass.calls.scene import Scene
from flowclass.calls.traits import (
    access_network,
    app_names,
    bytes_by_path,
    evidence_of,
    groups_of,
    media_kinds,
    paths_of,
)
from flowclass.record.verdict import APP_NAMES, App

NS_PER_S = 1_000_000_000
#: Media this close to the first or last packet of the capture was cut off there.
CUT_NS = NS_PER_S
#: Digits of a confidence.
CONFIDENCE_DIGITS = 4
NOTHING_SAID: Mapping[int, str] = {}
#: Bool[calls] twice: whose begin, and whose end, the capture has cut off.
Cuts = tuple[Any, Any]


def call_records(calls: EndedCalls, scene: Scene, end_ns: int | None, setup_ns: int) -> Calls:
    """Return the records of calls with media; ``end_ns`` is the end of the capture, None while it goes on.

    Parameters
    ----------
    setup_ns : set-up that is longer is cut
    """
    count, streams = len(calls), calls.streams
    counts = streams.counts(count)
    is_dropped = (calls.begin_ns <= scene.dropped_ns) & (scene.dropped_ns <= calls.end_ns)
    is_snapped = calls.of.any(calls.legs["is_snapped"])
    cuts = _cuts(calls, scene, end_ns)
    columns: Columns = {
        "schema": [SCHEMA_VERSION] * count,
        "capture": [scene.name] * count,
        **_parties(calls, scene),
        **_times(calls, cuts, setup_ns),
        **_course(calls, cuts),
        **_media(calls),
        **_traffic(calls),
        **qualities(streams, is_dropped, is_snapped, scene.quality),
        **round_trips(calls.sides, calls.of, streams),
        **pauses(calls.sides, calls.of, counts > 0),
    }
    codecs = [NOTHING_SAID if dialog is None else dialog.codecs for dialog in calls.dialogs]
    return Calls(columns, shown(streams, codecs), counts.tolist())


def _cuts(calls: EndedCalls, scene: Scene, end_ns: int | None) -> Cuts:
    """Return which calls the capture has cut off: by its first and last packet, a SIP dialog's begin by its INVITE."""
    near, cut_end = scene.cuts((calls.begin_ns, calls.end_ns), end_ns, CUT_NS)
    cut_start = [
        is_near if dialog is None else dialog.begins_before(is_near=is_near)
        for dialog, is_near in zip(calls.dialogs, near.tolist(), strict=True)
    ]
    return np.array(cut_start, bool), cut_end


def _parties(calls: EndedCalls, scene: Scene) -> Columns:
    """Return the columns of what was called, by whom and over which flows."""
    legs, of, every = calls.legs, calls.of, calls.every
    apps, confidences = named(legs, of)
    # RTP of which a SIP dialog tells is SIP's.
    is_told = np.array([dialog is not None for dialog in calls.dialogs], bool)
    apps = np.where(is_told & (apps == App.RTP), App.SIP, apps)
    candidates = of.bits(legs["candidates"]) | np.uint64(1) << apps.astype(np.uint64)
    mine = of.owner
    is_clients = (legs["client_hi"] == calls.client_hi[mine]) & (legs["client_lo"] == calls.client_lo[mine])
    networks = np.append(legs["network"], 0)[of.first(is_clients)]
    costs = of.most(calls.sides["cost"]).astype(np.int64)
    tied = [unit.cost for unit, is_tied in zip(calls.units, calls.is_tied.tolist(), strict=True) if is_tied]
    np.maximum.at(costs, calls.unit_of[calls.is_tied], np.array(tied, np.int64).reshape(-1, 2))
    first = every[calls.every_of.begins]
    flow_ids = [some[:MAX_FLOWS] for some in calls.flow_ids()]
    flows = iter(hex_texts([number for some in flow_ids for number in some]))
    return {
        "call_id": hex_texts(first["flow_id"] ^ first["part"]),
        "app": [APP_NAMES[app] for app in apps.tolist()],
        "candidates": list(map(app_names, candidates.tolist())),
        "confidence": known(rounded(confidences, CONFIDENCE_DIGITS)),
        "client": texts(calls.client_hi, calls.client_lo),
        "network": list(map(scene.network_name, networks.tolist())),
        "access_hint": list(map(access_network, costs[:, 0].tolist())),
        "access_hint_peer": list(map(access_network, costs[:, 1].tolist())),
        "flows": [[next(flows) for _ in some] for some in flow_ids],
        "media_flows": calls.every_of.counts.tolist(),
    }


def _times(calls: EndedCalls, cuts: Cuts, setup_ns: int) -> Columns:
    """Return the columns of when a call was what."""
    starts = calls.starts_ns(setup_ns)
    first, last = calls.talk_ns
    has_talk = first <= last
    # Of a later call on the sockets of another the set-up may lie in what has gone on since that one.
    is_later = calls.every_of.most(calls.every["after_ns"]) > 0
    is_seen = ~cuts[0] & ~(is_later & (starts >= calls.begin_ns))
    setup_s = known(rounded(np.where(has_talk & is_seen, first - starts, np.nan) / NS_PER_S))
    talk_s = rounded(np.where(has_talk, last - np.where(has_talk, first, 0), 0) / NS_PER_S)
    return {
        "start": _seconds(starts),
        "setup_s": setup_s,
        "ring_s": [
            setup if dialog is None else _ring_s(dialog) for dialog, setup in zip(calls.dialogs, setup_s, strict=True)
        ],
        "talk_start": [
            start if is_there else None for start, is_there in zip(_seconds(first), has_talk.tolist(), strict=True)
        ],
        "end": _seconds(calls.end_ns),
        "talk_s": talk_s.tolist(),
    }


def _seconds(times_ns: Any) -> list[float]:
    """Return times in s, to the double next to each: 64 bits do not fit into one before they are divided."""
    return [time_ns / NS_PER_S for time_ns in times_ns.tolist()]


def _ring_s(dialog: Dialog) -> float | None:
    """Return how long it rang until it was answered, or given up."""
    until = dialog.answered_ns or dialog.ended_ns
    return round(max(0, until - dialog.ringing_ns) / NS_PER_S, DIGITS) if dialog.ringing_ns and until else None


def _course(calls: EndedCalls, cuts: Cuts) -> Columns:
    """Return the columns of how calls went and ended, and of what says so."""
    ends = [
        EndedBy.BYE if dialog is not None and dialog.ended_ns else end_of(mark, cut_end=cut_end)
        for dialog, mark, cut_end in zip(calls.dialogs, _marks(calls).tolist(), cuts[1].tolist(), strict=True)
    ]
    verdicts = outcomes_of_media(calls, np.array([ended == EndedBy.SILENCE for ended in ends], bool))
    verdicts = [
        verdict if dialog is None else outcome_with_dialog(verdict, dialog, is_refused=is_refused)
        for verdict, dialog, is_refused in zip(verdicts, calls.dialogs, calls.is_refused.tolist(), strict=True)
    ]
    seen = evidence_of(calls.every_of.bits(calls.every["reasons"]))
    return {
        "outcome": [verdict.outcome.value for verdict in verdicts],
        "ended_by": [ended.value for ended in ends],
        "cut_start": cuts[0].tolist(),
        # What a message has ended was not cut off, however soon the capture ended after it.
        "cut_end": [
            cut_end and ended not in (EndedBy.TERMINATE, EndedBy.BYE)
            for ended, cut_end in zip(ends, cuts[1].tolist(), strict=True)
        ],
        "reasons": [[*names, *verdict.reasons] for names, verdict in zip(seen, verdicts, strict=True)],
    }


def _marks(calls: EndedCalls) -> Any:
    """Return int64[calls]: the EndMark that carries furthest of those that came when the media ended."""
    # A relay released, or a source that said goodbye, while other media went on is not the end.
    since_ns = calls.end_ns - END_SLACK_NS
    every, of = calls.every, calls.every_of
    marks = of.most(np.where(every["end_mark_ns"] >= since_ns[of.owner], every["end_mark"], 0)).astype(np.int64)
    told = np.array([unit.end for unit in calls.units], np.int64).reshape(-1, 2)
    is_timely = told[:, 1] >= since_ns[calls.unit_of]
    np.maximum.at(marks, calls.unit_of[is_timely], told[is_timely, 0])
    return marks


def _media(calls: EndedCalls) -> Columns:
    """Return the columns of what calls carried, which way, and to how many."""
    every, up, down = media_kinds(calls.streams, len(calls))
    paths = paths_of(calls.legs, calls.of)
    return {
        "media": every,
        "media_up": up,
        "media_down": down,
        "path": paths,
        "group": groups_of(calls.streams, paths),
    }


def _traffic(calls: EndedCalls) -> Columns:
    """Return the columns of packets and bytes."""
    packets, size = (calls.of.sum(calls.sides[name]) for name in ("packets", "bytes"))
    relayed, straight = bytes_by_path(calls.legs, calls.of)
    return {
        "packets_up": packets[:, 0].tolist(),
        "packets_down": packets[:, 1].tolist(),
        "bytes_up": size[:, 0].tolist(),
        "bytes_down": size[:, 1].tolist(),
        "bytes_relay": relayed,
        "bytes_p2p": straight,
    }
