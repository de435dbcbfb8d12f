"""Host module: what the streams of a call say of its quality, and whether they can say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowclass.calls.emodel import Assumptions, QualitySettings, estimate
from flowclass.calls.stream import Stream

#: Share of packets seen twice from which on a mirror port has delivered the traffic twice: counts cannot be trusted.
MIRRORED = 0.02
MS_PER_S = 1000.0
DEFAULTS = QualitySettings()


@dataclass(frozen=True)
class Quality:
    """Quality of a call, up to the probe.

    Attributes
    ----------
    loss_up, loss_down : share of audio packets lost on the way from and to the client, 0 to 1
    jitter_up, jitter_down : mean interarrival jitter of audio in s
    far_loss_up, far_loss_down : share lost on the whole way, as the receiver of the audio reports in plain RTCP
    mos_low, mos_high : MOS of the worse direction, by gloomy and by hopeful assumptions
    mos_basis : the band and the assumptions that the two rest on, empty where there is no MOS
    note : why there is no MOS, empty where there is one
    """

    loss_up: float | None = None
    loss_down: float | None = None
    jitter_up: float | None = None
    jitter_down: float | None = None
    far_loss_up: float | None = None
    far_loss_down: float | None = None
    mos_low: float | None = None
    mos_high: float | None = None
    mos_basis: str = ""
    note: str = ""


def main_audio(streams: Sequence[Stream], direction: str) -> Stream | None:
    """Return the audio stream of a direction with most packets."""
    mine = [stream for stream in streams if stream.direction == direction and stream.kind == "audio"]
    return max(mine, key=lambda stream: stream.packets, default=None)


def quality_of(
    streams: Sequence[Stream],
    *,
    dropped_by_probe: bool = False,
    snapped: bool = False,
    settings: QualitySettings = DEFAULTS,
) -> Quality:
    """Return the quality of a call from its streams; ``snapped`` says that the capture cut its frames."""
    up, down = main_audio(streams, "up"), main_audio(streams, "down")
    rated = [stream for stream in (up, down) if stream is not None and stream.is_long]
    low = high = None
    basis = ""
    note = _note(streams, rated, dropped_by_probe=dropped_by_probe, snapped=snapped)
    if not note:
        gloomy = [_mos(settings.gloomy, stream) for stream in rated]
        low = round(min(gloomy), 2)
        high = round(min(_mos(settings.hopeful, stream) for stream in rated), 2)
        basis = settings.in_words(rated[gloomy.index(min(gloomy))].clock_hz)
    return Quality(
        *(_loss(up), _loss(down), _jitter(up), _jitter(down), _far_loss(up), _far_loss(down)), low, high, basis, note
    )


def _note(streams: Sequence[Stream], rated: Sequence[Stream], *, dropped_by_probe: bool, snapped: bool) -> str:
    if not streams:
        return "frames were cut before the end of an RTP header" if snapped else "no RTP header to be read"
    if dropped_by_probe:
        return "the probe dropped packets"
    if sum(stream.duplicates + stream.surplus for stream in streams) > MIRRORED * sum(
        stream.packets for stream in streams
    ):
        return "packets were seen twice (port mirror)"
    return "" if rated else "no audio of a known clock for two seconds"


def _mos(assumed: Assumptions, stream: Stream) -> float:
    jitter_ms = MS_PER_S * (stream.jitter_s or 0.0)
    return estimate(assumed, stream.clock_hz, stream.loss, stream.burst_ratio, jitter_ms, stream.frame_ms)


def _loss(stream: Stream | None) -> float | None:
    return None if stream is None else round(stream.loss, 6)


def _far_loss(stream: Stream | None) -> float | None:
    return None if stream is None or stream.far_loss is None else round(stream.far_loss, 6)


def _jitter(stream: Stream | None) -> float | None:
    return None if stream is None or stream.jitter_s is None else round(stream.jitter_s, 6)
