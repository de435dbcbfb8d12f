"""Kernel module: the clock of an RTP stream and the jitter of its arrivals (RFC 3550 §6.4.1, §A.8).

Jitter needs the clock rate, which the header does not tell. Static payload types have one by RFC 3551; for dynamic ones
it is the slope of RTP time over arrival time, snapped to the rates that codecs use. It is looked at again whenever the
stream has doubled, and jitter begins anew when it turns out different.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from flowclass.jit import int64, kernel

NS_PER_S = 1e9
#: Clock rates of dynamic payload types (RFC 7587, RFC 4867, RFC 6184; Zoom's 32 kHz: FACTS §1.9), in Hz. Those derived
#: from 44.1 kHz have static types alone.
CLOCKS_HZ = np.array([8000, 16000, 24000, 32000, 48000, 90000], np.float64)
#: A slope farther than this from all of them, as a logarithm, is no clock: half the way between 24 and 32 kHz.
FARTHEST = 0.14
#: Packets and seconds of arrival that make a first slope: 16 voice frames of 20 ms.
LEAST_PACKETS, LEAST_NS = 16, 200_000_000
#: Clock rates of payload types 0-34 (RFC 3551 §6, tables 4 and 5).
STATIC_HZ = np.full(35, 8000.0)
STATIC_HZ[[6, 16, 17]] = 16000, 11025, 22050
STATIC_HZ[[10, 11]] = 44100
STATIC_HZ[[14, *range(25, 35)]] = 90000
#: RTP time and arrival that part by more than this from one packet to the next: the sender set its clock anew (a
#: codec or device was changed); no queue in the path holds voice for as long.
CLOCK_JUMP_NS = 5e9
#: Weight of a new value in the running jitter (RFC 3550 §6.4.1).
GAIN = 1.0 / 16.0


@kernel
def snapped_clock(ticks: int, elapsed_ns: int) -> float:
    """Return the clock rate in Hz that ``ticks`` of RTP time in ``elapsed_ns`` of arrival show, 0 for none."""
    if ticks <= 0 or elapsed_ns <= 0:
        return 0.0
    slope = ticks * NS_PER_S / elapsed_ns
    best = 0.0
    nearest = FARTHEST
    for clock in CLOCKS_HZ:
        distance = abs(log(slope / clock))
        if distance < nearest:
            nearest = distance
            best = clock
    return best


@kernel
def set_clock(stream: Any, clock_hz: float) -> None:
    """Take a clock rate; jitter begins anew."""
    stream["ns_per_tick"] = NS_PER_S / clock_hz
    stream["jitter_ns"] = 0.0
    stream["jitter_max_ns"] = 0.0
    stream["jitter_sum_ns"] = 0.0
    stream["jitter_packets"] = 0


@kernel
def start_clock(stream: Any) -> None:
    """Begin with the clock of a static payload type, with none for a dynamic one."""
    stream["ns_per_tick"] = 0.0
    stream["jitter_packets"] = 0
    payload_type = int64(stream["payload_type"])
    if payload_type < STATIC_HZ.size:
        set_clock(stream, STATIC_HZ[payload_type])


@kernel
def look_at_clock(stream: Any) -> None:
    """Estimate the clock of a dynamic payload type from all packets so far."""
    elapsed_ns = int64(stream["last_ns"]) - int64(stream["first_ns"])
    if stream["payload_type"] < STATIC_HZ.size or elapsed_ns < LEAST_NS:
        return
    clock_hz = snapped_clock(int64(stream["rtp_elapsed"]), elapsed_ns)
    if clock_hz > 0.0 and np.float32(NS_PER_S / clock_hz) != stream["ns_per_tick"]:
        set_clock(stream, clock_hz)


@kernel
def note_arrival(stream: Any, ts_ns: int, step: int) -> int:
    """Take a packet ``step`` ticks of RTP time after the one that arrived at ``last_ns`` into the jitter.

    Returns
    -------
    int
        The ticks to count as elapsed: ``step``, or 0 when the sender's clock has jumped, which is no jitter.
    """
    ns_per_tick = stream["ns_per_tick"]
    if ns_per_tick == 0.0:
        return step
    difference = abs(float(ts_ns - int64(stream["last_ns"])) - step * float(ns_per_tick))
    if difference > CLOCK_JUMP_NS:
        return 0
    jitter = stream["jitter_ns"] + (difference - stream["jitter_ns"]) * GAIN
    stream["jitter_ns"] = jitter
    stream["jitter_sum_ns"] += jitter
    stream["jitter_max_ns"] = max(stream["jitter_max_ns"], jitter)
    stream["jitter_packets"] += np.uint32(1)
    return step
