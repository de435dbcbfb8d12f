"""Host module: the calls of a capture, and what each of their flows carried second by second.

Called by ``flowclass explain --call`` only. The capture is read twice: once for its calls, as ``pipeline`` finds them,
and once a second at a time, with a look at the meter's rows of their flows after each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from flowclass.calls.ends import address, relayed
from flowclass.calls.record import Call
from flowclass.capture.block import PacketBlock
from flowclass.capture.source import open_source
from flowclass.cli.flowname import FlowName
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.state import MeterSettings
from flowclass.flow.streams import CONFIRMED
from flowclass.model.bundle import ModelBundle
from flowclass.pipeline import Pipeline
from flowclass.record.verdict import APP_NAMES, KIND_NAMES, Kind

NS_PER_S = 1_000_000_000
#: Any seed will do; the same one makes both passes alike.
SETTINGS = MeterSettings(seed=1)
#: In the second pass a flow is never cut into pieces.
WHOLE = replace(SETTINGS, active_timeout_s=86_400.0 * 365)
#: Messages that end a call come within this time of its last media packet.
AFTERWARDS_S = 2
KEY = ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "proto")


@dataclass
class Second:
    """What a flow carried in one second, as (forward, reverse).

    Attributes
    ----------
    packets : all packets
    media : RTP packets
    lost : RTP sequence numbers passed over; those that come late are taken from the latest seconds that miss some
    """

    packets: list[int] = field(default_factory=lambda: [0, 0])
    media: list[int] = field(default_factory=lambda: [0, 0])
    lost: list[int] = field(default_factory=lambda: [0, 0])


@dataclass
class CallFlow:
    """A flow of a call.

    Attributes
    ----------
    up : direction of the flow that leads away from the client
    role : ``relay``, ``p2p`` or ``media`` (nobody can say) for a flow with media, else the kind of flow
    seconds : what it carried, by whole seconds since 1970
    """

    flow_id: int
    source: str
    target: str
    app: str
    role: str
    up: int
    first_ns: int
    last_ns: int = 0
    with_rtp: bool = False
    seconds: dict[int, Second] = field(default_factory=dict)


@dataclass
class CallTrace:
    """A call and its flows, in order of time."""

    call: Call
    flows: list[CallFlow]


def calls_of(path: str, name: FlowName | None, bundle: ModelBundle) -> tuple[list[CallTrace], list[str], bool]:
    """Return the calls of a capture, its problems, and if it was cut.

    Parameters
    ----------
    name : the calls with this flow alone, or the one whose ``call_id`` it is
    """
    calls: list[Call] = []
    rows: dict[int, tuple[Any, Any]] = {}

    def take(flows: Any, verdicts: Any, _: str) -> None:
        for place in np.flatnonzero((verdicts["kind"] == Kind.CALL_MEDIA) | (verdicts["kind"] == Kind.CALL_SIGNALLING)):
            # The last piece has the verdict; key and beginning are the same in all.
            rows[int(flows["flow_id"][place])] = (flows[place].copy(), verdicts[place].copy())

    source = open_source([path])
    try:
        pipeline = Pipeline(source.name, take, settings=SETTINGS, model=bundle, on_calls=calls.extend)
        for block in source.blocks():
            pipeline.add(block)
        pipeline.drain()
    finally:
        source.close()
    wanted = {number for number, (flow, _) in rows.items() if name is not None and name.matches(flow)}
    traces = []
    for call in sorted(calls, key=lambda call: call.start):
        numbers = [int(text, 16) for text in call.flows]
        if name is None or name.flow_id == int(call.call_id, 16) or not wanted.isdisjoint(numbers):
            flows = [_flow(*rows[number], call) for number in numbers if number in rows]
            traces.append(CallTrace(call, sorted(flows, key=lambda flow: (flow.first_ns, flow.flow_id))))
    _follow(path, traces, rows)
    _part(traces, Counter(number for call in calls for number in call.flows))
    return traces, source.problems, source.partial


def _flow(flow: Any, verdict: Any, call: Call) -> CallFlow:
    """Return a flow of a call without its seconds."""
    ends = [
        (str(address(int(flow[f"{end}_hi"]), int(flow[f"{end}_lo"]))), int(flow[port]))
        for end, port in (("src", "sport"), ("dst", "dport"))
    ]
    up = 1 if ends[1][0] == call.client and ends[0][0] != call.client else 0
    role = KIND_NAMES[verdict["kind"]]
    if verdict["kind"] == Kind.CALL_MEDIA:
        (is_relayed,) = relayed(np.array([verdict["app"]]), np.array([ends[1 - up][1]]))
        role = "media" if is_relayed is None else "relay" if is_relayed else "p2p"
    shown = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in ends]
    return CallFlow(
        flow_id=int(flow["flow_id"]),
        source=shown[up],
        target=shown[1 - up],
        app=APP_NAMES[verdict["app"]],
        role=role,
        up=up,
        first_ns=int(flow["origin_ns"]),
        with_rtp=bool(flow["stream_packets"].sum()),
    )


def _follow(path: str, traces: Sequence[CallTrace], rows: dict[int, tuple[Any, Any]]) -> None:
    """Read the capture again and fill the seconds of the calls' flows."""
    flows: dict[Any, CallFlow] = {}
    again = []
    for flow in [flow for trace in traces for flow in trace.flows]:
        first = flows.setdefault((_key(rows[flow.flow_id][0]), flow.first_ns), flow)
        if first is not flow:
            again.append((flow, first))
    begins = np.array(sorted({flow.first_ns for flow in flows.values()}), np.int64)
    meter = FlowMeter(WHOLE)
    seen: dict[int, tuple[CallFlow, Second]] = {}  # row of the table → its flow, and its totals so far
    source = open_source([path])
    try:
        for block in source.blocks():
            for second, some in _by_second(block):
                for _ in meter.add(block.data, block.refs[some], block.first_frame + some.start):
                    pass
                _look(meter, second, flows, begins, seen)
    finally:
        source.close()
    for flow, first in again:
        flow.seconds, flow.last_ns = first.seconds, first.last_ns


def _part(traces: Sequence[CallTrace], calls_of: Mapping[str, int]) -> None:
    """Leave to each call what its flows carried in its time, where they carried several calls one after another."""
    for trace in traces:
        first, last = int(trace.call.start), int(trace.call.end) + AFTERWARDS_S
        for flow in trace.flows:
            if calls_of[f"{flow.flow_id:016x}"] > 1:
                flow.seconds = {at: second for at, second in flow.seconds.items() if first <= at <= last}
                flow.first_ns = max(flow.first_ns, round(trace.call.start * NS_PER_S))
                flow.last_ns = min(flow.last_ns, (last + 1) * NS_PER_S)


def _by_second(block: PacketBlock) -> Iterator[tuple[int, slice]]:
    """Yield a block's frames as runs within the same second."""
    seconds = block.refs["ts_ns"] // NS_PER_S
    edges = [0, *(np.flatnonzero(np.diff(seconds)) + 1).tolist(), len(seconds)]
    for lo, hi in pairwise(edges):
        if hi > lo:
            yield int(seconds[lo]), slice(lo, hi)


def _look(
    meter: FlowMeter, second: int, flows: dict[Any, CallFlow], begins: Any, seen: dict[int, tuple[CallFlow, Second]]
) -> None:
    """Add what the flows of calls have carried since the last look to ``second``."""
    hot, body = meter.live_rows()
    for row in np.flatnonzero((hot["in_use"] != 0) & np.isin(body["origin_ns"], begins)).tolist():
        flow = flows.get((_key(hot[row]), int(body["origin_ns"][row])))
        if flow is None:
            continue
        known, before = seen.get(row, (flow, Second()))
        if known is not flow:
            before = Second()
        now = _totals(body[row], meter.streams)
        if now.packets != before.packets:
            into = flow.seconds.setdefault(second, Second())
            for way in range(2):
                into.packets[way] += now.packets[way] - before.packets[way]
                into.media[way] += now.media[way] - before.media[way]
                into.lost[way] += max(0, now.lost[way] - before.lost[way])
                _found(flow, way, max(0, before.lost[way] - now.lost[way]))
            flow.last_ns = int(hot["last_ns"][row])
        seen[row] = (flow, now)


def _found(flow: CallFlow, way: int, late: int) -> None:
    """Take packets that came late from what the latest seconds have lost; copies of packets are late for none."""
    for second in sorted(flow.seconds, reverse=True):
        filled = min(late, flow.seconds[second].lost[way])
        flow.seconds[second].lost[way] -= filled
        late -= filled


def _totals(body: Any, streams: Any) -> Second:
    """Return what a live flow has carried since it began."""
    total = Second(packets=body["packets"].tolist())
    at = int(body["stream_head"])
    while at >= 0:
        stream = streams[at]
        at = int(stream["next"])
        if stream["state"] == CONFIRMED:
            way, packets = int(stream["direction"]), int(stream["packets"])
            total.media[way] += packets
            total.lost[way] += int(stream["max_seq"]) - int(stream["base_seq"]) + 1 - packets
    return total


def _key(row: Any) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in KEY)
