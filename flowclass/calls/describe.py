"""Host module: what the record of a call with media says, from an OpenCall."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from flowclass.calls.dialog import Dialog
from flowclass.calls.figures import Sides, figures, shown
from flowclass.calls.leg import Leg, Span
from flowclass.calls.opencall import OpenCall, extent, span
from flowclass.calls.outcome import ended_by, outcome_of_media
from flowclass.calls.parties import carries, client_of, is_towards, named, near_end, sources_of
from flowclass.calls.quality import quality_of
from flowclass.calls.record import MAX_FLOWS, SCHEMA_VERSION, Call, EndedBy
from flowclass.calls.scene import Scene
from flowclass.calls.signalling import Signalling
from flowclass.calls.stream import PLACES, Stream, merged
from flowclass.calls.traits import access_network, app_names, bytes_by_path, evidence, group_of, media_kinds, path_of
from flowclass.record.verdict import APP_NAMES, App

NS_PER_S = 1_000_000_000
_SSRC = PLACES["ssrc"]
#: Media this close to the first or last packet of the capture was cut off there.
CUT_NS = NS_PER_S


def call_record(call: OpenCall, scene: Scene, end_ns: int | None, setup_ns: int, dialog: Dialog | None = None) -> Call:
    """Return the record of a call with media; ``end_ns`` is the end of the capture, None while it goes on.

    Parameters
    ----------
    setup_ns : set-up that is longer is cut
    dialog : what SIP said of it
    """
    every = sorted(call.legs.values(), key=lambda leg: (extent(leg)[0], leg.number))
    legs = near_end(every)
    client = client_of(legs)
    ups = [leg.up if is_towards(leg, client) else 1 - leg.up for leg in legs]
    sides = [Sides.of(leg, turned=up != leg.up) for leg, up in zip(legs, ups, strict=True)]
    up, down = _media_each_way(legs, sides)
    talk = None
    if up is not None and down is not None and min(up[1], down[1]) >= max(up[0], down[0]):
        talk = max(up[0], down[0]), min(up[1], down[1])
    media = span(up, down) or call.media
    begin, end = media
    # In which order flows are told of depends on how busy the link is.
    signalling = sorted(call.signalling, key=lambda one: (one.first_ns, one.flow_ids))
    firsts = [leg.first_ns for leg in every] + [one.first_ns for one in call.tied]
    # What has gone on since the call before on the same sockets does not tell when this one began.
    after = max(leg.after_ns for leg in every if leg.after_ns < begin)
    start = min(max(min((first for first in firsts if first > after), default=begin), begin - setup_ns), begin)
    if dialog is not None:
        start = min(start, dialog.first_ns)
    cut_start, cut_end = scene.cuts(media, end_ns, CUT_NS)
    streams = _streams(legs, ups, signalling, client)
    quality = quality_of(
        streams,
        dropped_by_probe=end >= scene.dropped_ns >= begin,
        snapped=any(leg.is_snapped for leg in legs),
        settings=scene.quality,
    )
    ended = ended_by([leg.end for leg in every] + [one.end for one in signalling], end, cut_end=cut_end)
    if dialog is not None and dialog.ended_ns:
        ended = EndedBy.BYE
    # What a message has ended was not cut off, however soon the capture ended after it.
    cut_end = cut_end and ended not in (EndedBy.TERMINATE, EndedBy.BYE)
    verdict = outcome_of_media(up, down, talk, ended, legs)
    app, confidence = named(legs)
    if dialog is not None and app == App.RTP:
        app = int(App.SIP)
    setup_s = round((talk[0] - start) / NS_PER_S, 6) if talk is not None and not cut_start else None
    costs = [side.cost for side in sides] + [one.cost for one in call.tied]
    numbers = (
        [leg.flow_id for leg in every]
        + sorted(dialog.flow_ids if dialog is not None else ())
        + [flow for _, flow in sorted(pair for one in signalling for pair in one.flow_ids)]
    )
    path = path_of(legs)
    return Call(
        schema=SCHEMA_VERSION,
        capture=scene.name,
        call_id=f"{every[0].number:016x}",
        app=APP_NAMES[app],
        candidates=app_names(reduce(or_, (leg.candidates for leg in legs), 1 << app)),
        client=client,
        network=scene.network_name(next((leg.network for leg in legs if leg.client == client), 0)),
        start=start / NS_PER_S,
        setup_s=setup_s,
        ring_s=setup_s if dialog is None else _ring_s(dialog),
        talk_start=None if talk is None else talk[0] / NS_PER_S,
        end=end / NS_PER_S,
        talk_s=0.0 if talk is None else round((talk[1] - talk[0]) / NS_PER_S, 6),
        outcome=str(verdict.outcome),
        ended_by=str(ended),
        cut_start=cut_start,
        cut_end=cut_end,
        group=group_of(streams, path),
        media=media_kinds(streams),
        media_up=media_kinds([stream for stream in streams if stream.direction == "up"]),
        media_down=media_kinds([stream for stream in streams if stream.direction == "down"]),
        path=path,
        access_hint=access_network(max((cost[0] for cost in costs), default=0)),
        access_hint_peer=access_network(max((cost[1] for cost in costs), default=0)),
        flows=[f"{number:016x}" for number in dict.fromkeys(numbers)][:MAX_FLOWS],
        media_flows=len(every),
        packets_up=sum(side.packets[0] for side in sides),
        packets_down=sum(side.packets[1] for side in sides),
        bytes_up=sum(side.bytes[0] for side in sides),
        bytes_down=sum(side.bytes[1] for side in sides),
        bytes_relay=bytes_by_path(legs, relayed=True),
        bytes_p2p=bytes_by_path(legs, relayed=False),
        **figures(quality, legs, sides, streams),
        confidence=round(confidence, 4),
        reasons=[*evidence(bits for leg in every for bits in leg.reasons), *verdict.reasons],
        streams=[shown(stream) for stream in streams],
    )


def _media_each_way(legs: Sequence[Leg], sides: Sequence[Sides]) -> tuple[Span | None, Span | None]:
    """Return first and last media up and down; beside RTP, what has none is its reports, before and after the talk."""
    sources = sources_of(legs)
    up = down = None
    for leg, side in zip(legs, sides, strict=True):
        if carries(leg, sources) or not sources:
            up, down = span(up, side.media[0]), span(down, side.media[1])
    return up, down


def _streams(legs: Sequence[Leg], ups: Sequence[int], signalling: Sequence[Signalling], client: str) -> list[Stream]:
    """Return the call's streams, with what RTCP on ports of its own, which is no media, says of them."""
    rows = [(row, up) for up, leg in zip(ups, legs, strict=True) for row in leg.streams]
    for one in signalling:
        is_turned = client != one.client and client in one.host
        rows += [(row, 1 - up if is_turned else up) for row, up in one.reports]
    streams = merged([row for row, _ in rows], [up for _, up in rows])
    screens = {row[_SSRC] for leg in legs if leg.is_screen for row in leg.streams}
    for stream in streams:
        if stream.kind == "video" and stream.ssrc in screens:
            stream.kind = "share"
    return streams


def _ring_s(dialog: Dialog) -> float | None:
    """Return how long it rang until it was answered."""
    if not dialog.ringing_ns or not dialog.answered_ns:
        return None
    return round((dialog.answered_ns - dialog.ringing_ns) / NS_PER_S, 6)
