"""Host module: the figures of calls' records: round trips, pauses, and their streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowclass.calls.codec import codec_guess
from flowclass.calls.columns import DIGITS, Runs, known, rounded
from flowclass.calls.parties import PATH_PACKETS
from flowclass.calls.source import KINDS
from flowclass.calls.streams import DOWN, UP, Streams

NS_PER_S = 1_000_000_000
WAYS = ((UP, "up"), (DOWN, "down"))
#: Digits of the figures of streams that are not of DIGITS.
BURST_DIGITS = FRAME_DIGITS = 3
Columns = dict[str, list[Any]]
#: Round trips and pauses of a call that had no media.
NOTHING_MEASURED: dict[str, Any] = dict.fromkeys(
    f"{figure}_{way}" for figure in ("rtt", "rtt_min", "gap", "rate") for _, way in WAYS
)


def round_trips(sides: Any, of: Runs, streams: Streams) -> Columns:
    """Return the columns of round trips: STUN's of the media flows of calls, and those of RTCP about their streams.

    Parameters
    ----------
    sides, of : LEG[n] as the clients see them, and whose they are
    """
    flow, way = np.nonzero(sides["trips"])
    names = ("trips", "trip_min_ns", "trip_sum_ns")
    by_stun = (of.owner[flow], way, *(sides[name][flow, way] for name in names))
    is_told = streams.trips > 0
    told = (streams.call, streams.way, streams.trips, streams.trip_min_ns, streams.trip_sum_ns)
    call, way, count, least, total = (
        np.concatenate([mine, column[is_told]]) for mine, column in zip(by_stun, told, strict=True)
    )
    counts, totals = np.zeros((2, len(of.begins), len(WAYS)), np.int64)
    np.add.at(counts, (call, way), count)
    np.add.at(totals, (call, way), total)
    smallest = np.full(counts.shape, np.inf)
    np.minimum.at(smallest, (call, way), least)
    has_any = counts > 0
    mean_s = np.where(has_any, totals / np.maximum(1, counts) / NS_PER_S, np.nan)
    least_s = np.where(has_any, smallest / NS_PER_S, np.nan)
    measured = (("rtt", mean_s), ("rtt_min", least_s))
    return {f"{name}_{word}": known(rounded(of_ways[:, way])) for name, of_ways in measured for way, word in WAYS}


def pauses(sides: Any, of: Runs, has_rtp: Any) -> Columns:
    """Return the columns of calls without RTP, from their media flows: of that with most packets.

    Parameters
    ----------
    has_rtp : bool[calls]
    """
    packets = sides["packets"].sum(axis=1)
    largest = sides[of.first(packets == of.most(packets)[of.owner])]
    length_s = (largest["last_ns"] - largest["first_ns"]) / NS_PER_S
    is_busy = (largest["packets"] >= PATH_PACKETS) & (length_s > 0)[:, None] & ~has_rtp[:, None]
    gaps = np.where(is_busy, largest["gaps_ns"] / NS_PER_S, np.nan)
    columns: Columns = {f"gap_{word}": known(rounded(gaps[:, way])) for way, word in WAYS}
    for way, word in WAYS:
        rates: list[float | None] = [None] * len(largest)
        for call in np.flatnonzero(is_busy[:, way]).tolist():
            # A rate may be any number, which `rounded` is not for.
            rates[call] = round(int(largest["packets"][call, way]) / float(length_s[call]), DIGITS)
        columns[f"rate_{word}"] = rates
    return columns


def shown(streams: Streams, codecs: Sequence[Mapping[int, str]]) -> Columns:
    """Return the columns of streams, as their calls' records have them.

    Parameters
    ----------
    codecs : of each call, what SDP said of payload types
    """
    kinds = [KINDS[kind] for kind in streams.kind.tolist()]
    types, clocks = streams.payload_type.tolist(), streams.clock_hz.tolist()
    trips = np.where(streams.trips > 0, streams.trips, np.nan)
    return {
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
