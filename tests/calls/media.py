"""MEDIA rows of one call, and the streams that they come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowclass.calls import streams
from flowclass.calls.streams import Streams
from flowclass.flow.record import MEDIA

S = 1_000_000_000


def row(**values: Any) -> np.ndarray:
    """Return MEDIA[1]: 100 packets of audio at 16 kHz without loss, unless said otherwise."""
    usual = {
        "ssrc": 7, "direction": 0, "payload_type": 120, "packets": 100, "expected": 100, "base_seq": 1, "max_seq": 100,
        "first_ns": S, "last_ns": 3 * S, "rtp_elapsed": 32_000, "step_least": 320, "clock_hz": 16_000.0,
        "jitter_packets": 99, "jitter_max_ns": 9e6, "jitter_sum_ns": 99 * 4e6,
    }  # fmt: skip
    media = np.zeros(1, MEDIA)
    for name, value in (usual | values).items():
        media[name] = value
    return media


def report(**values: Any) -> np.ndarray:
    """Return MEDIA[1] of a source that only RTCP tells of."""
    return row(
        **{"packets": 0, "expected": 0, "jitter_packets": 0, "clock_hz": 0.0, "first_ns": 0, "last_ns": 0} | values
    )


def merged(rows: Sequence[np.ndarray], upward: Sequence[int], calls: Sequence[int] | None = None) -> Streams:
    """Return the streams of calls, of one unless ``calls`` says which call each MEDIA[1] is of."""
    media = np.concatenate([np.zeros(0, MEDIA), *rows])
    owners = np.zeros(len(media), np.int64) if calls is None else np.array(calls, np.int64)
    return streams.merged(media, owners, np.array(upward, np.int64))
