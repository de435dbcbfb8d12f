"""Media without RTP: speech is told from what is exchanged before and after it by its pace."""

from __future__ import annotations

import numpy as np

from flowclass.flow.rows import STEADY
from flowclass.flow.steady import STEADY_PACKETS, is_media, note_pace

MS = 1_000_000


def paced(*times_ms: int) -> np.void:
    """Return the STEADY record of packets at these times."""
    steady = np.zeros(1, STEADY)
    for time in times_ms:
        note_pace(steady[0], 1_000_000 * MS + time * MS)
    return steady[0]


def begin_and_end(steady: np.void) -> tuple[int, int]:
    """Return first and last media packet in ms."""
    return tuple((int(steady[name]) - 1_000_000 * MS) // MS for name in ("first_ns", "last_ns"))


RINGING = range(0, 5000, 500)
SPEECH = range(5000, 9000, 60)
PINGS = range(10_000, 40_000, 1000)


def test_speech_is_told_from_ringing_and_from_pings() -> None:
    assert begin_and_end(paced(*RINGING, *SPEECH, *PINGS)) == (5000, SPEECH[-1])


def test_a_silence_in_the_middle_ends_nothing() -> None:
    assert begin_and_end(paced(*range(0, 2000, 60), *range(2400, 4000, 60))) == (0, 3960)


def test_too_few_in_a_row_are_no_media() -> None:
    steady = paced(*(500 * burst + 20 * n for burst in range(8) for n in range(STEADY_PACKETS - 1)))
    assert int(steady["first_ns"]) == 0


def test_a_burst_among_slow_packets_is_no_media() -> None:
    steady = paced(*range(0, 100, 10), *range(1000, 30_000, 300))
    assert int(steady["first_ns"]) > 0
    assert not is_media(steady, 107)
    assert is_media(paced(*SPEECH), len(SPEECH))


def test_the_longest_pause_is_kept() -> None:
    assert int(paced(0, 60, 400, 460)["gap_max_ns"]) == 340 * MS
