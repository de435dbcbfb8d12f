"""Kernel module: whether a tunnel carries speech, second by second, from cadence and sizes alone.

Speech is sent on a frame clock, both ways, in small packets: within a second they are spread over the whole of it,
where a page or a download sends bursts, and acknowledgements are shorter. Each second of a tunnel is judged so; it is
counted once most of ten seconds in a row were (docs/decisions/0011-voice-in-tunnels.md has the measurements). What
application speaks is not asked: cadence does not tell. Called for packets of flows that evidence calls a tunnel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.features.common import bit_count
from flowclass.flow.record import NO_VOICE
from flowclass.jit import int64, kernel
from flowclass.record.verdict import Kind

SECOND_NS = 1_000_000_000
#: Parts of a second; a part is "heard" when it holds a small packet.
PARTS = 20
PART_NS = SECOND_NS // PARTS
#: Largest IP packet that may be speech: at most 210 bytes of a codec in any tunnel (FACTS §5.2).
LARGEST_BYTES = 350
#: An acknowledgement of TCP takes 124 bytes in WireGuard, the tunnel that adds most, speech above that on average.
LEAST_MEAN_BYTES = 125
#: A frame each 10 ms, the shortest clock in use, is 100 packets; more is no speech of one call.
MOST_PACKETS = 120
#: Parts heard in the direction heard more, and in the other: frames come up to 160 ms apart, or further in silence
#: (FACTS §1).
LEAST_PARTS, LEAST_PARTS_QUIETER = 8, 4
#: Seconds looked back at, how many of them begin a stretch of speech, and below how many it is over.
HISTORY_SECONDS, BEGIN_SECONDS, END_SECONDS = 10, 7, 3
HISTORY_MASK = (1 << HISTORY_SECONDS) - 1
LOW_BYTE = 0xFF
U1_MAX = 255


@kernel
def bits_set(value: int) -> int:
    """Return how many of the low 24 bits are set."""
    return bit_count(value & LOW_BYTE) + bit_count(value >> 8 & LOW_BYTE) + bit_count(value >> 16 & LOW_BYTE)


@kernel
def is_voice_like(voice: Any) -> Any:
    """Whether the second gathered in a VOICE record is like speech both ways."""
    forward, reverse = bits_set(int64(voice["parts"][0])), bits_set(int64(voice["parts"][1]))
    if min(forward, reverse) < LEAST_PARTS_QUIETER or max(forward, reverse) < LEAST_PARTS:
        return False
    for direction in range(2):
        packets = int64(voice["packets"][direction])
        if packets > MOST_PACKETS or int64(voice["bytes"][direction]) < LEAST_MEAN_BYTES * packets:
            return False
    return True


@kernel
def close_second(voice: Any) -> None:
    """Judge the second gathered, count it, and make room for the next."""
    heard = 1 if is_voice_like(voice) else 0
    history = (int64(voice["history"]) << 1 | heard) & HISTORY_MASK
    voice["history"] = history
    lately = bits_set(history)
    if voice["speaking"]:
        voice["seconds"] += np.uint32(heard)
        if lately < END_SECONDS:
            voice["speaking"] = 0
            voice["history"] = 0  # What was counted must not count again.
    elif lately >= BEGIN_SECONDS:
        voice["speaking"] = 1
        voice["seconds"] += np.uint32(lately)
    for direction in range(2):
        voice["parts"][direction] = 0
        voice["bytes"][direction] = 0
        voice["packets"][direction] = 0


@kernel
def listen(pkt: Any, direction: int, body: Any) -> None:
    """Add a packet with payload to the tunnel's current second; judge the one before when a new one begins."""
    size = int64(pkt["ip_bytes"])
    if size > LARGEST_BYTES:
        return
    voice = body["voice"]
    since = max(int64(pkt["ts_ns"]) - int64(body["origin_ns"]), 0)
    second = since // SECOND_NS
    passed = second - int64(voice["second"])
    if passed > 0:
        for _ in range(min(passed, HISTORY_SECONDS + 1)):
            close_second(voice)
        voice["second"] = second
    voice["parts"][direction] |= np.uint32(1) << np.uint32(since % SECOND_NS // PART_NS)
    voice["bytes"][direction] += np.uint32(size)
    if voice["packets"][direction] < U1_MAX:
        voice["packets"][direction] += np.uint8(1)


@kernel
def voice_seconds(body: Any) -> int:
    """Return the seconds of this piece in which the tunnel was like speech, NO_VOICE for a flow that is no tunnel."""
    return int64(body["voice"]["seconds"]) if body["kind"] == Kind.TUNNEL else NO_VOICE
