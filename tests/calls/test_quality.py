"""What the streams of calls say of their quality, and when they can say nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from flowclass.calls.emodel import QualitySettings
from flowclass.calls.quality import DEFAULTS, qualities
from flowclass.calls.streams import Streams
from tests.calls.media import S, merged, report, row


def streams(**values: Any) -> Streams:
    """Return the two audio streams of a call."""
    return merged([row(**values), row(ssrc=9, direction=1, **values)], [0, 0])


def quality_of(
    found: Streams, *, dropped: bool = False, snapped: bool = False, settings: QualitySettings = DEFAULTS
) -> SimpleNamespace:
    """Return the quality of one call."""
    columns = qualities(found, np.array([dropped]), np.array([snapped]), settings)
    return SimpleNamespace(**{name: value for name, (value,) in columns.items()})


def test_clean_call_is_good() -> None:
    quality = quality_of(streams())
    assert quality.mos_low is not None
    assert quality.mos_high is not None
    assert 4.0 < quality.mos_low < quality.mos_high <= 4.5
    assert (quality.loss_up, quality.jitter_down, quality.quality_note) == (0.0, 0.004, "")


def test_it_rests_on_the_settings_and_says_so() -> None:
    gloomier = QualitySettings.of({"gloomy_delay_ms": 400.0})
    usual, changed = quality_of(streams()), quality_of(streams(), settings=gloomier)
    assert usual.mos_low is not None
    assert changed.mos_low is not None
    assert changed.mos_low < usual.mos_low - 0.5
    assert changed.mos_high == usual.mos_high
    assert "delay 40-400 ms" in changed.mos_basis
    assert changed.mos_basis.startswith("wideband")


def test_it_follows_the_worse_direction() -> None:
    lossy = merged([row(), row(ssrc=9, direction=1, expected=120, max_seq=120, gaps=20)], [0, 0])
    assert quality_of(lossy).mos_high < quality_of(streams()).mos_low


@pytest.mark.parametrize(
    ("found", "dropped", "note"),
    [
        (merged([], []), False, "no RTP header"),
        (streams(), True, "the probe dropped"),
        (streams(duplicates=50), False, "seen twice"),
        (streams(last_ns=2 * S), False, "two seconds"),
    ],
)
def test_it_is_void_where_nobody_can_know(found: Streams, dropped: bool, note: str) -> None:
    quality = quality_of(found, dropped=dropped)
    assert note in quality.quality_note
    assert quality.mos_low is None


def test_it_is_void_where_copies_came_after_later_packets() -> None:
    # A mirror port that delivers in pairs out of step: sequence numbers 1 2 1 3 2 4 3: no number follows itself.
    mirrored = merged([row(packets=190, expected=100, reordered=90), row(ssrc=9, direction=1)], [0, 0])
    assert quality_of(mirrored).quality_note == "packets were seen twice (port mirror)"


def test_frames_cut_in_the_header_void_it_for_that_reason() -> None:
    assert quality_of(merged([], []), snapped=True).quality_note == "frames were cut before the end of an RTP header"
    assert quality_of(streams(), snapped=True).quality_note == ""


def test_it_says_what_the_far_end_reports() -> None:
    heard = merged([row(), report(reports=2, far_expected=100, far_lost=4)], [0, 0])
    quality = quality_of(heard)
    assert (quality.far_loss_up, quality.far_loss_down, quality.loss_up) == (0.04, None, 0.0)


@pytest.mark.parametrize("values", [{"clock_hz": 90_000.0}, {"packets": 9}, {"clock_hz": 0.0}])
def test_it_rests_on_audio_alone(values: dict[str, Any]) -> None:
    # Video, retransmissions on a source of their own, bandwidth probes: their loss is not the audio's.
    bad = row(ssrc=5, expected=900, max_seq=900, gaps=100, **values)
    assert quality_of(merged([row(), bad], [0, 0])).loss_up == 0.0


def test_calls_that_end_together_are_rated_each_by_itself() -> None:
    rows = [row(), row(clock_hz=48_000.0, gaps=10, expected=110, max_seq=110), report(reports=1), row(packets=12)]
    found = merged(rows, [0] * 4, [0, 1, 2, 3])
    together = qualities(found, np.zeros(4, bool), np.zeros(4, bool))
    each = [quality_of(merged([one], [0])) for one in rows]
    assert together == {name: [getattr(one, name) for one in each] for name in together}
