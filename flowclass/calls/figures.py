"""Host module: the figures of a call's record: quality, round trips, pauses, and its streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.calls.codec import codec_guess
from flowclass.calls.columns import known, rounded
from flowclass.calls.leg import Leg, Span
from flowclass.calls.quality import Quality
from flowclass.calls.source import KINDS
from flowclass.calls.streams import DOWN, UP, Stream, Streams
from flowclass.calls.trips import Trips, together

NS_PER_S = 1_000_000_000
#: Packets a flow must have carried to count for the call's path: ICE tries many, one is used.
PATH_PACKETS = 10
WAYS = ((UP, "up"), (DOWN, "down"))
#: Digits of the figures of streams that are not of DIGITS.
BURST_DIGITS = FRAME_DIGITS = 3
#: A stream as its call's record has it.
StreamRecord = dict[str, Any]


@dataclass(slots=True)
class Sides:
    """What a leg carried, as (up, down) of the call's client.

    Attributes
    ----------
    up : direction of the flow that leads away from the call's client
    """

    up: int
    media: tuple[Span | None, Span | None]
    packets: tuple[int, int]
    bytes: tuple[int, int]
    cost: tuple[int, int]
    trips: tuple[Trips, Trips]
    gaps_ns: tuple[int, int]

    @classmethod
    def of(cls, leg: Leg, *, turned: bool) -> Sides:
        """Return a leg's, ``turned`` where its client is the call's other end."""
        if not turned:
            return cls(leg.up, leg.media, leg.packets, leg.bytes, leg.cost, leg.trips, leg.gaps_ns)
        return cls(
            1 - leg.up,
            leg.media[::-1],
            leg.packets[::-1],
            leg.bytes[::-1],
            leg.cost[::-1],
            leg.trips[::-1],
            leg.gaps_ns[::-1],
        )


def figures(quality: Quality, legs: Sequence[Leg], sides: Sequence[Sides], streams: Sequence[Stream]) -> dict[str, Any]:
    """Return the columns of what was measured: from the media flows, as legs and their sides, and their streams."""
    return {
        "loss_up": quality.loss_up,
        "loss_down": quality.loss_down,
        "jitter_up": quality.jitter_up,
        "jitter_down": quality.jitter_down,
        "far_loss_up": quality.far_loss_up,
        "far_loss_down": quality.far_loss_down,
        "mos_low": quality.mos_low,
        "mos_high": quality.mos_high,
        "mos_basis": quality.mos_basis,
        "quality_valid": not quality.note,
        "quality_note": quality.note,
        **_round_trips(sides, streams),
        **_pauses([] if streams else [*zip(legs, sides, strict=True)]),
    }


def _round_trips(sides: Sequence[Sides], streams: Sequence[Stream]) -> dict[str, float | None]:
    """Return the columns of round trips: STUN's of the media flows, and those of RTCP about the streams."""
    found: dict[str, float | None] = {}
    for way, name in WAYS:
        trips = together([side.trips[way] for side in sides] + [one.trips for one in streams if one.way == way])
        found[f"rtt_{name}"] = _rounded(trips.mean_s)
        found[f"rtt_min_{name}"] = _rounded(trips.least_s)
    return found


def _pauses(flows: Sequence[tuple[Leg, Sides]]) -> dict[str, float | None]:
    """Return the columns of calls without RTP: the longest pause and the rate of the flow with most packets."""
    found: dict[str, float | None] = dict.fromkeys(("gap_up", "gap_down", "rate_up", "rate_down"))
    if not flows:
        return found
    leg, side = max(flows, key=lambda flow: sum(flow[1].packets))
    length_s = (leg.last_ns - leg.first_ns) / NS_PER_S
    for way, name in WAYS:
        if side.packets[way] >= PATH_PACKETS and length_s > 0:
            found[f"gap_{name}"] = _rounded(side.gaps_ns[way] / NS_PER_S)
            found[f"rate_{name}"] = _rounded(side.packets[way] / length_s)
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def shown(streams: Streams) -> list[StreamRecord]:
    """Return streams as their calls' records have them."""
    kinds = [KINDS[kind] for kind in streams.kind.tolist()]
    types, clocks = streams.payload_type.tolist(), streams.clock_hz.tolist()
    trips = np.where(streams.trips > 0, streams.trips, np.nan)
    columns: dict[str, Sequence[Any]] = {
        "ssrc": streams.ssrc.tolist(),
        "direction": [WAYS[way][1] for way in streams.way.tolist()],
        "kind": kinds,
        "payload_type": types,
        "codec_guess": list(map(codec_guess, types, clocks, kinds)),
        "clock_hz": clocks,
        "packets": streams.packets.tolist(),
        "lost": streams.lost.tolist(),
        "loss": known(rounded(streams.loss)),
        "burst_ratio": known(rounded(streams.burst_ratio, BURST_DIGITS)),
        "jitter_s": known(rounded(streams.jitter_s)),
        "jitter_max_s": known(rounded(streams.jitter_max_s)),
        "reordered": streams.reordered.tolist(),
        "duplicates": streams.duplicates.tolist(),
        "frame_ms": known(rounded(streams.frame_ms, FRAME_DIGITS)),
        "far_loss": known(rounded(streams.far_loss)),
        "far_jitter_s": known(rounded(streams.far_jitter_s)),
        "rtt_s": known(rounded(streams.trip_sum_ns / trips / NS_PER_S)),
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
