"""Metering: frames in memory to flow records with features; includes dissection and evidence, as it does in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.kernels.conftest import Traffic
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings

#: Frames given at once, as the reader gives them.
BLOCK_FRAMES = 4096


def meter_all(traffic: Traffic, meter: FlowMeter) -> tuple[int, int]:
    """Return flows and packets of the records."""
    flows = packets = 0

    def take(batches: Any) -> None:
        nonlocal flows, packets
        for batch in batches:
            flows += len(batch.flows)
            packets += int(batch.flows["packets"].sum())

    for first in range(0, traffic.packets, BLOCK_FRAMES):
        take(meter.add(traffic.data, traffic.refs[first : first + BLOCK_FRAMES], first + 1))
    take(meter.drain())
    return flows, packets


@pytest.mark.parametrize("kind", ["call_traffic", "flood_traffic"])
def test_meter(timed: Callable[..., Any], kind: str, request: pytest.FixtureRequest) -> None:
    traffic = request.getfixturevalue(kind)
    settings = MeterSettings(max_flows=1 << 19)

    def fresh() -> tuple[tuple[Traffic, FlowMeter], dict[str, Any]]:
        return (traffic, FlowMeter(settings)), {}

    assert timed(meter_all, traffic.packets, setup=fresh) == (traffic.flows, traffic.packets)
