"""Kernel module: which flows end next: those whose time is over as the sweep's hand passes, and who makes room.

Eviction policy: of the next EVICT_LOOK rows in table order, flows of a single packet go first, then the one silent
longest. So a flood of new flows sheds its own one-packet flows, and calls in progress stay.

A flow that ends so has been silent for long: its rows lie in memory, not in a cache. They are asked for when it is
chosen, and it ends some packets later.
"""

from __future__ import annotations

from typing import Any

from flowclass.flow.correlation import fetch_endpoints
from flowclass.flow.table import fetch_body, first_slot
from flowclass.jit import int64, kernel, prefetch
from flowclass.record.status import EndReason

EVICT_LOOK = 8


@kernel
def has_expired(flow: Any, now_ns: int, meter: Any) -> Any:
    """Whether a flow's silence, as seen from ``now_ns``, is over its timeout.

    Time that runs backward by more than the timeout (captures stitched together) ends a flow too.
    """
    silence = now_ns - int64(flow["last_ns"])
    if flow["closed"] and silence > meter["linger_ns"]:
        return True
    return silence > meter["idle_ns"] or -silence > meter["idle_ns"]


@kernel
def end_reason(flow: Any) -> int:
    """Return the reason with which a flow ends whose time is over."""
    return int64(EndReason.END_OF_FLOW) if flow["closed"] else int64(EndReason.IDLE_TIMEOUT)


@kernel
def next_hand(meter: Any) -> int:
    """Move the sweep's hand to the next row ever used, and return it."""
    hand = int64(meter["hand"]) + 1
    if hand >= meter["high_row"]:
        hand = 0
    meter["hand"] = hand
    return hand


@kernel
def swept_row(hot: Any, meter: Any, now_ns: int) -> int:
    """Look at one row; return it when its flow's time is over, else -1."""
    if meter["live"] == 0:
        return -1
    row = next_hand(meter)
    return row if hot[row]["in_use"] and has_expired(hot[row], now_ns, meter) else -1


@kernel
def fetch_ending(state: Any, row: int) -> None:
    """Fetch what the end of a flow will touch."""
    flow = state.hot[row]
    prefetch(state.index, first_slot(state.index, flow["hash"]))
    fetch_body(state.body_bytes, row)
    fetch_endpoints(state, flow)


@kernel
def sweep_one(state: Any, ts_ns: int) -> int:
    """Look at the next row; return the one before whose time was over, and still is, or -1."""
    meter = state.meter[0]
    due = int64(meter["due"]) - 1
    swept = swept_row(state.hot, meter, ts_ns)
    meter["due"] = swept + 1
    if swept >= 0:
        fetch_ending(state, swept)
    return due if due >= 0 and state.hot[due]["in_use"] and has_expired(state.hot[due], ts_ns, meter) else -1


@kernel
def row_to_evict(hot: Any, meter: Any) -> int:
    """Return the flow that makes room in a full table: the one chosen before, while it has one packet, or another."""
    chosen = int64(meter["victim"]) - 1
    if chosen >= 0 and hot[chosen]["in_use"] and hot[chosen]["packets"] == 1:
        return chosen
    return choose_victim(hot, meter)


@kernel
def choose_victim(hot: Any, meter: Any) -> int:
    """Choose a flow by the policy above, from where the hand stands."""
    victim = next_hand(meter)
    for _ in range(EVICT_LOOK - 1):
        row = next_hand(meter)
        flow = hot[row]
        best = hot[victim]
        if (flow["packets"] == 1) != (best["packets"] == 1):
            if flow["packets"] == 1:
                victim = row
        elif flow["last_ns"] < best["last_ns"]:
            victim = row
    return victim


@kernel
def choose_early(state: Any) -> None:
    """Choose now who makes room for the next flow of a full table."""
    victim = choose_victim(state.hot, state.meter[0])
    state.meter[0]["victim"] = victim + 1
    fetch_ending(state, victim)
