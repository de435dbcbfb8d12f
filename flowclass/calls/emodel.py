"""Host module: the E-model (ITU-T G.107, G.107.1, G.107.2): from loss, bursts and delay to a range of MOS.

A probe in the path cannot know the codec, the jitter buffer or what happens beyond it. So it states two figures, from a
hopeful and a gloomy set of `Assumptions`, and the truth of a call that meets them lies between. The recovered clock
chooses the scale: 8 kHz narrowband, up to 32 kHz wideband, above that fullband.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2


@dataclass(frozen=True)
class Scale:
    """One of the three forms of the model.

    Attributes
    ----------
    name : band
    best : R of a perfect line (G.107 default 93.2; G.107.1 and G.107.2 defaults)
    loss_ceiling : what Ie,eff tends to under total loss
    stretch : R is divided by this before it becomes a MOS
    """

    name: str
    best: float
    loss_ceiling: float
    stretch: float


NARROWBAND = Scale("narrowband", 93.2, 95.0, 1.0)
WIDEBAND = Scale("wideband", 129.0, 95.0, 1.29)
FULLBAND = Scale("fullband", 148.0, 132.0, 1.48)
#: The model was fitted to short bursts (G.107 §7.5 speaks of 1 to 2, G.113 of a few); an outage is no longer burst.
LARGEST_BURST_RATIO = 8.0


@dataclass(frozen=True)
class Assumptions:
    """What the probe cannot see.

    Attributes
    ----------
    ie, bpl : equipment impairment and robustness to loss, by Scale name (G.113 Appendix I; for Opus and SILK there are
        no standard values, these are ours: FACTS §3.4)
    delay_ms : one-way delay apart from frame and jitter buffer
    buffer_jitters : depth of the jitter buffer in multiples of the mean jitter
    unseen_loss : loss beyond the probe as a multiple of that before it
    """

    ie: dict[str, float]
    bpl: dict[str, float]
    delay_ms: float
    buffer_jitters: float
    unseen_loss: float


#: G.711 with concealment and Opus-like codecs on a short path of which all loss was seen.
HOPEFUL = Assumptions(
    ie={"narrowband": 0.0, "wideband": 5.0, "fullband": 5.0},
    bpl={"narrowband": 25.1, "wideband": 20.0, "fullband": 20.0},
    delay_ms=40.0,
    buffer_jitters=2.0,
    unseen_loss=0.0,
)
#: G.729A, AMR-WB at 12.65 kbit/s and a frugal Opus without concealment, a long path, as much loss again beyond.
GLOOMY = Assumptions(
    ie={"narrowband": 11.0, "wideband": 13.0, "fullband": 20.0},
    bpl={"narrowband": 4.3, "wideband": 4.3, "fullband": 4.3},
    delay_ms=150.0,
    buffer_jitters=4.0,
    unseen_loss=1.0,
)


def scale_of(clock_hz: float) -> Scale:
    """Return the form of the model that fits a clock rate."""
    if clock_hz <= 8000:
        return NARROWBAND
    return WIDEBAND if clock_hz <= 32_000 else FULLBAND


def delay_impairment(delay_ms: float) -> float:
    """Return Idd of a one-way delay (G.107 §7.4, default sensitivity).

    Examples
    --------
    >>> delay_impairment(100.0), round(delay_impairment(400.0), 1)
    (0.0, 24.0)
    """
    if delay_ms <= 100.0:
        return 0.0
    x = log2(delay_ms / 100.0)
    return float(25.0 * ((1 + x**6) ** (1 / 6) - 3.0 * (1 + (x / 3) ** 6) ** (1 / 6) + 2.0))


def loss_impairment(scale: Scale, ie: float, bpl: float, loss: float, burst_ratio: float) -> float:
    """Return Ie,eff (G.107 §7.5; G.107.1 §7.5): ``loss`` is a share from 0 to 1, ``burst_ratio`` 1 for random loss."""
    percent = 100.0 * loss
    return ie + (scale.loss_ceiling - ie) * percent / (percent / burst_ratio + bpl)


def mos_of(rating: float) -> float:
    """Return the MOS of a rating R on the narrowband scale (G.107 Annex B), 1 to 4.5.

    Examples
    --------
    >>> round(mos_of(93.2), 2), round(mos_of(50.0), 2), mos_of(-3.0)
    (4.41, 2.58, 1.0)
    """
    if rating <= 0.0:
        return 1.0
    if rating >= 100.0:
        return 4.5
    return max(1.0, 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6)


def estimate(
    assumed: Assumptions, clock_hz: float, loss: float, burst_ratio: float, jitter_ms: float, frame_ms: float
) -> float:
    """Return the MOS of one direction under some assumptions."""
    scale = scale_of(clock_hz)
    whole_loss = 1.0 - (1.0 - loss) * (1.0 - min(1.0, loss * assumed.unseen_loss))
    delay_ms = assumed.delay_ms + frame_ms + assumed.buffer_jitters * jitter_ms
    impairment = loss_impairment(
        scale,
        assumed.ie[scale.name],
        assumed.bpl[scale.name],
        whole_loss,
        min(max(1.0, burst_ratio), LARGEST_BURST_RATIO),
    )
    return mos_of((scale.best - delay_impairment(delay_ms) - impairment) / scale.stretch)
