"""What the measurement of speech in tunnels counts, on traffic made here."""

from __future__ import annotations

import numpy as np

from bench.inner import NS_PER_S, Inner
from bench.voice import Score, heard, wireguard_bytes

MS = 1_000_000


def call(seconds: int) -> Inner:
    """Return a call: 20 ms frames of 100 bytes both ways."""
    at = np.repeat(np.arange(seconds * 50) * 20 * MS, 2)
    n = len(at)
    return Inner("call", "own", at, np.arange(n) % 2 == 0, np.full(n, 100), np.ones(n, bool))


def page(seconds: int) -> Inner:
    """Return a download with an acknowledgement each second packet, a tenth of each second."""
    at = np.sort(np.concatenate([np.arange(90) * MS + second * NS_PER_S for second in range(seconds)]))
    outward = np.arange(len(at)) % 3 == 0
    return Inner("page", "own", at, outward, np.where(outward, 52, 1400), np.zeros(len(at), bool))


def test_wireguard_fills_up_to_sixteen_and_adds_sixty() -> None:
    assert wireguard_bytes(np.array([52, 64, 65])).tolist() == [124, 124, 140]


def test_a_call_is_heard_and_a_download_is_not() -> None:
    assert 19 <= heard(call(20)) <= 21
    assert heard(page(20)) == 0


def test_score_tells_found_from_false() -> None:
    score = Score()
    score.add(call(20), 15)
    score.add(page(30), 3)
    assert (score.spoken, score.found, score.heard_calls) == (20, 15, 1)
    assert (score.quiet, score.false) == (30, 3)


def test_a_part_begins_at_nought() -> None:
    part = call(20).part(5.0, 8.0)
    assert (int(part.at_ns[0]), part.voice_seconds()) == (0, 3)
