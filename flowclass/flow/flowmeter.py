"""Host module: FlowMeter, the meter's memory and kernels as one object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from flowclass.flow.expire import drain_table, sweep_table
from flowclass.flow.meter import meter_block
from flowclass.flow.state import READY_FLOWS, MeterSettings, new_state, write_timeouts
from flowclass.jit import link_units
from flowclass.record.status import Status

#: Finished flows worth a batch.
ENOUGH_FLOWS = READY_FLOWS // 2


class FlowBatch(NamedTuple):
    """Finished flows, valid until the next batch is asked for.

    Attributes
    ----------
    flows : FLOW[n]
    features : float32[m, FEATURE_COUNT]; ``flows["features_row"]`` points into it
    events : SIP_EVENT[e], what SIP messages said since the batch before
    media : MEDIA[k], their confirmed media streams; ``media["flow"]`` points into the flows
    """

    flows: np.ndarray
    features: np.ndarray
    media: np.ndarray
    events: np.ndarray


class FlowMeter:
    """Packets in, finished flows out.

    Parameters
    ----------
    settings : see MeterSettings
    stats : STATS[1] to go on counting in; None makes one
    beside : calls of other entries, to be compiled at the same time where nothing is compiled yet
    """

    def __init__(
        self,
        settings: MeterSettings | None = None,
        stats: np.ndarray | None = None,
        beside: Sequence[Callable[[], object]] = (),
    ) -> None:
        self.settings = settings or MeterSettings()
        self._state = new_state(self.settings, stats)
        state = self._state
        link_units(state, lambda: meter_block(state, 0, 0), lambda: drain_table(0, state), *beside)

    @property
    def stats(self) -> np.void:
        """The meter's STATS row."""
        return self._state.stats[0]  # type: ignore[no-any-return]

    @property
    def live_flows(self) -> int:
        """Flows in the table now."""
        return int(self._state.meter["live"][0])

    def live_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (HOT, BODY) rows ever used; ``in_use`` tells which are flows now. The meter goes on writing them."""
        used = int(self._state.meter["high_row"][0])
        return self._state.hot[:used], self._state.body[:used]

    @property
    def streams(self) -> np.ndarray:
        """All STREAM rows, which the meter goes on writing; those of a flow are chained from its ``stream_head`` on."""
        return self._state.streams  # type: ignore[no-any-return]

    def set_timeouts(self, idle_s: float, active_s: float, linger_s: float) -> None:
        """Use these time-outs from now on; see MeterSettings."""
        write_timeouts(self._state.meter, idle_s, active_s, linger_s)

    def add(self, data: np.ndarray, refs: np.ndarray, first_frame: int) -> Iterator[FlowBatch]:
        """Meter a block of frames (uint8[:], PACKET_REF[n]); yield flows that ended, once there are enough of them.

        A batch costs whoever takes it some Python, whatever its size. ``sweep`` and ``drain`` yield the rest.
        """
        block = self._state._replace(data=data, refs=refs)
        start = 0
        while start < refs.size:
            start = meter_block(block, start, first_frame)
            if start < refs.size or self._state.meter["ready"][0] >= ENOUGH_FLOWS:
                yield from self.take()

    def warm(self) -> None:
        """Load or compile the kernels now, so that the first packet does not wait for them."""
        meter_block(self._state, 0, 0)
        sweep_table(0, 0, self._state)
        drain_table(0, self._state)

    def sweep(self, now_ns: int) -> Iterator[FlowBatch]:
        """End what has been silent too long at ``now_ns``: for a wire on which nothing comes."""
        row = 0
        while row >= 0:
            row = sweep_table(now_ns, row, self._state)
            yield from self.take()

    def drain(self) -> Iterator[FlowBatch]:
        """End every flow: the capture is over."""
        row = 0
        while row >= 0:
            row = drain_table(row, self._state)
            yield from self.take()

    def count_filtered(self, packets: int, wire_bytes: int) -> None:
        """Book packets that the user's filter kept from the meter."""
        stats = self._state.stats[0]
        stats["packets_read"] += np.uint64(packets)
        stats["bytes_read"] += np.uint64(wire_bytes)
        stats["ignored_packets"][Status.FILTERED] += np.uint64(packets)
        stats["ignored_bytes"][Status.FILTERED] += np.uint64(wire_bytes)

    def take(self) -> Iterator[FlowBatch]:
        """Yield the flows that have ended and were not handed out yet."""
        meter = self._state.meter[0]
        ready, rows = int(meter["ready"]), int(meter["ready_rows"])
        said = int(meter["ready_events"])
        if ready or said:
            media, events = self._state.media[: int(meter["ready_media"])], self._state.events[:said]
            yield FlowBatch(self._state.ready[:ready], self._state.features[:rows], media, events)
            meter["ready"] = 0
            meter["ready_rows"] = 0
            meter["ready_media"] = 0
            meter["ready_events"] = 0
