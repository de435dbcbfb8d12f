"""Kernels of the fuzzer: a frame is laid out twice, dissected twice, and the two answers are held together.

Once it ends where the array ends, so that with bounds checks on a read behind it raises; once it lies amid other
bytes, so that a read before or behind it changes the answer, with or without checks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.packet import dissect_packet
from flowclass.jit import entry, kernel
from flowclass.record.packet import MAX_LAYERS
from flowclass.record.status import Anomaly, Status

#: Longest frame; the arena has room for one and for as many bytes around it.
LONGEST = 2048
ARENA = 3 * LONGEST
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
PROBLEMS = (
    "fine",
    "status without a name",
    "payload outside the frame",
    "impossible field",
    "refused, but fields are set",
    "answer depends on bytes outside the frame",
    "cutting the frame changed an earlier field",
)


@kernel
def look_into(data: Any, pkt: Any) -> int:
    """Run what comes after dissection on a packet that is OK; return a number that sums up the answer.

    Notes
    -----
    The place for kernels that read payload. They are run on both layouts, and their sums must agree.
    """
    total = 0
    for i in range(int(pkt["payload_lo"]), int(pkt["payload_hi"])):
        total = (total * 31 + int(data[i])) & 0xFFFFFFFF
    return total


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
def check_frame(frame: Any, caplen: int, arena: Any, refs: Any, rows: Any, fragments: Any, seed: Any) -> int:
    """Dissect ``frame[:caplen]`` in both layouts; rows 0 and 1 hold the answers; return what is wrong.

    ``refs[0]`` has the link type, wire length and time.
    """
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
    if rows[0]["status"] == 0 and look_into(arena, rows[0]) != look_into(arena, rows[1]):
        return DEPENDS_ON_NEIGHBOURS
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
    frame: Any, arena: Any, refs: Any, rows: Any, fragments: Any, seed: Any, random: Any, statuses: Any, state: Any,
) -> int:  # fmt: skip
    """Dissect ``frames`` mutated frames; return what is wrong with the first bad one.

    ``state`` holds the number and length of the frame in hand, ``frame`` its bytes; ``statuses`` counts.
    """
    for number in range(frames):
        if number % 256 == 0:
            for i in range(len(arena)):
                arena[i] = np.uint8(next_random(random) & 255)
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
        problem = check_frame(frame, length, arena, refs, rows, fragments, seed)
        if problem != FINE:
            return problem
        statuses[rows[0]["status"]] += 1
    return FINE


@entry
def cut(
    data: Any, block_refs: Any, longest_cut: int,
    frame: Any, arena: Any, refs: Any, rows: Any, fragments: Any, seed: Any, statuses: Any, state: Any,
) -> int:  # fmt: skip
    """Dissect every frame of a block cut at every length; return what is wrong with the first bad one."""
    for number in range(len(block_refs)):
        whole = min(int(block_refs[number]["caplen"]), LONGEST)
        lo = int(block_refs[number]["offset"])
        copy(data, lo, whole, frame, 0)
        refs[0]["linktype"] = block_refs[number]["linktype"]
        refs[0]["wirelen"] = block_refs[number]["wirelen"]
        refs[0]["ts_ns"] = block_refs[number]["ts_ns"]
        state[0], state[1] = number, whole
        problem = check_frame(frame, whole, arena, refs, rows, fragments, seed)
        if problem != FINE:
            return problem
        rows[2] = rows[0]
        statuses[rows[0]["status"]] += 1
        for length in range(min(whole, longest_cut + 1)):
            state[1] = length
            problem = check_frame(frame, length, arena, refs, rows, fragments, seed)
            if problem != FINE:
                return problem
            if not cut_is_faithful(rows[0], rows[2]):
                return CUT_CHANGED_A_FIELD
            statuses[rows[0]["status"]] += 1
    return FINE
