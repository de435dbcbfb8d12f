"""Host module: what the streams of calls say of their quality, and whether they can say it."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.columns import known, places_of_largest, rounded
from flowclass.calls.emodel import Assumptions, QualitySettings, estimate
from flowclass.calls.source import AUDIO
from flowclass.calls.streams import DOWN, UP, Streams

#: Share of packets seen twice from which on a mirror port has delivered the traffic twice: counts cannot be trusted.
MIRRORED = 0.02
#: Static payload type of G.722 (RFC 3551 §6).
G722, G722_HZ = 9, 16_000
MS_PER_S = 1000.0
DEFAULTS = QualitySettings()
MOS_DIGITS = 2
WAYS = ((UP, "up"), (DOWN, "down"))
#: Quality of a call that had no media.
NO_QUALITY: dict[str, Any] = {
    **dict.fromkeys(f"{figure}_{way}" for figure in ("loss", "jitter", "far_loss") for _, way in WAYS),
    "mos_low": None,
    "mos_high": None,
    "mos_basis": "",
    "quality_note": "no media",
    "quality_valid": False,
}


def main_audio(streams: Streams, calls: int) -> Any:
    """Return int64[calls, 2]: the place of each call's audio stream with most packets up and down, -1 for none."""
    found = np.full((calls, len(WAYS)), -1)
    audio = np.flatnonzero(streams.kind == AUDIO)
    largest = audio[places_of_largest(streams.call[audio] * 2 + streams.way[audio], streams.packets[audio])]
    found[streams.call[largest], streams.way[largest]] = largest
    return found


def qualities(
    streams: Streams, dropped: Any, snapped: Any, settings: QualitySettings = DEFAULTS
) -> dict[str, list[Any]]:
    """Return the columns of the quality of calls, up to the probe, from their streams.

    Parameters
    ----------
    dropped, snapped : bool[calls]: whether the probe dropped packets of the call, and whether the capture cut its
        frames
    """
    main = main_audio(streams, len(dropped))
    is_rated = (main >= 0) & _of(streams.is_long, main, False)
    notes = _notes(streams, is_rated.any(axis=1), dropped, snapped)
    low, high = (_mos(assumed, streams, main, is_rated) for assumed in (settings.gloomy, settings.hopeful))
    worst = main[np.arange(len(main)), low.argmin(axis=1)]
    clocks = _of(_sampled_hz(streams), worst, 0).tolist()
    words = {clock: settings.in_words(clock) for clock in set(clocks)}
    measured = (("loss", streams.loss), ("jitter", streams.jitter_s), ("far_loss", streams.far_loss))
    return {
        **{
            f"{figure}_{word}": known(rounded(_of(column, main[:, way], np.nan)))
            for figure, column in measured
            for way, word in WAYS
        },
        **{
            name: known(rounded(np.where(notes == "", side.min(axis=1), np.nan), MOS_DIGITS))
            for name, side in (("mos_low", low), ("mos_high", high))
        },
        "mos_basis": ["" if note else words[clock] for note, clock in zip(notes, clocks, strict=True)],
        "quality_note": notes.tolist(),
        "quality_valid": (notes == "").tolist(),
    }


def _of(column: Any, places: Any, otherwise: Any) -> Any:
    """Return a column's values at some places, and another where the place is -1."""
    return np.where(places >= 0, np.append(column, otherwise)[places], otherwise)


def _sampled_hz(streams: Streams) -> Any:
    """Return how often a second the sound of streams was sampled: G.722's clock says 8 kHz of 16 (RFC 3551 §4.5.2)."""
    return np.where(streams.payload_type == G722, G722_HZ, streams.clock_hz)


def _notes(streams: Streams, is_rated: Any, dropped: Any, snapped: Any) -> Any:
    """Return object[calls]: why there is no MOS, empty where there is one."""
    calls = len(dropped)
    twice = np.bincount(streams.call, streams.duplicates + streams.surplus, calls)
    packets = np.bincount(streams.call, streams.packets, calls)
    reasons = (
        (
            packets == 0,
            np.where(snapped, "frames were cut before the end of an RTP header", "no RTP header to be read"),
        ),
        (dropped, "the probe dropped packets"),
        (twice > MIRRORED * packets, "packets were seen twice (port mirror)"),
        (~is_rated, "no audio of a known clock for two seconds"),
    )
    notes = np.full(calls, "", object)
    for applies, note in reversed(reasons):
        notes = np.where(applies, note, notes)
    return notes.astype(object)


def _mos(assumed: Assumptions, streams: Streams, main: Any, is_rated: Any) -> Any:
    """Return float64[calls, 2]: the MOS up and down, infinite where there is none."""
    mos = np.full(main.shape, np.inf)
    some = main[is_rated]
    jitter_ms = MS_PER_S * np.nan_to_num(streams.jitter_s[some])
    mos[is_rated] = estimate(
        assumed,
        _sampled_hz(streams)[some],
        streams.loss[some],
        streams.burst_ratio[some],
        jitter_ms,
        streams.frame_ms[some],
    )
    return mos
