"""Host module: ``python -m bench.stages``: where the nanoseconds of a packet go, as differences of cut-off pipelines.

Each stage does all that the stage before it does and one thing more, on the same capture, in one process and on one
core. Rounds are interleaved and medians count. The flow table of the stages ``fetch`` to ``count`` is warm: a first
round, which is not counted, has opened all flows; none ends. Those after begin with an empty one: ``open and end`` lets
flows begin, expire and be handed out while nothing looks at payload, ``study`` is all of the meter.

With ``--bars`` the peers are timed on the same workload in the same run, and what is asked beside each of them is put
in nanoseconds beside the stages: what a packet costs that is read, dissected and counted, and nothing more, is the
least that any meter built like this one needs on this machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.peers import contenders, measure
from bench.workloads import catalog
from flowclass.capture.source import open_source
from flowclass.flow.batch import dissect_batch, fetch_ahead, fetch_first
from flowclass.flow.expire import drain_table, end_flow
from flowclass.flow.flowmeter import FlowMeter
from flowclass.flow.meter import RECORDS_PER_PACKET, SWEEP_EVERY, account, add_to_flow, begin_flow
from flowclass.flow.state import MeterSettings, MeterState, new_state
from flowclass.flow.study import FIRM
from flowclass.flow.sweep import end_reason, has_expired, sweep_one
from flowclass.flow.table import find
from flowclass.jit import entry, fused, int64, reference
from flowclass.pipeline import Pipeline
from flowclass.record.status import Status
from flowclass.record.verdict import App, Kind
from flowclass.sinks.table import Summary

#: Room for every flow of the workloads, so that the warm stages never evict.
SETTINGS = MeterSettings(max_flows=1 << 19)
#: How many times faster than each peer a workload is to be metered (the project's own aim).
BARS = {"calls": {"ndpi": 12.0, "nfstream": 40.0}, "corpus": {"ndpi": 15.0, "nfstream": 60.0}}
#: The last stage that looks at no payload.
LEAST_STAGE = "account and count"
#: How far a stage goes.
DISSECT, FETCH, FIND, COUNT, LIVE = range(5)


@fused
def _count(state: Any, k: int, row: int, direction: int) -> None:
    """Count the packet in its flow, or in one that it opens; nothing will look at its payload."""
    if row < 0:
        row = begin_flow(state.packets[k], state)
        body = state.body[row]
        body["stage"] = FIRM
        body["app"] = App.OTHER
        body["kind"] = Kind.NOT_VOIP
    add_to_flow(state, k, row, direction)


@fused
def _live(state: Any, k: int, row: int, direction: int) -> None:
    """Count the packet, and let flows end before and after it as the meter does."""
    ts_ns = int64(state.packets[k]["ts_ns"])
    if row >= 0 and has_expired(state.hot[row], ts_ns, state.meter[0]):
        end_flow(state, row, end_reason(state.hot[row]))
        row, direction = -1, 0
    _count(state, k, row, direction)
    if k % SWEEP_EVERY == 0:
        overdue = sweep_one(state, ts_ns)
        if overdue >= 0:
            end_flow(state, overdue, end_reason(state.hot[overdue]))


@entry
def run_stage(arrays: Any, depth: int, start: int) -> int:
    """Take a block's packets from ``start`` on through the first stages of `flowclass.flow.meter.meter_block`.

    Returns
    -------
    int
        The first packet not taken, for want of room for flows that have ended.
    """
    state = reference(arrays)
    batch = state.packets.size
    room = state.ready.size - batch * RECORDS_PER_PACKET
    while start < state.refs.size and state.meter[0]["ready"] <= room:
        count = min(batch, state.refs.size - start)
        dissect_batch(state, start, count)
        start += count
        if depth == DISSECT:
            continue
        fetch_first(state, count)
        for k in range(count):
            fetch_ahead(state, k, count)
            if depth >= COUNT:
                account(state.refs[start - count + k], state.packets[k], state)
            if depth == FETCH or state.packets[k]["status"] != Status.OK:
                continue
            row, direction = find(state, state.packets[k])
            # Found but not used it would be left out by the compiler.
            state.packets[k]["flow"] = row
            if depth == COUNT:
                _count(state, k, row, direction)
            elif depth == LIVE:
                _live(state, k, row, direction)
    return start


def _blocks(path: str, take: Callable[[Any], Any]) -> tuple[float, int]:
    """Give every block of a capture to ``take``; return CPU seconds and packets."""
    source = open_source([path])
    packets = 0
    start = time.process_time()
    for block in source.blocks():
        packets += len(block.refs)
        take(block)
    spent = time.process_time() - start
    source.close()
    return spent, packets


def _kernels(state: MeterState, depth: int) -> Callable[[Any], Any]:
    """Return what takes a block so far; nobody takes the records."""

    def take(block: Any) -> None:
        here = state._replace(data=block.data, refs=block.refs)
        start = 0
        while start < block.refs.size:
            start = run_stage(here, depth, start)
            _forget_records(state)

    return take


def _forget_records(state: MeterState) -> None:
    for name in ("ready", "ready_rows", "ready_media", "ready_events"):
        state.meter[name] = 0


def _live_and_end(path: str) -> tuple[float, int]:
    """Let flows begin and end; nothing looks at payload."""
    state = new_state(SETTINGS)
    spent, packets = _blocks(path, _kernels(state, LIVE))
    begin, row = time.process_time(), 0
    while row >= 0:
        row = drain_table(row, state)
        _forget_records(state)
    return spent + time.process_time() - begin, packets


def _meter(path: str) -> tuple[float, int]:
    """Meter with evidence and features; nobody takes the records."""
    meter = FlowMeter(SETTINGS)
    spent, packets = _blocks(path, lambda block: [None for _ in meter.add(block.data, block.refs, block.first_frame)])
    start = time.process_time()
    for _ in meter.drain():
        pass
    return spent + time.process_time() - start, packets


def _pipeline(path: str) -> tuple[float, int]:
    """Label and sum up as well, as ``flowclass analyze`` does."""
    summary = Summary()
    pipeline = Pipeline("bench", summary.write, settings=SETTINGS)
    spent, packets = _blocks(path, pipeline.add)
    start = time.process_time()
    pipeline.drain()
    return spent + time.process_time() - start, packets


def _peer_ns(name: str, workload: Any, core: int) -> float:
    """Return the nanoseconds of CPU that a peer takes for a packet, net of its start-up."""
    contender = next(one for one in contenders.ALL if one.name == name)
    whole, start = (
        measure.run(contender.command(path), core, keep_output=False).cpu_s for path in (workload.path, workload.start)
    )
    return (whole - start) / (workload.packets - workload.start_packets) * 1e9


def _print_bars(workload: Any, medians: dict[str, float], core: int) -> None:
    least, all_of_it = medians[LEAST_STAGE], list(medians.values())[-1]
    for name, times in BARS[workload.name].items():
        peer_ns = _peer_ns(name, workload, core)
        print(
            f"{name}: {peer_ns:,.0f} ns; {times:.0f} times as fast would be {peer_ns / times:.0f} ns, of which "
            f"reading, dissecting and counting take {least:.0f}; all of it is {peer_ns / all_of_it:.1f} times as fast, "
            f"counting alone {peer_ns / least:.1f}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print nanoseconds a packet, in all and beyond the stage before."""
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description=__doc__.partition("\n\n")[2])
    parser.add_argument("--workload", choices=("calls", "corpus"), default="corpus")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds; the median counts")
    parser.add_argument("--packets", type=int, help="size of the workload instead of 5 M")
    parser.add_argument("--bars", action="store_true", help="time the peers as well (bench.peers.setup installs them)")
    options = parser.parse_args(arguments)
    absent = contenders.available(["ndpi", "nfstream"])[1] if options.bars else []
    if absent:
        print(*(f"bench.stages: {reason}" for reason in absent), sep="\n", file=sys.stderr)
        return 2
    workload = catalog.obtain(options.workload, catalog.default_folder(), options.packets, catalog.SEED)
    path = str(workload.path)
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    FlowMeter(SETTINGS).warm()
    state = new_state(SETTINGS)
    stages: dict[str, Callable[[], tuple[float, int]]] = {
        "read and index": lambda: _blocks(path, lambda block: None),
        "dissect": lambda: _blocks(path, _kernels(state, DISSECT)),
        "fetch flow rows": lambda: _blocks(path, _kernels(state, FETCH)),
        "find": lambda: _blocks(path, _kernels(state, FIND)),
        "account and count": lambda: _blocks(path, _kernels(state, COUNT)),
        "open and end": lambda: _live_and_end(path),
        "study": lambda: _meter(path),
        "label, sum up": lambda: _pipeline(path),
    }
    _blocks(path, _kernels(state, COUNT))
    spent: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(options.rounds):
        for name, run in stages.items():
            seconds, packets = run()
            spent[name].append(seconds / packets * 1e9)
    if packets != workload.packets:
        print(f"bench.stages: read {packets:,} of {workload.packets:,} packets", file=sys.stderr)
        return 1
    print(f"{options.workload}: {packets:,} packets, ns a packet, medians of {options.rounds} rounds")
    medians = {name: statistics.median(each) for name, each in spent.items()}
    before = 0.0
    for name, median in medians.items():
        print(f"{name:20} {median:7.1f}  {median - before:+7.1f}   {min(spent[name]):.1f}-{max(spent[name]):.1f}")
        before = median
    if options.bars:
        _print_bars(workload, medians, core)
    return 0


if __name__ == "__main__":
    sys.exit(main())
