"""Kernel module: which flows end next: those whose time is over as the sweep's hand passes, and who makes room.

Eviction policy: of the next EVICT_LOOK rows in table order, flows of a single packet go first, then the one silent
longest. So a flood of new flows sheds its own one-packet flows, and calls in progress stay.

A flow that ends so has been silent for long: its rows lie in memory, not in a cache. They are asked for one look before
it ends.
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
def row_after(row: int, meter: Any) -> int:
    """Return the next row ever used."""
    return row + 1 if row + 1 < meter["high_row"] else 0


@kernel
def next_hand(meter: Any) -> int:
    """Move the sweep's hand to the next row, and return it."""
    hand = row_after(int64(meter["hand"]), meter)
    meter["hand"] = hand
    return hand


@kernel
def is_over(flow: Any, now_ns: int, meter: Any) -> Any:
    """Whether a row of HOT holds a flow whose time is over."""
    return flow["in_use"] and has_expired(flow, now_ns, meter)


@kernel
def fetch_ending(state: Any, row: int) -> None:
    """Fetch what the end of a flow will touch."""
    flow = state.hot[row]
    prefetch(state.index, first_slot(state.index, flow["hash"]))
    fetch_body(state.body_bytes, row)
    fetch_endpoints(state, flow)


@kernel
def sweep_one(state: Any, ts_ns: int) -> int:
    """Look at the next row; return it when its flow's time is over, else -1."""
    meter = state.meter[0]
    if meter["live"] == 0:
        return -1
    row = next_hand(meter)
    ahead = row_after(row, meter)
    if is_over(state.hot[ahead], ts_ns, meter):
        fetch_ending(state, ahead)
    return row if is_over(state.hot[row], ts_ns, meter) else -1


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
