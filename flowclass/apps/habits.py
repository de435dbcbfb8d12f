"""Kernel module: what the RTP streams of an application look like when nothing but media is seen.

A call joined half-way shows no handshake; its RTP headers stay in clear. An application's `Habit`s say which payload
types, timestamp steps, header extension and range of SSRCs its media stack uses (FACTS §1, §2.4). A stream is judged
after it was confirmed by packets in sequence, so a single forged packet shows nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps._fused import add_reason
from flowclass.apps.declared import OWNED_FIELDS, rows_of
from flowclass.apps.habit import ANY, CLOCK_MS, Habit
from flowclass.jit import int64, kernel
from flowclass.record.field import Field, dtype_of

#: Timestamp steps one habit may list.
MAX_STEPS = 8
#: Packets of a stream up to which it is judged at each one; afterwards whenever their number has doubled.
EVERY_PACKET = 16
NS_PER_US, US_PER_MS = 1_000, 1_000

_HABIT = dtype_of(
    (
        *OWNED_FIELDS,
        Field("types", "u8", "bit set of payload types 0-63 and 64-127", shape=(2,)),
        Field("steps", "i8", "timestamp steps, -1 beyond the last", shape=(MAX_STEPS,)),
        Field("any_step", "u1", "1 when the step does not matter"),
        Field("profile", "i8", "profile of the header extension, -1 for any"),
        Field("size_least", "u4", "least mean size", "byte"),
        Field("size_most", "u4", "largest mean size", "byte"),
        Field("packets", "u4", "packets needed"),
        Field("clock_least", "u4", "least clock rate, 0 when it does not matter", "kHz"),
        Field("clock_most", "u4", "largest clock rate", "kHz"),
    )
)


def _fill(row: np.ndarray, habit: Habit) -> None:
    if len(habit.steps) > MAX_STEPS:
        raise ValueError(f"{habit}: {len(habit.steps)} steps, {MAX_STEPS} at most")
    for payload_type in habit.types:
        row["types"][0, payload_type >> 6] |= np.uint64(1 << (payload_type & 63))
    row["steps"] = -1
    row["steps"][0, : len(habit.steps)] = habit.steps
    row["any_step"] = not habit.steps
    row["profile"] = habit.profile
    row["size_least"], row["size_most"] = habit.size
    row["packets"] = habit.packets
    if habit.clock is not None:
        row["clock_least"], row["clock_most"] = habit.clock


HABITS = rows_of("HABITS", _HABIT, _fill)


@kernel
def _has_step(habit: Any, step: int) -> Any:
    if habit["any_step"]:
        return True
    for k in range(MAX_STEPS):  # noqa: SIM110 (numba compiles no generators)
        if habit["steps"][k] == step:
            return True
    return False


@kernel
def has_clock(habit: Any, stream: Any) -> Any:
    """Whether a stream (STREAM or MEDIA) runs by the habit's clock."""
    if habit["clock_least"] == 0:
        return True
    lasts_us = (int64(stream["last_ns"]) - int64(stream["first_ns"])) // NS_PER_US
    ticks = int64(stream["rtp_elapsed"])
    if lasts_us < CLOCK_MS * US_PER_MS or ticks <= 0:
        return False
    return int64(habit["clock_least"]) * lasts_us <= ticks * US_PER_MS <= int64(habit["clock_most"]) * lasts_us


@kernel
def shows(habit: Any, stream: Any) -> Any:
    """Whether a confirmed STREAM shows the habit."""
    payload_type = int64(stream["payload_type"])
    if not int64(habit["types"][payload_type >> 6]) >> (payload_type & 63) & 1:
        return False
    ssrc = stream["ssrc"]
    if ssrc < habit["ssrc_least"] or ssrc > habit["ssrc_most"] or stream["packets"] < habit["packets"]:
        return False
    profile = habit["profile"]
    if profile != ANY and profile != int64(stream["extension"]):
        return False
    size = int64(stream["bytes"]) // int64(stream["packets"])
    if not habit["size_least"] <= size <= habit["size_most"]:
        return False
    return bool(_has_step(habit, int64(stream["step"])) and has_clock(habit, stream))


@kernel
def is_due(stream: Any) -> Any:
    """Whether the stream is to be judged at this packet."""
    packets = int64(stream["packets"])
    return packets <= EVERY_PACKET or packets & (packets - 1) == 0


@kernel
def will_be_due(stream: Any) -> Any:
    """Whether the stream is to be judged at its next packet."""
    packets = int64(stream["packets"])
    return packets < EVERY_PACKET or packets & (packets + 1) == 0


@kernel
def note_habits(stream: Any, apps_state: Any) -> int:
    """Note the Reasons of all habits a confirmed stream shows; return 1 when one of them is new."""
    fresh = 0
    for i in range(HABITS.shape[0]):
        habit = HABITS[i]
        if shows(habit, stream):
            fresh |= add_reason(apps_state, int64(habit["word"]), int64(habit["bit"]))
    return fresh
