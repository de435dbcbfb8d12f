"""Kernels of the fuzzer: a frame is laid out twice, dissected and studied twice, and the answers are held together.

Once it ends where the array ends, so that with bounds checks on a read behind it raises; once it lies amid other
bytes, so that a read before or behind it changes the answer, with or without checks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.packet import dissect_packet
from flowclass.flow.batch import BODY_BYTES, WINDOWS_AT
from flowclass.flow.expire import hand_out
from flowclass.flow.reassembly import release_hello
from flowclass.flow.reports import release_reports
from flowclass.flow.streams import release_streams
from flowclass.flow.study import study
from flowclass.jit import entry, kernel, reference
from flowclass.record.packet import MAX_LAYERS, Fragment
from flowclass.record.status import Anomaly, EndReason, Status

#: Longest frame; the arena has room for one and for as many bytes around it.
LONGEST = 2048
ARENA = 3 * LONGEST
#: Frames that one flow is shown: more than its window, so that both stages of a flow are met.
FLOW_FRAMES = 100
LATER = int(Fragment.LATER)
END_OF_FLOW = int(EndReason.END_OF_FLOW)
_STATUSES = len(Status)
_UNOPENED = 1 << Anomaly.TUNNEL_UNOPENED

# What can be wrong; 0 is fine.
FINE = 0
UNKNOWN_STATUS = 1
PAYLOAD_OUTSIDE = 2
IMPOSSIBLE_FIELD = 3
REFUSED_BUT_NOT_ZERO = 4
DEPENDS_ON_NEIGHBOURS = 5
CUT_CHANGED_A_FIELD = 6
FLOW_DEPENDS_ON_NEIGHBOURS = 7
PROBLEMS = (
    "fine",
    "status without a name",
    "payload outside the frame",
    "impossible field",
    "refused, but fields are set",
    "answer depends on bytes outside the frame",
    "cutting the frame changed an earlier field",
    "what the flow remembers depends on bytes outside the frame",
)


@kernel
def begin_twins(state: Any, ts_ns: int) -> None:
    """Hand out the two flows that the payloads were shown to, and begin them anew."""
    for row in range(2):
        if state.hot[row]["in_use"]:
            state.meter[0]["ready"] = 0
            state.meter[0]["ready_rows"] = 0
            hand_out(state, row, END_OF_FLOW)
            release_streams(state.streams, state.meter[0], state.body[row])
            release_hello(state.hellos, state.body[row], row)
            release_reports(state, state.body[row])
        for i in range(row * BODY_BYTES, (row + 1) * BODY_BYTES):
            state.body_bytes[i] = 0
        state.body[row]["stream_head"] = -1
        state.body[row]["first_ns"] = ts_ns
        state.hot[row]["in_use"] = 1
        state.hot[row]["packets"] = 0


@kernel
def study_twins(state: Any, rows: Any) -> bool:
    """Show the two rows, one frame at two places, each to a flow of its own, as the meter does.

    Returns
    -------
    bool
        Whether the two flows remember the same of it.
    """
    for row in range(2):
        state.packets[row] = rows[row]
        state.hot[row]["packets"] += np.uint32(1)
        state.hot[row]["proto"] = rows[row]["proto"]
        state.hot[row]["last_ns"] = rows[row]["ts_ns"]
        if rows[row]["payload_bytes"] > 0 and rows[row]["fragment"] != LATER:
            state.body[row]["payload_packets"] += np.uint32(1)
            study(state, row, int(rows[row]["sport"] & 1), row)
    # What comes before has places of streams and reports, which the two cannot share.
    for i in range(WINDOWS_AT, BODY_BYTES):
        if state.body_bytes[i] != state.body_bytes[BODY_BYTES + i]:
            return False
    one, other = state.body[0], state.body[1]
    return one["app"] == other["app"] and one["kind"] == other["kind"] and one["stage"] == other["stage"]


@kernel
def next_random(state: Any) -> int:
    """Return 31 random bits (xorshift64*, Vigna 2016)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.int64((x * np.uint64(0x2545F4914F6CDD1D)) >> np.uint64(33))


@kernel
def copy(source: Any, source_lo: int, count: int, target: Any, target_lo: int) -> None:
    """Copy ``count`` bytes."""
    for i in range(count):
        target[target_lo + i] = source[source_lo + i]


@kernel
def judge(ref: Any, pkt: Any) -> int:
    """Return what is wrong with a row by itself."""
    lo, hi = int(ref["offset"]), int(ref["offset"]) + int(ref["caplen"])
    if pkt["status"] >= _STATUSES:
        return UNKNOWN_STATUS
    if pkt["payload_lo"] < lo or pkt["payload_hi"] > hi or pkt["payload_lo"] > pkt["payload_hi"]:
        return PAYLOAD_OUTSIDE
    if pkt["status"] != 0:
        zero = pkt["hash"] == np.uint64(0) and pkt["ip_bytes"] == 0 and pkt["sport"] == 0 and pkt["depth"] == 0
        return FINE if zero else REFUSED_BUT_NOT_ZERO
    if pkt["payload_bytes"] < pkt["payload_hi"] - pkt["payload_lo"] or pkt["ip_bytes"] < 20:
        return IMPOSSIBLE_FIELD
    if (pkt["version"] != 4 and pkt["version"] != 6) or pkt["depth"] > MAX_LAYERS or pkt["fragment"] > 2:
        return IMPOSSIBLE_FIELD
    return FINE


@kernel
def same(one: Any, other: Any, one_lo: int, other_lo: int) -> bool:
    """Whether two rows say the same of a frame at two places."""
    for layer in range(4):
        if one["tunnel_kind"][layer] != other["tunnel_kind"][layer]:
            return False
        if one["tunnel_id"][layer] != other["tunnel_id"][layer]:
            return False
    return (
        one["status"] == other["status"]
        and one["hash"] == other["hash"]
        and one["src_hi"] == other["src_hi"]
        and one["src_lo"] == other["src_lo"]
        and one["dst_hi"] == other["dst_hi"]
        and one["dst_lo"] == other["dst_lo"]
        and int(one["payload_lo"]) - one_lo == int(other["payload_lo"]) - other_lo
        and int(one["payload_hi"]) - one_lo == int(other["payload_hi"]) - other_lo
        and one["payload_bytes"] == other["payload_bytes"]
        and one["ip_bytes"] == other["ip_bytes"]
        and one["tcp_seq"] == other["tcp_seq"]
        and one["tcp_flags"] == other["tcp_flags"]
        and one["ip_id"] == other["ip_id"]
        and one["checksum"] == other["checksum"]
        and one["hop_limit"] == other["hop_limit"]
        and one["fragment"] == other["fragment"]
        and one["anomalies"] == other["anomalies"]
        and one["depth"] == other["depth"]
    )


@kernel
def cut_is_faithful(cut: Any, full: Any) -> bool:
    """Whether a cut frame's row says nothing that the whole frame's row denies."""
    if cut["status"] != 0 or full["status"] != 0:
        return True
    if cut["depth"] < full["depth"]:
        return int(cut["anomalies"]) & _UNOPENED != 0
    return (
        cut["depth"] == full["depth"]
        and cut["hash"] == full["hash"]
        and cut["src_lo"] == full["src_lo"]
        and cut["dst_lo"] == full["dst_lo"]
        and cut["ip_bytes"] == full["ip_bytes"]
        and cut["ip_id"] == full["ip_id"]
        and cut["fragment"] == full["fragment"]
        and (cut["tcp_seq"] == full["tcp_seq"] or cut["tcp_seq"] == 0)
        and (cut["tcp_flags"] == full["tcp_flags"] or cut["tcp_flags"] == 0)
        and (cut["checksum"] == full["checksum"] or cut["checksum"] == 0)
    )


@kernel
def check_frame(frame: Any, caplen: int, refs: Any, rows: Any, flows: Any) -> int:
    """Dissect and study ``frame[:caplen]`` in both layouts; rows 0 and 1 hold the answers; return what is wrong.

    ``refs[0]`` has the link type, wire length and time; ``flows`` is a reference to a MeterState.
    """
    arena, fragments, seed = flows.data, flows.fragments, flows.seed
    end = len(arena)
    copy(frame, 0, caplen, arena, end - caplen)
    copy(frame, 0, caplen, arena, LONGEST // 2)
    refs[0]["offset"], refs[0]["caplen"] = end - caplen, caplen
    refs[1]["offset"], refs[1]["caplen"] = LONGEST // 2, caplen
    refs[1]["wirelen"], refs[1]["linktype"], refs[1]["ts_ns"] = (
        refs[0]["wirelen"],
        refs[0]["linktype"],
        refs[0]["ts_ns"],
    )
    dissect_packet(arena, refs[0], rows[0], fragments, seed)
    dissect_packet(arena, refs[1], rows[1], fragments, seed)
    problem = judge(refs[0], rows[0])
    if problem != FINE:
        return problem
    if not same(rows[0], rows[1], end - caplen, LONGEST // 2):
        return DEPENDS_ON_NEIGHBOURS
    if rows[0]["status"] == 0 and not study_twins(flows, rows):
        return FLOW_DEPENDS_ON_NEIGHBOURS
    return FINE


@kernel
def mutate(frame: Any, length: int, pool: Any, random: Any) -> int:
    """Change a frame in place; return its new length."""
    for _ in range(1 + next_random(random) % 6):
        kind = next_random(random) % 8
        at = next_random(random) % length
        early = next_random(random) % min(length, 80)
        if kind < 2:
            frame[early] = np.uint8(next_random(random) & 255)
        elif kind == 2:
            frame[early] ^= np.uint8(1 << (next_random(random) & 7))
        elif kind == 3:
            frame[early] = np.uint8(0 if next_random(random) & 1 else 255)
        elif kind == 4:
            frame[at] = np.uint8(next_random(random) & 255)
        elif kind == 5:
            length = max(1, length - next_random(random) % 64)
        elif kind == 6:  # a piece of some frame, somewhere
            source = next_random(random) % max(1, len(pool) - 64)
            count = min(1 + next_random(random) % 48, length - early, len(pool) - source)
            copy(pool, source, count, frame, early)
        else:  # a header twice: the piece from here on moves back
            count = min(4 + next_random(random) % 40, length - early, LONGEST - length)
            for i in range(length - 1, early - 1, -1):
                frame[i + count] = frame[i]
            length += count
    return length


@entry
def fuzz(
    pool: Any, starts: Any, lengths: Any, linktypes: Any, other_linktypes: Any, frames: int,
    frame: Any, refs: Any, rows: Any, arrays: Any, random: Any, statuses: Any, state: Any,
) -> int:  # fmt: skip
    """Dissect ``frames`` mutated frames; return what is wrong with the first bad one.

    ``arrays`` is a MeterState with the arena in ``data``; ``state`` holds the number and
    length of the frame in hand, ``frame`` its bytes; ``statuses`` counts.
    """
    flows = reference(arrays)
    for number in range(frames):
        if number % FLOW_FRAMES == 0:
            begin_twins(flows, number * 1000)
            for i in range(len(flows.data)):
                flows.data[i] = np.uint8(next_random(random) & 255)
        chosen = next_random(random) % len(starts)
        length = int(lengths[chosen])
        copy(pool, int(starts[chosen]), length, frame, 0)
        length = mutate(frame, length, pool, random)
        state[0], state[1] = number, length
        refs[0]["linktype"] = linktypes[chosen]
        if next_random(random) % 16 == 0:
            refs[0]["linktype"] = other_linktypes[next_random(random) % len(other_linktypes)]
        refs[0]["wirelen"] = length
        if next_random(random) % 8 == 0:
            refs[0]["wirelen"] = next_random(random) % 4096
        refs[0]["ts_ns"] = number * 1000
        problem = check_frame(frame, length, refs, rows, flows)
        if problem != FINE:
            return problem
        statuses[rows[0]["status"]] += 1
    return FINE


@entry
def cut(
    data: Any, block_refs: Any, longest_cut: int,
    frame: Any, refs: Any, rows: Any, arrays: Any, statuses: Any, state: Any,
) -> int:  # fmt: skip
    """Dissect every frame of a block cut at every length; return what is wrong with the first bad one."""
    flows = reference(arrays)
    for number in range(len(block_refs)):
        begin_twins(flows, block_refs[number]["ts_ns"])
        whole = min(int(block_refs[number]["caplen"]), LONGEST)
        lo = int(block_refs[number]["offset"])
        copy(data, lo, whole, frame, 0)
        refs[0]["linktype"] = block_refs[number]["linktype"]
        refs[0]["wirelen"] = block_refs[number]["wirelen"]
        refs[0]["ts_ns"] = block_refs[number]["ts_ns"]
        state[0], state[1] = number, whole
        problem = check_frame(frame, whole, refs, rows, flows)
        if problem != FINE:
            return problem
        rows[2] = rows[0]
        statuses[rows[0]["status"]] += 1
        for length in range(min(whole, longest_cut + 1)):
            state[1] = length
            problem = check_frame(frame, length, refs, rows, flows)
            if problem != FINE:
                return problem
            if not cut_is_faithful(rows[0], rows[2]):
                return CUT_CHANGED_A_FIELD
            statuses[rows[0]["status"]] += 1
    return FINE
