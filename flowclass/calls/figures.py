"""Host module: the figures of calls' records: quality, round trips, pauses, and its streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowclass.calls.codec import codec_guess
from flowclass.calls.columns import DIGITS, known, rounded
from flowclass.calls.leg import Leg
from flowclass.calls.quality import Quality
from flowclass.calls.record import StreamRecord
from flowclass.calls.source import KINDS
from flowclass.calls.streams import DOWN, UP, Streams
from flowclass.calls.trips import NEITHER

NS_PER_S = 1_000_000_000
#: Packets a flow must have carried to count for the call's path: ICE tries many, one is used.
PATH_PACKETS = 10
WAYS = ((UP, "up"), (DOWN, "down"))
#: Digits of the figures of streams that are not of DIGITS.
BURST_DIGITS = FRAME_DIGITS = 3
#: Mean round trip to the other end and to the client, and the smallest.
TripColumns = tuple[float | None, ...]
NO_ROUND_TRIPS: TripColumns = (None, None, None, None)
#: Longest pause from and to the client, and the packets a second.
PauseColumns = tuple[float | None, ...]
#: Of a call with RTP, or without media.
NO_PAUSES: PauseColumns = (None, None, None, None)


def figures(
    rated: Sequence[Quality], trips: Sequence[TripColumns], paused: Sequence[PauseColumns]
) -> dict[str, Sequence[Any]]:
    """Return the columns of what was measured of calls: their quality, round trips, and pauses of those without RTP."""
    *rates, notes = zip(*rated, strict=True)
    names = ("loss_up", "loss_down", "jitter_up", "jitter_down", "far_loss_up", "far_loss_down")
    columns: dict[str, Sequence[Any]] = dict(zip((*names, "mos_low", "mos_high", "mos_basis"), rates, strict=True))
    columns |= {"quality_note": notes, "quality_valid": [not note for note in notes]}
    columns |= zip(("rtt_up", "rtt_down", "rtt_min_up", "rtt_min_down"), zip(*trips, strict=True), strict=True)
    columns |= zip(("gap_up", "gap_down", "rate_up", "rate_down"), zip(*paused, strict=True), strict=True)
    return columns


def round_trips(calls: Sequence[Sequence[Leg]], streams: Streams) -> list[TripColumns]:
    """Return the columns of round trips: STUN's of the media flows of calls, and those of RTCP about their streams.

    Parameters
    ----------
    calls : the media flows of each, as its client sees them
    """
    # Each measured way of a flow is a row: place of its call, way, how many, smallest, sum.
    rows = [
        (place, way, trips.number, trips.least_ns, trips.sum_ns)
        for place, legs in enumerate(calls)
        for leg in legs
        if leg.trips != NEITHER
        for way, trips in enumerate(leg.trips)
        if trips.number
    ]
    is_told = streams.trips > 0
    told = (streams.call, streams.way, streams.trips, streams.trip_min_ns, streams.trip_sum_ns)
    columns = np.array(rows, np.int64).reshape(-1, len(told)).T
    call, way, count, least, total = (
        np.concatenate([mine, column[is_told]]) for mine, column in zip(columns, told, strict=True)
    )
    counts, totals = np.zeros((2, len(calls), len(WAYS)), np.int64)
    np.add.at(counts, (call, way), count)
    np.add.at(totals, (call, way), total)
    smallest = np.full(counts.shape, np.inf)
    np.minimum.at(smallest, (call, way), least)
    has_any = counts > 0
    mean_s = np.where(has_any, totals / np.maximum(1, counts) / NS_PER_S, np.nan)
    least_s = np.where(has_any, smallest / NS_PER_S, np.nan)
    return list(zip(*(known(rounded(of[:, way])) for of in (mean_s, least_s) for way, _ in WAYS), strict=True))


def pauses(legs: Sequence[Leg]) -> PauseColumns:
    """Return the columns of a call without RTP, from its media flows: of that with most packets; none of no flows."""
    if not legs:
        return NO_PAUSES
    leg = max(legs, key=lambda leg: sum(leg.packets))
    length_s = (leg.last_ns - leg.first_ns) / NS_PER_S
    ways = [way for way, _ in WAYS]
    is_busy = [leg.packets[way] >= PATH_PACKETS and length_s > 0 for way in ways]
    gaps = [round(leg.gaps_ns[way] / NS_PER_S, DIGITS) if is_busy[way] else None for way in ways]
    rates = [round(leg.packets[way] / length_s, DIGITS) if is_busy[way] else None for way in ways]
    return (*gaps, *rates)


def shown(streams: Streams, codecs: Sequence[Mapping[int, str]]) -> list[StreamRecord]:
    """Return streams as their calls' records have them.

    Parameters
    ----------
    codecs : of each call, what SDP said of payload types
    """
    kinds = [KINDS[kind] for kind in streams.kind.tolist()]
    types, clocks = streams.payload_type.tolist(), streams.clock_hz.tolist()
    trips = np.where(streams.trips > 0, streams.trips, np.nan)
    columns: dict[str, Sequence[Any]] = {
        "ssrc": streams.ssrc.tolist(),
        "direction": [WAYS[way][1] for way in streams.way.tolist()],
        "kind": kinds,
        "payload_type": types,
        "codec_guess": [
            codecs[call].get(payload_type) or codec_guess(payload_type, clock_hz, kind)
            for call, payload_type, clock_hz, kind in zip(streams.call.tolist(), types, clocks, kinds, strict=True)
        ],
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
