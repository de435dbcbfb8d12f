"""Host module: episodes, the calls that one pair of sockets carried one after another.

A telephone, or a load generator, dials again from the port it had before, while the meter still holds the flow. Its
streams tell the calls apart: by the SIP dialog that each began in, or by a silence that none of them outlasts and after
which each way has a source of its own. In a meeting a listener's own source, or its absence, goes on through silences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from operator import attrgetter

from flowclass.calls.dialog import Dialogs
from flowclass.calls.leg import Leg, Span
from flowclass.calls.source import LEAST_PACKETS, Source
from flowclass.calls.ties import FORWARDED, Tie, source_ties
from flowclass.record.verdict import App, EndMark

NS_PER_S = 1_000_000_000
#: Media that is silent for longer belongs to the next call (FACTS §3.1: 8 to 10 s).
SILENCE_NS = 10 * NS_PER_S
#: Sources of no known dialog that go on for longer beside a dialog's are of the same call, which it asked anew.
TOGETHER_NS = NS_PER_S


def episodes(leg: Leg, dialogs: Dialogs) -> list[Leg]:
    """Return a flow with media as one leg for each call that it carried, the first to begin first."""
    rows = sorted([row for row in leg.sources if row.packets], key=attrgetter("first_ns"))
    if len(rows) < 2:
        return [leg]
    groups = _by_dialog(leg, rows, dialogs) if leg.host[0] == App.SIP else {}
    if any(groups):
        # What a dialog says of its media needs no silence, and outlasts one: a call on hold.
        return _parts(leg, list(groups.values()), is_dialog=True)
    return _parts(leg, _by_silence(leg, rows), is_dialog=False)


def _by_dialog(leg: Leg, rows: Sequence[Source], dialogs: Dialogs) -> dict[int, list[Source]]:
    """Return the streams by the dialog in which they began, 0 for none."""
    groups: dict[int, list[Source]] = {}
    for row in rows:
        dialog = dialogs.find((leg.client, leg.ports[0]), (leg.peer, leg.ports[1]), row.first_ns)
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
    kept = [groups[0]]
    for group in groups[1:]:
        both = all({row.direction for row in one} == ways for one in (kept[-1], group))
        if both and (leg.up in ways or App(leg.app) not in FORWARDED):
            kept.append(group)
        else:
            kept[-1] = [*kept[-1], *group]
    return kept


def _end(rows: Iterable[Source]) -> int:
    return max(row.last_ns for row in rows)


def _parts(leg: Leg, groups: Sequence[list[Source]], *, is_dialog: bool) -> list[Leg]:
    """Return the legs of some groups of streams; reports, which are of no time, go with the source they are about."""
    if len(groups) < 2:
        return [leg]
    begins = [min(row.first_ns for row in group) for group in groups]
    place_of = {row.ssrc: place for place, group in enumerate(groups) for row in group}
    whole: list[list[Source]] = [[] for _ in groups]
    for row in leg.sources:
        whole[place_of.get(row.ssrc, _place(begins, row.first_ns))].append(row)
    mark_at = _place(begins, leg.end[1])
    total = max(1, sum(row.packets for row in leg.sources))
    return [
        _part(
            leg,
            rows,
            place,
            is_last=place == len(groups) - 1,
            is_dialog=is_dialog,
            share=sum(row.packets for row in rows) / total,
            after_ns=_end(groups[place - 1]) if place else 0,
            end=leg.end if place == mark_at else (int(EndMark.NONE), 0),
        )
        for place, rows in enumerate(whole)
    ]


def _place(begins: Sequence[int], at_ns: int) -> int:
    """Return the last group that had begun at a time, the first where none had."""
    return max((place for place, begin in enumerate(begins) if begin <= at_ns), default=0)


def _part(
    leg: Leg,
    rows: list[Source],
    place: int,
    *,
    is_last: bool,
    is_dialog: bool,
    share: float,
    after_ns: int,
    end: tuple[int, int],
) -> Leg:
    """Return what a flow carried of one call: some of its streams, and their share of its bytes."""
    sources = [row for row in rows if row.packets]
    long = [row for row in sources if row.packets >= LEAST_PACKETS] or sources
    up, down = (_span(row for row in long if row.direction == way) for way in (leg.up, 1 - leg.up))
    first = min(sources, key=lambda row: (row.first_ns, row.ssrc))
    number = 0 if place == 0 else first.ssrc + 1
    # A dialog's sockets are those of the next dialog: the dialog alone says whose they were at the time.
    kept = () if is_dialog else ("socket",) if place else ("socket", "id")
    ties: list[Tie] = [tie for tie in leg.ties if tie[0] in kept]
    ties += [("flow", "", leg.flow_id ^ number)] if any(tie[0] == "flow" for tie in leg.ties) else []
    packets = [sum(row.packets for row in rows if row.direction == way) for way in (leg.up, 1 - leg.up)]
    return replace(
        leg,
        part=number,
        after_ns=after_ns,
        ties=(*ties, *source_ties(App(leg.app), leg.client, rows)),
        first_ns=leg.first_ns if place == 0 else first.first_ns,
        last_ns=leg.last_ns if is_last else _end(long),
        media=(up, down),
        packets=(packets[0], packets[1]),
        bytes=(round(leg.bytes[0] * share), round(leg.bytes[1] * share)),
        sources=rows,
        end=end,
        goes_on=leg.goes_on and is_last,
    )


def _span(rows: Iterable[Source]) -> Span | None:
    spans = [(row.first_ns, row.last_ns) for row in rows]
    return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None
