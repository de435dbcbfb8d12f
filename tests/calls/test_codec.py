"""The codec that a payload type and a clock point to."""

from __future__ import annotations

import pytest

from flowclass.calls.codec import codec_guess


@pytest.mark.parametrize(
    ("payload_type", "clock_hz", "kind", "codec"),
    [
        (0, 8000, "audio", "PCMU"),
        (9, 8000, "audio", "G722"),
        (34, 90_000, "video", "H263"),
        (111, 48_000, "audio", "opus"),
        (120, 16_000, "audio", ""),
        (96, 90_000, "video", ""),
        (96, 0, "other", ""),
    ],
)
def test_codec_guess(payload_type: int, clock_hz: int, kind: str, codec: str) -> None:
    assert codec_guess(payload_type, clock_hz, kind) == codec
