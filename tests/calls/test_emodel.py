"""The E-model against the figures of ITU-T G.107 and its kin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowclass.calls.emodel import (
    FULLBAND,
    GLOOMY,
    HOPEFUL,
    NARROWBAND,
    WIDEBAND,
    delay_impairment,
    estimate,
    loss_impairment,
    mos_of,
    scale_of,
)


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
    low, high = (estimate(assumed, clock, loss, burst, jitter, frame) for assumed in (GLOOMY, HOPEFUL))
    assert 1.0 <= low <= high <= 4.5


@given(st.floats(0, 0.5), st.floats(0, 0.5))
def test_estimate__never_rises_with_loss(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert estimate(HOPEFUL, 16000, more, 1, 5, 20) <= estimate(HOPEFUL, 16000, less, 1, 5, 20) + 1e-9
