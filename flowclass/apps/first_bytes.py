"""Kernel module: do the first bytes of a flow's packets take all values, as ciphertext does and no type byte.

An application that asks keeps ``first_bits`` and ``lasting_bits`` in its STATE.
"""

from __future__ import annotations

from typing import Any

from flowclass.jit import int64, kernel
from flowclass.record.field import Field

FIRST_BYTE_FIELDS = (
    Field("first_bits", "u1", "bits of the first bytes that ever were 1"),
    Field("lasting_bits", "u1", "bits of the first bytes that ever were 0"),
)


@kernel
def note_first_byte(state: Any, first: int) -> None:
    """Note the first byte of a packet."""
    state["first_bits"] = int64(state["first_bits"]) | first
    state["lasting_bits"] = int64(state["lasting_bits"]) | (first ^ 0xFF)


@kernel
def takes_all_values(state: Any) -> bool:
    """Whether every bit of the first bytes noted was 0 in one and 1 in another."""
    return bool(state["first_bits"] == 0xFF and state["lasting_bits"] == 0xFF)
