"""Kernel module: the letters of SIP and SDP: spaces, numbers, lines that end in CR LF or LF (RFC 3261 §7)."""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import u8
from flowclass.jit import kernel

LF, CR, SPACE, COLON, LOWER = 0x0A, 0x0D, 0x20, 0x3A, 0x20
#: Digits of the largest port; a length with more is that of no message that is kept.
MAX_DIGITS = 5


def word_of(text: str) -> int:
    """Return letters as the number that a big-endian load of them gives."""
    return int.from_bytes(text.encode(), "big")


@kernel
def skip_spaces(data: Any, at: int, hi: int) -> int:
    """Return the first position from ``at`` on that is no space."""
    while at < hi and u8(data, at) == SPACE:
        at += 1
    return at


@kernel
def number(data: Any, at: int, hi: int) -> tuple[int, int]:
    """Return the decimal number at ``at``, of MAX_DIGITS at most, and where it ends."""
    value = 0
    start = at
    while at < hi and at - start < MAX_DIGITS and 0x30 <= u8(data, at) <= 0x39:
        value = value * 10 + u8(data, at) - 0x30
        at += 1
    return value, at
