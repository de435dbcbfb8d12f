"""Host module: Assembler, flows in the order in which they end, calls out: one a call, however many flows it had.

The same object serves captures and interfaces; its memory is bounded, and a call is given out once nothing more can
belong to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flowclass.calls.emodel import QualitySettings
from flowclass.calls.leg import Leg, legs_of
from flowclass.calls.quality import quality_of
from flowclass.calls.record import Call, Outcome
from flowclass.calls.stream import Stream, merged
from flowclass.record.verdict import APP_NAMES

NS_PER_S = 1_000_000_000
#: Media of one client and application that is silent for longer belongs to the next call (FACTS §3.1: 8 to 10 s).
JOIN_GAP_NS = 10 * NS_PER_S
#: Set-up comes this long before media at most: the ring time-out of the apps is a minute.
SETUP_NS = 60 * NS_PER_S
#: Both ways at least this long: a call that was answered.
TALK_LEAST_S = 1.0
#: One way for at least this long, and never the other (FACTS §3.2).
ONE_WAY_LEAST_S = 5.0
#: Media this close to the first or last packet of the capture was cut off there.
CUT_NS = NS_PER_S
#: Packets a flow must have carried to count for the call's path: ICE tries many, one is used.
PATH_PACKETS = 10
#: Calls held at once; beyond it the one that ended first is given out early.
MAX_CALLS = 131_072
#: Signalling flows kept for calls whose media flow has not ended yet.
MAX_WAITING = 65_536


@dataclass
class OpenCall:
    """A call that may yet grow; pairs are (up, down)."""

    key: tuple[int, str, int]
    client: str
    begin_ns: int
    end_ns: int
    setup_ns: int
    apps: Counter[int] = field(default_factory=Counter)
    candidates: int = 0
    legs: dict[int, Leg] = field(default_factory=dict)

    def add(self, leg: Leg) -> None:
        """Take a flow, or a further piece of one, whose streams' counts go on from the piece before."""
        before = self.legs.get(leg.flow_id)
        if before is not None:
            leg.bytes = (leg.bytes[0] + before.bytes[0], leg.bytes[1] + before.bytes[1])
            if not leg.streams:
                leg.packets = (leg.packets[0] + before.packets[0], leg.packets[1] + before.packets[1])
            leg.media = (_span(before.media[0], leg.media[0]), _span(before.media[1], leg.media[1]))
        self.legs[leg.flow_id] = leg
        self.setup_ns = min(self.setup_ns, leg.first_ns)
        if leg.is_media:
            begin, end = _extent(leg)
            self.begin_ns, self.end_ns = min(self.begin_ns, begin), max(self.end_ns, end)
            self.apps[leg.app] += sum(leg.packets)
            self.candidates |= leg.candidates

    def absorb(self, other: OpenCall) -> None:
        """Take all of another call: a flow has bridged the two."""
        self.legs.update(other.legs)
        self.apps += other.apps
        self.candidates |= other.candidates
        self.begin_ns, self.end_ns = min(self.begin_ns, other.begin_ns), max(self.end_ns, other.end_ns)
        self.setup_ns = min(self.setup_ns, other.setup_ns)


def _span(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int] | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])


def _extent(leg: Leg) -> tuple[int, int]:
    """Return first and last media of a flow, either way."""
    both = _span(*leg.media)
    return both if both is not None else (leg.first_ns, leg.last_ns)


class Assembler:
    """Joins flows into calls.

    Parameters
    ----------
    name : capture or interface, for the records
    idle_ns : the meter's idle timeout: how late a flow is told of
    active_ns : the meter's active timeout
    quality : what a MOS assumes of what cannot be seen; defaults for None

    Attributes
    ----------
    started, ended : calls so far
    early : calls given out early for want of room
    """

    def __init__(self, name: str, idle_ns: int, active_ns: int, quality: QualitySettings | None = None) -> None:
        self._name = name
        self._quality = quality or QualitySettings()
        self._hold_ns = idle_ns + JOIN_GAP_NS
        self._active_ns = active_ns
        self._open: dict[tuple[int, str, int], list[OpenCall]] = {}
        self._waiting: dict[tuple[int, str, int], list[Leg]] = {}
        self._waiting_count = 0
        self.first_ns: int | None = None
        self._dropped_ns = -1
        self.started = self.ended = self.early = 0

    @property
    def open_calls(self) -> Iterator[OpenCall]:
        """Calls that may yet grow."""
        return (call for calls in self._open.values() for call in calls)

    def note_drop(self, now_ns: int) -> None:
        """Packets were lost before the meter at this time: the quality of calls in progress is void."""
        self._dropped_ns = now_ns

    def add(self, flows: Any, verdicts: Any, media: Any) -> None:
        """Take FLOW[n] with VERDICT[n] and MEDIA[k]."""
        if len(flows):
            first = int(flows["first_ns"].min())
            self.first_ns = first if self.first_ns is None else min(self.first_ns, first)
        for leg in legs_of(flows, verdicts, media):
            if leg.is_media:
                self._add_media(leg)
            elif self._waiting_count < MAX_WAITING:
                self._waiting.setdefault(leg.key, []).append(leg)
                self._waiting_count += 1

    def _add_media(self, leg: Leg) -> None:
        begin, end = _extent(leg)
        calls = self._open.setdefault(leg.key, [])
        near = [
            call
            for call in calls
            if leg.flow_id in call.legs or (begin <= call.end_ns + JOIN_GAP_NS and end >= call.begin_ns - JOIN_GAP_NS)
        ]
        if near:
            call = near[0]
            for other in near[1:]:
                call.absorb(other)
                calls.remove(other)
                self.started -= 1
        else:
            call = OpenCall(leg.key, leg.client, begin, end, leg.first_ns)
            calls.append(call)
            self.started += 1
        call.add(leg)

    def sweep(self, now_ns: int) -> list[Call]:
        """Return the calls to which nothing more can come at ``now_ns``."""
        done = [call for call in self.open_calls if self._is_done(call, now_ns)]
        excess = sum(map(len, self._open.values())) - len(done) - MAX_CALLS
        if excess > 0:
            finished = set(map(id, done))
            rest = sorted((c for c in self.open_calls if id(c) not in finished), key=lambda call: call.end_ns)
            done += rest[:excess]
            self.early += excess
        given = [self._give(call, None) for call in done]
        for key, legs in list(self._waiting.items()):
            kept = [leg for leg in legs if leg.last_ns + self._hold_ns + self._active_ns > now_ns]
            self._waiting_count -= len(legs) - len(kept)
            if kept:
                self._waiting[key] = kept
            else:
                del self._waiting[key]
        return given

    def drain(self, now_ns: int) -> Iterator[Call]:
        """Yield all calls, the first to begin first: the capture ended at ``now_ns``.

        One at a time, because all that were in progress end here: 100,000 records at once would fill a gigabyte.
        """
        calls = sorted(self.open_calls, key=lambda call: call.begin_ns, reverse=True)
        while calls:
            yield self._give(calls.pop(), now_ns)

    def _is_done(self, call: OpenCall, now_ns: int) -> bool:
        goes_on = any(leg.goes_on for leg in call.legs.values())
        return now_ns > call.end_ns + self._hold_ns + (self._active_ns if goes_on else 0)

    def _give(self, call: OpenCall, capture_end_ns: int | None) -> Call:
        calls = self._open[call.key]
        calls.remove(call)
        if not calls:
            del self._open[call.key]
        for leg in self._waiting.get(call.key, []):
            if leg.first_ns <= call.end_ns and leg.last_ns >= call.begin_ns - SETUP_NS:
                call.legs.setdefault(leg.flow_id, leg)
                call.setup_ns = min(call.setup_ns, max(leg.first_ns, call.begin_ns - SETUP_NS))
        self.ended += 1
        return self._record(call, capture_end_ns)

    def _record(self, call: OpenCall, capture_end_ns: int | None) -> Call:
        up = down = None
        for leg in call.legs.values():
            up, down = _span(up, leg.media[0]), _span(down, leg.media[1])
        talk_start, talk_s = None, 0.0
        if up is not None and down is not None:
            begin, end = max(up[0], down[0]), min(up[1], down[1])
            if end >= begin:
                talk_start, talk_s = begin / NS_PER_S, (end - begin) / NS_PER_S
        length_s = (call.end_ns - call.begin_ns) / NS_PER_S
        outcome = Outcome.UNKNOWN
        if talk_s >= TALK_LEAST_S:
            outcome = Outcome.ANSWERED
        elif (up is None) != (down is None) and length_s >= ONE_WAY_LEAST_S:
            outcome = Outcome.ONE_WAY
        media = [leg for leg in call.legs.values() if leg.is_media]
        streams = merged([row for leg in media for row in leg.streams], [leg.up for leg in media for _ in leg.streams])
        dropped = call.end_ns >= self._dropped_ns >= call.begin_ns
        quality = quality_of(streams, dropped_by_probe=dropped, settings=self._quality)
        app = call.apps.most_common(1)[0][0]
        return Call(
            capture=self._name,
            app=APP_NAMES[app],
            candidates=[name for number, name in enumerate(APP_NAMES) if call.candidates >> number & 1],
            client=call.client,
            start=call.setup_ns / NS_PER_S,
            talk_start=talk_start,
            end=call.end_ns / NS_PER_S,
            talk_s=round(talk_s, 6),
            outcome=str(outcome),
            cut_start=self.first_ns is not None and call.begin_ns - self.first_ns < CUT_NS,
            cut_end=capture_end_ns is not None and capture_end_ns - call.end_ns < CUT_NS,
            flows=len(call.legs),
            media_flows=len(media),
            packets_up=sum(leg.packets[0] for leg in media),
            packets_down=sum(leg.packets[1] for leg in media),
            loss_up=quality.loss_up,
            loss_down=quality.loss_down,
            jitter_up=quality.jitter_up,
            jitter_down=quality.jitter_down,
            mos_low=quality.mos_low,
            mos_high=quality.mos_high,
            mos_basis=quality.mos_basis,
            quality_valid=not quality.note,
            quality_note=quality.note,
            media=_media(media, streams),
            path=_path(media),
            bytes_up=sum(leg.bytes[0] for leg in media),
            bytes_down=sum(leg.bytes[1] for leg in media),
            streams=[_shown(stream) for stream in streams],
        )


def _media(media: list[Leg], streams: list[Stream]) -> str:
    """Return what a call carried: audio, video or both; empty when no RTP header tells."""
    kinds = sorted({stream.kind for stream in streams if stream.kind != "other" and stream.is_long})
    return "+".join(kinds) or "+".join(sorted({stream.kind for stream in streams if stream.kind != "other"}))


def _path(media: list[Leg]) -> str:
    """Return the way of the media: relay, p2p, both, or empty when nobody can say."""
    ways = {leg.relayed for leg in media if sum(leg.packets) >= PATH_PACKETS}
    if None in ways or not ways:
        return ""
    return "both" if len(ways) == 2 else "relay" if True in ways else "p2p"


def _shown(stream: Stream) -> dict[str, Any]:
    """Return a stream as the record has it."""
    return {
        "ssrc": stream.ssrc,
        "direction": stream.direction,
        "kind": stream.kind,
        "payload_type": stream.payload_type,
        "clock_hz": stream.clock_hz,
        "packets": stream.packets,
        "lost": stream.lost,
        "loss": round(stream.loss, 6),
        "burst_ratio": round(stream.burst_ratio, 3),
        "jitter_s": None if stream.jitter_s is None else round(stream.jitter_s, 6),
        "jitter_max_s": None if stream.jitter_max_s is None else round(stream.jitter_max_s, 6),
        "reordered": stream.reordered,
        "duplicates": stream.duplicates,
        "frame_ms": round(stream.frame_ms, 3),
    }
