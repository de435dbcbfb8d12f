"""Host module: episodes, the calls that one pair of sockets carried one after another.

A telephone, or a load generator, dials again from the port it had before, while the meter still holds the flow. Its
streams tell the calls apart: by the SIP dialog that each began in, or by a silence that none of them outlasts and after
which each way has a source of its own. In a meeting a listener's own source, or its absence, goes on through silences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np

from flowclass.calls.dialog import Dialogs
from flowclass.calls.leg import LEG, NEVER, NS_PER_S, SILENCE_NS, Leg, Span, extents
from flowclass.calls.source import LEAST_PACKETS, Source, sources_of
from flowclass.calls.ties import FORWARDED, ID, PIECES, SOCKET, Tie, source_ties, tie, ties_by_flow
from flowclass.flow.record import MEDIA
from flowclass.record.verdict import App, EndMark

#: Sources of no known dialog that go on for longer beside a dialog's are of the same call, which it asked anew.
TOGETHER_NS = NS_PER_S


def episodes(leg: Leg, dialogs: Dialogs) -> list[Leg]:
    """Return a flow with media as one leg for each call that it carried, the first to begin first."""
    is_told = dialogs.knows(leg.sockets)
    if not leg.has_silence and not is_told:
        return [leg]
    only = dialogs.only(leg.sockets) if is_told else None
    if only is not None and only.first_ns <= leg.first_ns:
        # All of it is of this dialog.
        return [leg]
    every = sources_of(leg.sources)
    rows = sorted([row for row in every if row.packets], key=attrgetter("first_ns"))
    if len(rows) < 2:
        return [leg]
    groups = _by_dialog(leg, rows, dialogs) if is_told else {}
    if any(groups):
        # What a dialog says of its media needs no silence, and outlasts one: a call on hold.
        return _parts(leg, every, list(groups.values()), is_dialog=True)
    return _parts(leg, every, _by_silence(leg, rows), is_dialog=False)


def _by_dialog(leg: Leg, rows: Sequence[Source], dialogs: Dialogs) -> dict[int, list[Source]]:
    """Return the streams by the dialog in which they began, 0 for none."""
    groups: dict[int, list[Source]] = {}
    for row in rows:
        dialog = dialogs.find(leg.sockets, row.first_ns)
        groups.setdefault(0 if dialog is None else dialog.number, []).append(row)
    before, *after = groups.values()
    if 0 in groups and after and _end(before) > min(row.first_ns for group in after for row in group) + TOGETHER_NS:
        return {}
    return groups


def _by_silence(leg: Leg, rows: Sequence[Source]) -> list[list[Source]]:
    """Return the streams apart where all were silent and each way went on with sources of its own."""
    groups: list[list[Source]] = []
    until = None
    for row in rows:
        if until is None or row.first_ns > until + SILENCE_NS:
            groups.append([])
            until = row.last_ns
        groups[-1].append(row)
        until = max(until, row.last_ns)
    if len(groups) == 1:
        return groups
    # A row is one source one way: what goes on through the silence is one row.
    ways = {row.direction for row in rows}
    whole = np.frombuffer(leg.row, LEG)[0]
    kept = [groups[0]]
    for group in groups[1:]:
        both = all({row.direction for row in one} == ways for one in (kept[-1], group))
        if both and (whole["up"] in ways or App(whole["app"]) not in FORWARDED):
            kept.append(group)
        else:
            kept[-1] = [*kept[-1], *group]
    return kept


def _end(rows: Iterable[Source]) -> int:
    return max(row.last_ns for row in rows)


def _parts(leg: Leg, every: Sequence[Source], groups: Sequence[list[Source]], *, is_dialog: bool) -> list[Leg]:
    """Return the legs of some groups of streams; reports, which are of no time, go with the source they are about."""
    if len(groups) < 2:
        return [leg]
    begins = [min(row.first_ns for row in group) for group in groups]
    own = {row: place for place, group in enumerate(groups) for row in group}
    place_of = {row.ssrc: place for row, place in own.items()}
    shares: list[list[Source]] = [[] for _ in groups]
    for row in every:
        shares[own.get(row, place_of.get(row.ssrc, _place(begins, row.first_ns)))].append(row)
    whole = np.frombuffer(leg.row, LEG)
    mark_at = _place(begins, int(whole["end_mark_ns"][0]))
    total = max(1, sum(row.packets for row in every))
    return [
        _part(
            leg,
            whole.copy(),
            rows,
            place,
            is_last=place == len(groups) - 1,
            is_dialog=is_dialog,
            share=sum(row.packets for row in rows) / total,
            after_ns=_end(groups[place - 1]) if place else 0,
            has_mark=place == mark_at,
        )
        for place, rows in enumerate(shares)
    ]


def _place(begins: Sequence[int], at_ns: int) -> int:
    """Return the last group that had begun at a time, the first where none had."""
    return max((place for place, begin in enumerate(begins) if begin <= at_ns), default=0)


def _part(
    leg: Leg,
    row: Any,
    rows: list[Source],
    place: int,
    *,
    is_last: bool,
    is_dialog: bool,
    share: float,
    after_ns: int,
    has_mark: bool,
) -> Leg:
    """Return what a flow carried of one call: some of its streams, and their share of its bytes.

    Parameters
    ----------
    row : LEG[1] of the flow, to be changed
    """
    sources = [one for one in rows if one.packets]
    long = [one for one in sources if one.packets >= LEAST_PACKETS] or sources
    first = min(sources, key=lambda one: (one.first_ns, one.ssrc))
    number = 0 if place == 0 else first.ssrc + 1
    up = int(row["up"][0])
    row["part"], row["after_ns"] = number, after_ns
    if place:
        row["first_ns"] = first.first_ns
    if not is_last:
        row["last_ns"] = _end(long)
    for way, direction in enumerate((up, 1 - up)):
        mine = _span(one for one in long if one.direction == direction)
        row["media_first_ns"][0, way], row["media_last_ns"][0, way] = mine
        row["packets"][0, way] = sum(one.packets for one in rows if one.direction == direction)
        row["bytes"][0, way] = round(int(row["bytes"][0, way]) * share)
    if not has_mark:
        row["end_mark"], row["end_mark_ns"] = EndMark.NONE, 0
    begin, end = extents(row)
    return replace(
        leg,
        row=row.tobytes(),
        sources=b"".join([one.row for one in rows]),
        number=leg.number ^ number,
        ties=_ties(leg, row, rows, number, is_dialog=is_dialog),
        media=(int(begin[0]), int(end[0])),
        first_ns=int(row["first_ns"][0]),
        packets=int(row["packets"].sum()),
        goes_on=leg.goes_on and is_last,
    )


def _ties(leg: Leg, row: Any, rows: list[Source], number: int, *, is_dialog: bool) -> tuple[Tie, ...]:
    """Return the ties of a part of a flow; a dialog's sockets are those of the next: it alone says whose they were."""
    kept = () if is_dialog else (SOCKET,) if number else (SOCKET, ID)
    ties = [one for one in leg.ties if one[0] in kept]
    ties += [tie(PIECES, leg.number ^ number)] if any(one[0] == PIECES for one in leg.ties) else []
    media = np.frombuffer(b"".join([one.row for one in rows]), MEDIA)
    of_sources = source_ties(row["app"], row["client_hi"], row["client_lo"], media, np.zeros(len(media), np.int64))
    return (*ties, *ties_by_flow(1, *of_sources)[0])


def _span(rows: Iterable[Source]) -> Span:
    spans = [(row.first_ns, row.last_ns) for row in rows]
    return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else NEVER
