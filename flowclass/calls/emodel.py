"""Host module: the E-model (ITU-T G.107, G.107.1, G.107.2): from loss, bursts and delay to a range of MOS.

A probe in the path cannot know the codec, the jitter buffer or what happens beyond it. So it states two figures, from a
hopeful and a gloomy set of `Assumptions`, and the truth of a call that meets them lies between. The recovered clock
chooses the scale: 8 kHz narrowband, up to 32 kHz wideband, above that fullband.

The model itself takes numbers or arrays of them: the streams of all calls that end together are rated at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np

from flowclass.errors import UsageError


@dataclass(frozen=True)
class Scale:
    """One of the three forms of the model.

    Attributes
    ----------
    name : band
    best : R of a perfect line (G.107 default 93.2; G.107.1 and G.107.2 defaults)
    loss_ceiling : what Ie,eff tends to under total loss
    stretch : R is divided by this before it becomes a MOS
    top_hz : largest clock rate that it is for
    """

    name: str
    best: float
    loss_ceiling: float
    stretch: float
    top_hz: float


NARROWBAND = Scale("narrowband", 93.2, 95.0, 1.0, 8000)
WIDEBAND = Scale("wideband", 129.0, 95.0, 1.29, 32_000)
FULLBAND = Scale("fullband", 148.0, 132.0, 1.48, float("inf"))
SCALES = (NARROWBAND, WIDEBAND, FULLBAND)
#: The model was fitted to short bursts (G.107 §7.5 speaks of 1 to 2, G.113 of a few); an outage is no longer burst.
LARGEST_BURST_RATIO = 8.0


@dataclass(frozen=True)
class Assumptions:
    """What the probe cannot see: one side of the range, hopeful or gloomy. A key of ``[quality]`` each.

    Attributes
    ----------
    ie_narrowband, ie_wideband, ie_fullband : equipment impairment of the codec by band (G.113 Appendix I; for Opus and
        SILK there are no standard values, the defaults are ours: docs/decisions/0009)
    bpl_narrowband, bpl_wideband, bpl_fullband : its robustness to loss
    delay_ms : one-way delay apart from frame and jitter buffer
    buffer_jitters : depth of the jitter buffer in multiples of the mean jitter
    unseen_loss : loss beyond the probe as a multiple of that before it

    Raises
    ------
    UsageError
        A value lies outside the range of LIMITS.
    """

    ie_narrowband: float
    ie_wideband: float
    ie_fullband: float
    bpl_narrowband: float
    bpl_wideband: float
    bpl_fullband: float
    delay_ms: float
    buffer_jitters: float
    unseen_loss: float

    def __post_init__(self) -> None:
        for one in fields(self):
            low, high = LIMITS[one.name.partition("_")[0]]
            value = getattr(self, one.name)
            if not low <= value <= high:
                raise UsageError(f"quality: {one.name} is {value:g}; it must lie between {low:g} and {high:g}")

    def ie(self, scale: Scale) -> float:
        """Return the codec's impairment in a band."""
        return float(getattr(self, f"ie_{scale.name}"))

    def bpl(self, scale: Scale) -> float:
        """Return the codec's robustness to loss in a band."""
        return float(getattr(self, f"bpl_{scale.name}"))


#: Least and largest of each kind of value, by the first word of its name. Bpl divides.
LIMITS = {
    "ie": (0.0, 95.0),
    "bpl": (0.1, 1000.0),
    "delay": (0.0, 2000.0),
    "buffer": (0.0, 20.0),
    "unseen": (0.0, 100.0),
}
#: G.711 with concealment and Opus-like codecs on a short path of which all loss was seen.
HOPEFUL = Assumptions(
    ie_narrowband=0.0,
    ie_wideband=5.0,
    ie_fullband=5.0,
    bpl_narrowband=25.1,
    bpl_wideband=20.0,
    bpl_fullband=20.0,
    delay_ms=40.0,
    buffer_jitters=2.0,
    unseen_loss=0.0,
)
#: G.729A, AMR-WB at 12.65 kbit/s and a frugal Opus without concealment, a long path, as much loss again beyond.
GLOOMY = Assumptions(
    ie_narrowband=11.0,
    ie_wideband=13.0,
    ie_fullband=20.0,
    bpl_narrowband=4.3,
    bpl_wideband=4.3,
    bpl_fullband=4.3,
    delay_ms=150.0,
    buffer_jitters=4.0,
    unseen_loss=1.0,
)


@dataclass(frozen=True)
class QualitySettings:
    """Both sides of the range.

    Raises
    ------
    UsageError
        A hopeful value is worse than the gloomy one beside it: the range would stand on its head.
    """

    hopeful: Assumptions = HOPEFUL
    gloomy: Assumptions = GLOOMY

    def __post_init__(self) -> None:
        for one in fields(Assumptions):
            best, worst = getattr(self.hopeful, one.name), getattr(self.gloomy, one.name)
            if (best < worst) if one.name.startswith("bpl") else (best > worst):
                raise UsageError(f"quality: hopeful_{one.name} {best:g} is worse than gloomy_{one.name} {worst:g}")

    @classmethod
    def of(cls, table: Mapping[str, float]) -> QualitySettings:
        """Return the settings of a ``[quality]`` table, defaults where it is silent.

        Examples
        --------
        >>> QualitySettings.of({"gloomy_delay_ms": 300.0}).gloomy.delay_ms
        300.0
        """

        def side(name: str, default: Assumptions) -> Assumptions:
            prefix = name + "_"
            return replace(
                default, **{key.removeprefix(prefix): v for key, v in table.items() if key.startswith(prefix)}
            )

        return cls(side("hopeful", HOPEFUL), side("gloomy", GLOOMY))

    def in_words(self, clock_hz: float) -> str:
        """Return what a MOS of a stream with this clock rests on: the band, and each assumption as hopeful-gloomy.

        Examples
        --------
        >>> QualitySettings().in_words(16_000)
        'wideband, Ie 5-13, Bpl 20-4.3, delay 40-150 ms, buffer 2-4 jitters, unseen loss 0-1'
        """
        return _words(self, scale_of(clock_hz))


@lru_cache(maxsize=16)
def _words(settings: QualitySettings, band: Scale) -> str:
    """Do the work of ``in_words``: the same few texts for all calls."""

    def span(value: Callable[[Assumptions], float]) -> str:
        return f"{value(settings.hopeful):g}-{value(settings.gloomy):g}"

    return (
        f"{band.name}, Ie {span(lambda side: side.ie(band))}, Bpl {span(lambda side: side.bpl(band))}, "
        f"delay {span(lambda side: side.delay_ms)} ms, buffer {span(lambda side: side.buffer_jitters)} jitters, "
        f"unseen loss {span(lambda side: side.unseen_loss)}"
    )


def scale_of(clock_hz: float) -> Scale:
    """Return the form of the model that fits a clock rate."""
    return next(scale for scale in SCALES if clock_hz <= scale.top_hz)


def delay_impairment(delay_ms: Any) -> Any:
    """Return Idd of a one-way delay (G.107 §7.4, default sensitivity).

    Examples
    --------
    >>> delay_impairment(np.array([50.0, 100.0, 400.0])).round().tolist()
    [0.0, 0.0, 24.0]
    """
    # Idd is 0 up to 100 ms, and the curve begins there with 0.
    x = np.log2(np.maximum(delay_ms, 100.0) / 100.0)
    return 25.0 * ((1 + x**6) ** (1 / 6) - 3.0 * (1 + (x / 3) ** 6) ** (1 / 6) + 2.0)


def loss_impairment(scale: Scale, ie: float, bpl: float, loss: Any, burst_ratio: Any) -> Any:
    """Return Ie,eff (G.107 §7.5; G.107.1 §7.5): ``loss`` is a share from 0 to 1, ``burst_ratio`` 1 for random loss."""
    percent = 100.0 * loss
    return ie + (scale.loss_ceiling - ie) * percent / (percent / burst_ratio + bpl)


def mos_of(rating: Any) -> Any:
    """Return the MOS of a rating R on the narrowband scale (G.107 Annex B), 1 to 4.5.

    Examples
    --------
    >>> mos_of(np.array([93.2, 50.0, -3.0, 120.0])).round(2).tolist()
    [4.41, 2.58, 1.0, 4.5]
    """
    # The cubic gives 1 at 0 and 4.5 at 100.
    rating = np.clip(rating, 0.0, 100.0)
    return np.maximum(1.0, 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6)


def estimate(assumed: Assumptions, clock_hz: Any, loss: Any, burst_ratio: Any, jitter_ms: Any, frame_ms: Any) -> Any:
    """Return float64[n]: the MOS of n directions under some assumptions, of float64[n] each."""
    mos = np.empty(len(clock_hz))
    bands = np.searchsorted([scale.top_hz for scale in SCALES], clock_hz)
    for band, scale in enumerate(SCALES):
        mine = np.flatnonzero(bands == band)
        mos[mine] = _estimate(assumed, scale, loss[mine], burst_ratio[mine], jitter_ms[mine], frame_ms[mine])
    return mos


def _estimate(assumed: Assumptions, scale: Scale, loss: Any, burst_ratio: Any, jitter_ms: Any, frame_ms: Any) -> Any:
    whole_loss = 1.0 - (1.0 - loss) * (1.0 - np.minimum(1.0, loss * assumed.unseen_loss))
    delay_ms = assumed.delay_ms + frame_ms + assumed.buffer_jitters * jitter_ms
    impairment = loss_impairment(
        scale,
        assumed.ie(scale),
        assumed.bpl(scale),
        whole_loss,
        np.clip(burst_ratio, 1.0, LARGEST_BURST_RATIO),
    )
    return mos_of((scale.best - delay_impairment(delay_ms) - impairment) / scale.stretch)
