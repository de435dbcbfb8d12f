"""Kernel module: media without an RTP header: when it began and stopped, and its longest pause.

Called by ``study`` for payload packets of UDP flows in which no RTP has shown: all that can be said of calls whose
framing hides it (Telegram, tunnels). Speech comes in the steady clock of its codec; what is exchanged while it rings,
and the pings afterwards, do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.jit import int64, kernel

#: Frames of speech last 20 to 60 ms (FACTS §1.6): one of them may be missing.
STEADY_GAP_NS = 100_000_000
#: So many packets in a row with no longer gap are media; handshakes repeat every half second.
STEADY_PACKETS = 5


@kernel
def note_pace(steady: Any, ts_ns: int) -> None:
    """Take a payload packet into the STEADY record of its direction."""
    before = int64(steady["heard_ns"])
    gap = ts_ns - before
    if before != 0 and gap > steady["gap_max_ns"]:
        steady["gap_max_ns"] = gap
    if before == 0 or gap > STEADY_GAP_NS:
        steady["run"] = 0
        steady["run_ns"] = ts_ns
    if steady["run"] < STEADY_PACKETS:
        steady["run"] += 1
    if steady["run"] >= STEADY_PACKETS:
        if steady["first_ns"] == 0:
            steady["first_ns"] = steady["run_ns"]
        steady["last_ns"] = ts_ns
        steady["packets"] += np.uint32(1)
    steady["heard_ns"] = ts_ns


@kernel
def is_media(steady: Any, packets: int) -> Any:
    """Whether most of a direction's ``packets`` came steadily: a burst alone is a handshake or a transfer."""
    return 2 * int64(steady["packets"]) >= packets
