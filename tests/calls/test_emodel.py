"""The E-model against the figures of ITU-T G.107 and its kin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowclass.calls.emodel import (
    FULLBAND,
    GLOOMY,
    HOPEFUL,
    NARROWBAND,
    WIDEBAND,
    QualitySettings,
    delay_impairment,
    estimate,
    loss_impairment,
    mos_of,
    scale_of,
)
from flowclass.config.schema import SETTINGS
from flowclass.errors import UsageError

#: A step of this size from a default is still within LIMITS and leaves hopeful no worse than gloomy.
SHIFT = {"hopeful": 0.01, "gloomy": -0.01}


@pytest.mark.parametrize(("rating", "mos"), [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)])
def test_mos__is_that_of_g107_annex_b(rating: float, mos: float) -> None:
    assert mos_of(rating) == pytest.approx(mos, abs=0.01)


def test_perfect_narrowband_line_has_the_default_mos() -> None:
    # G.107 §7.7: all defaults give R = 93.2 and MOS 4.41.
    assert mos_of(NARROWBAND.best) == pytest.approx(4.41, abs=0.005)


@pytest.mark.parametrize(("delay_ms", "impairment"), [(100, 0.0), (150, 0.2), (200, 3.0), (300, 14.7), (400, 24.0)])
def test_delay__is_that_of_g107(delay_ms: float, impairment: float) -> None:
    assert delay_impairment(delay_ms) == pytest.approx(impairment, abs=0.15)


def test_loss__of_g729a_is_that_of_g113() -> None:
    # Ie 11, Bpl 19 and 2 % random loss: 11 + 84 · 2 / 21.
    assert loss_impairment(NARROWBAND, 11.0, 19.0, 0.02, 1.0) == pytest.approx(19.0)


def test_loss__in_bursts_is_worse() -> None:
    assert loss_impairment(NARROWBAND, 0, 4.3, 0.02, 2.0) > loss_impairment(NARROWBAND, 0, 4.3, 0.02, 1.0)


@pytest.mark.parametrize(
    ("clock", "scale"), [(8000, NARROWBAND), (16000, WIDEBAND), (32000, WIDEBAND), (48000, FULLBAND)]
)
def test_scale_follows_the_clock(clock: int, scale: object) -> None:
    assert scale_of(clock) is scale


@given(
    st.sampled_from([8000, 16000, 48000]), st.floats(0, 1), st.floats(1, 400), st.floats(0, 300), st.floats(2.5, 120)
)
def test_estimate__is_a_mos_and_gloomy_is_never_above_hopeful(
    clock: int, loss: float, burst: float, jitter: float, frame: float
) -> None:
    stream = [np.array([value]) for value in (clock, loss, burst, jitter, frame)]
    low, high = (estimate(assumed, *stream) for assumed in (GLOOMY, HOPEFUL))
    assert 1.0 <= low <= high <= 4.5


@given(st.floats(0, 0.5), st.floats(0, 0.5))
def test_estimate__never_rises_with_loss(one: float, other: float) -> None:
    losses = np.array(sorted((one, other)))
    less, more = estimate(HOPEFUL, *(np.broadcast_to(value, 2) for value in (16000, losses, 1, 5, 20)))
    assert more <= less + 1e-9


def test_estimate__rates_each_stream_in_its_band() -> None:
    stream = [np.array(values) for values in ([8000, 48_000, 16_000], [0.0, 0.1, 0.02], [1, 2, 3], [1, 9, 5], [20] * 3)]
    apart = [estimate(GLOOMY, *(values[[place]] for values in stream)) for place in range(3)]
    assert estimate(GLOOMY, *stream).tolist() == np.concatenate(apart).tolist()


def test_settings__defaults_of_the_file_are_those_of_the_code() -> None:
    table = {one.name: float(one.default) for one in SETTINGS if one.table == "quality" and one.default is not None}
    assert len(table) == 18
    assert QualitySettings.of(table) == QualitySettings(HOPEFUL, GLOOMY)


def test_settings__each_key_moves_its_side_alone() -> None:
    for key in [one.name for one in SETTINGS if one.table == "quality"]:
        side, _, name = key.partition("_")
        settings = QualitySettings.of(
            {key: getattr(HOPEFUL if side == "hopeful" else GLOOMY, name) + 0.01 * SHIFT[side]}
        )
        changed = settings.hopeful if side == "hopeful" else settings.gloomy
        assert changed != (HOPEFUL if side == "hopeful" else GLOOMY), key
        assert (settings.gloomy == GLOOMY) == (side == "hopeful"), key


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"hopeful_delay_ms": 151.0}, "hopeful_delay_ms 151 is worse than gloomy_delay_ms 150"),
        ({"gloomy_bpl_wideband": 21.0}, "hopeful_bpl_wideband 20 is worse"),
        ({"hopeful_bpl_fullband": 0.0}, "bpl_fullband is 0; it must lie between 0.1 and"),
        ({"gloomy_unseen_loss": float("nan")}, "unseen_loss is nan"),
    ],
)
def test_settings__that_make_no_sense_are_refused(table: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        QualitySettings.of(table)


def test_settings__are_said_in_words_for_the_band() -> None:
    assert QualitySettings().in_words(48_000) == (
        "fullband, Ie 5-20, Bpl 20-4.3, delay 40-150 ms, buffer 2-4 jitters, unseen loss 0-1"
    )
