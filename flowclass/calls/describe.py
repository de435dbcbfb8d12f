"""Host module: what the record of a call says: from an OpenCall, or from signalling that came to nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowclass.apps._fused import APPS, REASONS
from flowclass.calls.dialog import Dialog
from flowclass.calls.emodel import QualitySettings
from flowclass.calls.figures import PATH_PACKETS, Sides, figures, shown
from flowclass.calls.leg import Leg, Span
from flowclass.calls.opencall import OpenCall, extent, span
from flowclass.calls.outcome import Verdict, ended_by, outcome_of_attempt, outcome_of_dialog, outcome_of_media
from flowclass.calls.quality import Quality, quality_of
from flowclass.calls.record import SCHEMA_VERSION, Call, EndedBy
from flowclass.calls.signalling import Signalling
from flowclass.calls.stream import PLACES, Stream, merged
from flowclass.record.verdict import APP_NAMES, App

NS_PER_S = 1_000_000_000
_SSRC, _DIRECTION, _PACKETS = PLACES["ssrc"], PLACES["direction"], PLACES["packets"]
#: Media this close to the first or last packet of the capture was cut off there.
CUT_NS = NS_PER_S
#: Attempts send less: WhatsApp pings a relay every 3 s (FACTS §1.3).
CUT_ATTEMPT_NS = 5 * NS_PER_S
#: Audio sources towards the client that sound at once for this long are several people.
GROUP_NS = 5 * NS_PER_S
#: Flows named in a record.
MAX_FLOWS = 64
#: Network costs of libwebrtc (rtc_base/network_constants.h), without the 1 it adds for a VPN.
ACCESS = {0: "wired", 10: "wifi", 250: "5g", 500: "4g", 900: "cellular", 910: "3g", 980: "2g"}
#: Unnamed cost of "I do not know", and its like.
NO_ACCESS = ""


def _no_name(_: int) -> None:
    """Name no network: there is no prefix file."""


@dataclass
class Scene:
    """What the capture was like.

    Attributes
    ----------
    first_ns : its first packet
    dropped_ns : when packets were last lost before the meter, -1 for never
    both_ways : whether any flow had packets both ways: otherwise half of the link is not seen
    quality : what a MOS assumes
    network_name : gives the name of a network by its number, None where there is no prefix file
    """

    name: str
    first_ns: int | None = None
    dropped_ns: int = -1
    both_ways: bool = False
    quality: QualitySettings = field(default_factory=QualitySettings)
    network_name: Callable[[int], str | None] = _no_name

    def note(self, flows: Any) -> None:
        """Look at FLOW[n]."""
        first = int(flows["first_ns"].min())
        self.first_ns = first if self.first_ns is None else min(self.first_ns, first)
        if not self.both_ways:
            self.both_ways = bool((flows["packets"].min(axis=1) > 0).any())

    def cuts(self, when: Span, end_ns: int | None, slack_ns: int) -> tuple[bool, bool]:
        """Return whether the capture began after, or ended before, what lasted for ``when``."""
        begins = self.first_ns is not None and when[0] - self.first_ns < slack_ns
        return begins, end_ns is not None and end_ns - when[1] < slack_ns


def call_record(call: OpenCall, scene: Scene, end_ns: int | None, setup_ns: int, dialog: Dialog | None = None) -> Call:
    """Return the record of a call with media; ``end_ns`` is the end of the capture, None while it goes on.

    Parameters
    ----------
    setup_ns : set-up that is longer is cut
    dialog : what SIP said of it
    """
    every = sorted(call.legs.values(), key=lambda leg: (extent(leg)[0], leg.flow_id))
    legs = near_end(every)
    client = client_of(legs)
    ups = [leg.up if is_towards(leg, client) else 1 - leg.up for leg in legs]
    sides = [Sides.of(leg, turned=up != leg.up) for leg, up in zip(legs, ups, strict=True)]
    up = down = None
    # Beside RTP, what has none is its reports: they begin before the talk and go on after it.
    sources = sources_of(legs)
    has_rtp = bool(sources)
    for leg, side in zip(legs, sides, strict=True):
        if carries(leg, sources) or not has_rtp:
            up, down = span(up, side.media[0]), span(down, side.media[1])
    talk = None
    if up is not None and down is not None and min(up[1], down[1]) >= max(up[0], down[0]):
        talk = max(up[0], down[0]), min(up[1], down[1])
    begin, end = call.media
    tied = call.tied
    firsts = [leg.first_ns for leg in every] + [one.first_ns for one in tied]
    start = min(max(min(firsts), begin - setup_ns), begin)
    if dialog is not None:
        start = min(start, dialog.first_ns)
    cut_start, cut_end = scene.cuts(call.media, end_ns, CUT_NS)
    rows = [(row, up) for up, leg in zip(ups, legs, strict=True) for row in leg.streams]
    # In which order flows are told of depends on how busy the link is.
    signalling = sorted(call.signalling, key=lambda one: (one.first_ns, one.flow_ids))
    # RTCP on a port of its own is no media, and speaks of it.
    for one in signalling:
        is_turned = client != one.client and client in one.host
        rows += [(row, 1 - up if is_turned else up) for row, up in one.reports]
    streams = merged([row for row, _ in rows], [up for _, up in rows])
    quality = quality_of(
        streams,
        dropped_by_probe=end >= scene.dropped_ns >= begin,
        snapped=any(leg.is_snapped for leg in legs),
        settings=scene.quality,
    )
    marks = [leg.end for leg in every] + [one.end for one in signalling]
    ended = ended_by(marks, end, cut_end=cut_end)
    if dialog is not None and dialog.ended_ns:
        ended = EndedBy.BYE
    verdict = outcome_of_media(up, down, talk, ended, legs)
    app, confidence = named(legs)
    if dialog is not None and app == App.RTP:
        app = int(App.SIP)
    setup_s = (talk[0] - start) / NS_PER_S if talk is not None and not cut_start else None
    costs = [side.cost for side in sides] + [one.cost for one in tied]
    ring_s = setup_s
    if dialog is not None:
        rang = dialog.ringing_ns and dialog.answered_ns
        ring_s = (dialog.answered_ns - dialog.ringing_ns) / NS_PER_S if rang else None
    numbers = (
        [leg.flow_id for leg in every]
        + sorted(dialog.flow_ids if dialog is not None else ())
        + [flow for _, flow in sorted(pair for one in call.signalling for pair in one.flow_ids)]
    )
    path = _path(legs)
    candidates = 0
    for leg in legs:
        candidates |= leg.candidates
    candidates |= 1 << app
    return Call(
        schema=SCHEMA_VERSION,
        capture=scene.name,
        call_id=f"{every[0].flow_id:016x}",
        app=APP_NAMES[app],
        candidates=_names(candidates),
        client=client,
        network=scene.network_name(next((leg.network for leg in legs if leg.client == client), 0)),
        start=start / NS_PER_S,
        setup_s=None if setup_s is None else round(setup_s, 6),
        ring_s=None if ring_s is None else round(ring_s, 6),
        talk_start=None if talk is None else talk[0] / NS_PER_S,
        end=end / NS_PER_S,
        talk_s=0.0 if talk is None else round((talk[1] - talk[0]) / NS_PER_S, 6),
        outcome=str(verdict.outcome),
        ended_by=str(ended),
        cut_start=cut_start,
        cut_end=cut_end,
        group=_group(streams, path),
        media=_media(streams),
        path=path,
        access_hint=_access(max((cost[0] for cost in costs), default=0)),
        access_hint_peer=_access(max((cost[1] for cost in costs), default=0)),
        flows=[f"{number:016x}" for number in dict.fromkeys(numbers)][:MAX_FLOWS],
        media_flows=len(every),
        packets_up=sum(side.packets[0] for side in sides),
        packets_down=sum(side.packets[1] for side in sides),
        bytes_up=sum(side.bytes[0] for side in sides),
        bytes_down=sum(side.bytes[1] for side in sides),
        **figures(quality, legs, sides, streams),
        confidence=round(confidence, 4),
        reasons=[*_evidence(bits for leg in every for bits in leg.reasons), *verdict.reasons],
        streams=[shown(stream) for stream in streams],
    )


def attempt_record(units: Sequence[Signalling], scene: Scene, end_ns: int | None) -> Call:
    """Return the record of a call that never had media."""
    first, last = min(one.first_ns for one in units), max(one.last_ns for one in units)
    cut_start, cut_end = scene.cuts((first, last), end_ns, CUT_ATTEMPT_NS)
    ended = ended_by([one.end for one in units], last, cut_end=cut_end)
    verdict = outcome_of_attempt(units, ended, cut_start=cut_start, both_ways=scene.both_ways)
    apps: Counter[int] = Counter()
    candidates = 0
    for one in units:
        apps.update(one.apps)
        candidates |= one.candidates
    app = min(apps, key=lambda app: (-apps[app], app))
    flows = sorted({flow for one in units for flow in one.flow_ids})
    speaks = min((one for one in units if one.apps), key=lambda one: (one.first_ns, one.client))
    return _without_media(
        scene,
        (first, last),
        (cut_start, cut_end),
        verdict,
        ended,
        call_id=f"{flows[0][1]:016x}",
        app=APP_NAMES[app],
        candidates=_names(candidates),
        client=speaks.client,
        network=scene.network_name(speaks.network),
        ring_s=None if cut_start else round((last - first) / NS_PER_S, 6),
        access_hint=_access(max(one.cost[0] for one in units)),
        access_hint_peer=_access(max(one.cost[1] for one in units)),
        flows=[f"{flow:016x}" for _, flow in flows][:MAX_FLOWS],
        confidence=round(max(one.confidence for one in units), 4),
        reasons=[*_evidence(bits for one in units for bits in one.reasons), *verdict.reasons],
    )


def dialog_record(dialog: Dialog, scene: Scene, end_ns: int | None) -> Call:
    """Return the record of a SIP call of which no media was seen."""
    when = dialog.first_ns, max(dialog.last_ns, dialog.ended_ns)
    cut_start, cut_end = scene.cuts(when, end_ns, CUT_ATTEMPT_NS)
    cut_end = cut_end and not dialog.ended_ns
    ended = EndedBy.BYE if dialog.ended_ns else EndedBy.CAPTURE if cut_end else EndedBy.SILENCE
    verdict = outcome_of_dialog(dialog, both_ways=scene.both_ways, cut_end=cut_end)
    until = dialog.answered_ns or dialog.ended_ns or dialog.last_ns
    flows = sorted(dialog.flow_ids)
    return _without_media(
        scene,
        when,
        (cut_start, cut_end),
        verdict,
        ended,
        # Several calls go through one SIP flow: the dialog tells them apart.
        call_id=f"{flows[0] ^ dialog.number:016x}",
        app=APP_NAMES[App.SIP],
        candidates=[APP_NAMES[App.SIP]],
        client=dialog.caller,
        network=scene.network_name(0),
        ring_s=round((until - dialog.ringing_ns) / NS_PER_S, 6) if dialog.ringing_ns else None,
        access_hint=NO_ACCESS,
        access_hint_peer=NO_ACCESS,
        flows=[f"{flow:016x}" for flow in flows][:MAX_FLOWS],
        confidence=1.0,
        reasons=["sip.message", *verdict.reasons],
    )


def _without_media(
    scene: Scene, when: Span, cuts: tuple[bool, bool], verdict: Verdict, ended: EndedBy, **values: Any
) -> Call:
    """Return a record of a call whose media was not there."""
    return Call(
        schema=SCHEMA_VERSION,
        capture=scene.name,
        start=when[0] / NS_PER_S,
        setup_s=None,
        talk_start=None,
        end=when[1] / NS_PER_S,
        talk_s=0.0,
        outcome=str(verdict.outcome),
        ended_by=str(ended),
        cut_start=cuts[0],
        cut_end=cuts[1],
        group="",
        media="",
        path="",
        media_flows=0,
        packets_up=0,
        packets_down=0,
        bytes_up=0,
        bytes_down=0,
        **figures(Quality(note="no media"), [], [], []),
        streams=[],
        **values,
    )


def near_end(legs: Sequence[Leg]) -> list[Leg]:
    """Return the legs of one end, where both ends of a relayed call are on this side of the probe.

    The other end's leg carries the same sources the other way round; counting it too would double the call.
    """
    kept: list[Leg] = []
    sources: dict[int, bool] = {}
    for leg in legs:
        ways = {row[_SSRC]: row[_DIRECTION] == leg.up for row in leg.streams if row[_PACKETS] >= PATH_PACKETS}
        turned = [sources[ssrc] != upward for ssrc, upward in ways.items() if ssrc in sources]
        if kept and turned and all(turned) and leg.relayed and leg.client != kept[0].peer:
            continue
        kept.append(leg)
        sources.update(ways)
    return kept


def sources_of(legs: Sequence[Leg]) -> set[int]:
    """Return the SSRCs of the call's RTP: a source that moves from the relay to the peer counts as one."""
    packets = Counter[int]()
    for leg in legs:
        for row in leg.streams:
            packets[row[_SSRC]] += row[_PACKETS]
    return {source for source, count in packets.items() if count >= PATH_PACKETS}


def carries(leg: Leg, sources: set[int]) -> bool:
    """Whether a leg carried RTP of one of these sources, and not its reports alone."""
    return any(row[_PACKETS] and row[_SSRC] in sources for row in leg.streams)


def client_of(legs: Sequence[Leg]) -> str:
    """Return the client of a call: of its relay legs, which show it, and else of the leg that began first."""
    sure = [leg.client for leg in legs if leg.relayed] or [leg.client for leg in legs]
    return Counter(sure).most_common(1)[0][0] if len(set(sure)) == 1 else sure[0]


def is_towards(leg: Leg, client: str) -> bool:
    """Whether a leg's up is the call's: not when its other end is the call's client."""
    return leg.client == client or leg.peer != client


def named(legs: Sequence[Leg]) -> tuple[int, float]:
    """Return the application with most packets, and the confidence of its largest flow."""
    packets: Counter[int] = Counter()
    for leg in legs:
        packets[leg.app] += sum(leg.packets)
    app = min(packets, key=lambda app: (-packets[app], app))
    largest = max((leg for leg in legs if leg.app == app), key=lambda leg: (sum(leg.packets), leg.flow_id))
    return app, largest.confidence


def _names(candidates: int) -> list[str]:
    return [name for number, name in enumerate(APP_NAMES) if candidates >> number & 1]


def _evidence(reasons: Iterable[tuple[int, int]]) -> list[str]:
    """Return the names of evidence given as (word, bits), in the catalog's order."""
    words: dict[int, int] = {}
    for word, bits in reasons:
        words[word] = words.get(word, 0) | bits
    return [
        f"{APP_NAMES[APPS[word].label]}.{reason.name}"
        for word in sorted(words)
        for position, reason in enumerate(REASONS[word])
        if words[word] >> position & 1
    ]


def _access(cost: int) -> str:
    """Return the access network of a network cost plus 1; libwebrtc adds 1 for a VPN on top of it."""
    return ACCESS.get(cost - 1, ACCESS.get(cost - 2, NO_ACCESS)) if cost > 1 else "wired" if cost == 1 else NO_ACCESS


def _media(streams: Sequence[Stream]) -> str:
    """Return what a call carried: audio, video or both; empty when no RTP header tells."""
    kinds = sorted({stream.kind for stream in streams if stream.kind != "other" and stream.is_long})
    return "+".join(kinds) or "+".join(sorted({stream.kind for stream in streams if stream.kind != "other"}))


def _path(media: Sequence[Leg]) -> str:
    """Return the way of the media: relay, p2p, both, or empty when nobody can say."""
    ways = {leg.relayed for leg in media if sum(leg.packets) >= PATH_PACKETS}
    if None in ways or not ways:
        return ""
    return "both" if len(ways) == 2 else "relay" if True in ways else "p2p"


def _group(streams: Sequence[Stream], path: str) -> str:
    """Return whether two or more people spoke to the client at once, or media went straight to a peer."""
    voices = [one for one in streams if one.direction == "down" and one.kind == "audio" and one.is_long]
    for place, one in enumerate(voices):
        for other in voices[place + 1 :]:
            if min(one.last_ns, other.last_ns) - max(one.first_ns, other.first_ns) > GROUP_NS:
                return "group"
    return "1:1" if path in ("p2p", "both") else ""
