"""Host module: Source, one RTP source as one flow carried it: what the joining of calls asks of a MEDIA row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from flowclass.flow.record import MEDIA

#: Streams below this are probes (padding, bandwidth).
LEAST_PACKETS = 10
VIDEO_CLOCK_HZ = 90_000
#: Below this a clock of audio is not believed: messages with a time in milliseconds.
LEAST_AUDIO_HZ = 8000
#: What a source carries, by number: ``share`` is a shared screen, ``other`` probes, data, a clock that is not known.
KINDS = ("other", "audio", "video", "share")
OTHER, AUDIO, VIDEO, SHARE = range(len(KINDS))


class Source(NamedTuple):
    """One RTP source as one flow carried it, or what the flow's RTCP says of one, then without packets.

    Attributes
    ----------
    ssrc, direction, packets, first_ns, last_ns : as MEDIA has them
    kind : number in KINDS, as far as this flow tells
    row : the MEDIA row itself
    """

    ssrc: int
    direction: int
    packets: int
    first_ns: int
    last_ns: int
    kind: int
    row: bytes


_READ = ("ssrc", "direction", "packets", "first_ns", "last_ns")


def sources_of(rows: bytes) -> list[Source]:
    """Return the sources of MEDIA rows as bytes."""
    media, size = np.frombuffer(rows, MEDIA), MEDIA.itemsize
    kinds = kinds_of(np.rint(media["clock_hz"]), media["packets"], media["rtp_elapsed"])
    each = [rows[at : at + size] for at in range(0, len(rows), size)]
    return list(map(Source, *(media[name].tolist() for name in _READ), kinds.tolist(), each))


def kinds_of(clock_hz: Any, packets: Any, rtp_elapsed: Any) -> Any:
    """Return int64[n]: what sources carried, by clock rate, packets and RTP time in ticks."""
    nothing = (packets < LEAST_PACKETS) | (rtp_elapsed <= 0) | (clock_hz < LEAST_AUDIO_HZ)
    return np.where(nothing, OTHER, np.where(clock_hz >= VIDEO_CLOCK_HZ, VIDEO, AUDIO))
