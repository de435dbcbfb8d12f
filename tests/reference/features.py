"""Plain twin of ``flowclass.features``: features from a list of packets, by name, with lists and dicts.

Written from the features' docs, not from the kernels.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from dataclasses import dataclass, field

SIZE_EDGES = (0, 20, 40, 60, 80, 100, 140, 180, 240, 320, 500, 900, math.inf)
GAP_EDGES_MS = (0, 1, 5, 15, 25, 35, 50, 70, 90, 110, 140, 180, 400, 1000, math.inf)


@dataclass
class Packet:
    """One payload packet: direction 0 or 1, time in ns, size in bytes, its first 16 bytes (or fewer), what it is."""

    direction: int
    ts_ns: int
    size: int
    head: bytes
    sign: str = ""


@dataclass
class Stream:
    """One RTP stream as the meter keeps it (``flowclass.flow.rows.STREAM``)."""

    state: int
    direction: int
    ssrc: int
    packets: int
    bytes: int
    payload_type: int = 0
    payload_types: int = 0
    base_seq: int = 65536
    max_seq: int = 65536
    reordered: int = 0
    markers: int = 0
    rtp_elapsed: int = 0
    step: int = 0
    step_repeats: int = 0
    first_ns: int = 0
    last_ns: int = 0
    extension: int = 0


def extension_class(profile: int) -> float:
    """Return 0 for no header extension, 1 for one-byte, 2 for two-byte, 3 for private ones (RFC 8285)."""
    if not profile:
        return 0.0
    return 1.0 if profile == 0xBEDE else 2.0 if 0x1000 <= profile <= 0x100F else 3.0


@dataclass
class Flow:
    """A flow for the twin."""

    packets: list[Packet]
    streams: list[Stream] = field(default_factory=list)
    proto: int = 17
    bare_packets: int = 0  #: packets without payload
    rejects: int = 0
    media_offset: int = 0


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _gaps(packets: list[Packet]) -> list[float]:
    return [(b.ts_ns - a.ts_ns) / 1e6 for a, b in itertools.pairwise(packets)]


def _changed(packets: list[Packet]) -> list[int]:
    whole = [p.head for p in packets if len(p.head) >= 16]
    masks = [0] * 16
    for head in whole:
        for k in range(16):
            masks[k] |= head[k] ^ whole[0][k]
    return masks


def _first(packets: list[Packet]) -> bytes | None:
    return next((p.head[:16] for p in packets if len(p.head) >= 16), None)


def _busy_first(flow: Flow) -> list[list[Packet]]:
    ways = [[p for p in flow.packets if p.direction == d] for d in (0, 1)]

    def weight(packets: list[Packet]) -> tuple[object, ...]:
        gaps = _gaps(packets)
        head = _first(packets)
        return (
            sum(p.size for p in packets),
            len(packets),
            sum(p.size**2 for p in packets),
            sum(g * g for g in gaps),
            sum(gaps),
            head is not None,
            head or b"",
        )

    return sorted(ways, key=weight, reverse=True)


def features_of(flow: Flow) -> dict[str, float]:
    """Return every feature by name; the flow must be no longer than the meter's window."""
    ways = _busy_first(flow)
    out: dict[str, float] = {}
    total = len(flow.packets)
    for name, packets in zip(("busy", "quiet"), ways, strict=True):
        sizes = [p.size for p in packets]
        gaps = _gaps(packets)
        changed = _changed(packets)
        head = _first(packets)
        out[f"size_{name}_mean"] = statistics.fmean(sizes) if sizes else 0
        out[f"size_{name}_sd"] = statistics.pstdev(sizes) if sizes else 0
        out[f"size_{name}_min"] = min(sizes, default=0)
        out[f"size_{name}_max"] = max(sizes, default=0)
        out[f"size_{name}_repeats"] = _share(sum(a == b for a, b in itertools.pairwise(sizes)), len(sizes) - 1)
        out[f"gap_{name}_mean"] = statistics.fmean(gaps) if gaps else 0
        out[f"gap_{name}_sd"] = statistics.pstdev(gaps) if gaps else 0
        out[f"gap_{name}_min"] = min(gaps, default=0)
        out[f"gap_{name}_max"] = max(gaps, default=0)
        out[f"gap_{name}_rate"] = min(_share(sum(sizes) * 1000, sum(gaps)), 1e9)
        out[f"content_{name}_fixed"] = changed.count(0) if head is not None and len(packets) > 1 else 0
        out[f"content_{name}_lead"] = head[0] >> 4 if head is not None else -1
    counts = sorted(len(packets) for packets in ways)
    bytes_of = [sum(p.size for p in packets) for packets in ways]
    out["size_bytes_ratio"] = _share(bytes_of[1], bytes_of[0])
    out["size_packets_ratio"] = _share(counts[0], counts[1])
    out["size_packets"] = total
    _histograms(flow, ways, out)
    _sequence(flow, out)
    _content(flow, ways, out)
    _media(flow, out)
    signs = Counter(p.sign for p in flow.packets)
    out["sign_udp"] = float(flow.proto == 17)
    out["sign_payload_share"] = _share(total, total + flow.bare_packets)
    for sign in ("rtp", "rtcp", "stun", "wrapped"):
        out[f"sign_{sign}"] = _share(signs[sign], total)
    return out


def _histograms(flow: Flow, ways: list[list[Packet]], out: dict[str, float]) -> None:
    total = len(flow.packets)
    for lo, hi in itertools.pairwise(SIZE_EDGES):
        out[f"size_bin_{lo}"] = _share(sum(lo <= p.size < hi for p in flow.packets), total)
    gaps = _gaps(ways[0]) + _gaps(ways[1])
    for low, high in itertools.pairwise(GAP_EDGES_MS):
        out[f"gap_bin_{low}"] = _share(sum(low <= gap < high for gap in gaps), len(gaps))


def _sequence(flow: Flow, out: dict[str, float]) -> None:
    first = flow.packets[:20]
    pairs = list(itertools.pairwise(first))
    sizes = [p.size for p in first]
    runs, run = [], 0
    for k, packet in enumerate(first):
        run = run + 1 if k and packet.direction == first[k - 1].direction else 1
        runs.append(run)
    gaps = [(b.ts_ns - a.ts_ns) / 1e6 for a, b in pairs]
    out["seq_length"] = len(first)
    for k in range(4):
        out[f"seq_size_{k + 1}"] = sizes[k] if k < len(sizes) else 0
    out["seq_turns"] = _share(sum(a.direction != b.direction for a, b in pairs), len(pairs))
    out["seq_longest_run"] = _share(max(runs, default=0), len(first))
    out["seq_same_size"] = _share(sum(a.size == b.size for a, b in pairs), len(pairs))
    out["seq_echoes"] = _share(sum(a.size == b.size and a.direction != b.direction for a, b in pairs), len(pairs))
    out["seq_distinct"] = _share(len(set(sizes)), len(first))
    out["seq_size_change"] = _share(sum(abs(a.size - b.size) for a, b in pairs), len(pairs))
    out["seq_gap_mean"] = _share(sum(gaps), len(gaps))
    out["seq_gap_max"] = max(gaps, default=0)
    out["seq_bursts"] = _share(sum(gap < 1 for gap in gaps), len(gaps))


def _content(flow: Flow, ways: list[list[Packet]], out: dict[str, float]) -> None:
    masks = [_changed(packets) for packets in ways]
    for k in range(16):
        out[f"content_changed_{k}"] = max(mask[k].bit_count() for mask in masks)
    heads = [_first(packets) for packets in ways]
    for name, lo, hi in (("01", 0, 2), ("23", 2, 4), ("8b", 8, 12)):
        agree = -1
        if heads[0] is not None and heads[1] is not None:
            agree = sum(8 - (a ^ b).bit_count() for a, b in zip(heads[0][lo:hi], heads[1][lo:hi], strict=True))
        out[f"content_agree_{name}"] = agree
    residues = Counter(p.size % 16 for p in flow.packets)
    out["content_mod16_zero"] = _share(residues[0], len(flow.packets))
    out["content_mod16_top"] = _share(max(residues.values(), default=0), len(flow.packets))


def _media(flow: Flow, out: dict[str, float]) -> None:
    confirmed = sorted((s for s in flow.streams if s.state == 2), key=lambda s: (-s.packets, -s.bytes, -s.ssrc))
    out["media_streams"] = len(confirmed)
    out["media_candidates"] = sum(s.state == 1 for s in flow.streams)
    out["media_rejects"] = flow.rejects
    out["media_offset"] = flow.media_offset if confirmed else 0
    out["media_directions"] = len({s.direction for s in confirmed})
    names = (
        "type_changes",
        "step",
        "step_repeats",
        "clock",
        "markers",
        "extension",
        "loss",
        "reordered",
        "size",
        "rate",
    )
    out |= {f"media_{name}": 0.0 for name in (*names, "ssrc_bits", "other_step", "other_extension", "same_type")}
    out["media_type"] = out["media_other_type"] = -1
    if not confirmed:
        return
    main = confirmed[0]
    arrival = (main.last_ns - main.first_ns) / 1e6
    expected = main.max_seq - main.base_seq + 1
    out["media_type"] = main.payload_type
    out["media_type_changes"] = main.payload_types
    out["media_step"] = min(main.step, 270_000)
    out["media_step_repeats"] = _share(main.step_repeats, main.packets - 1)
    out["media_clock"] = min(_share(max(main.rtp_elapsed, 0), arrival), 200)
    out["media_markers"] = main.markers / main.packets
    out["media_extension"] = extension_class(main.extension)
    out["media_loss"] = _share(max(expected - main.packets, 0), expected)
    out["media_reordered"] = main.reordered / main.packets
    out["media_size"] = main.bytes / main.packets
    out["media_rate"] = min(_share((main.packets - 1) * 1000, arrival), 10_000)
    out["media_ssrc_bits"] = main.ssrc.bit_length()
    other = next((s for s in confirmed if s.direction != main.direction), None)
    if other is not None:
        out["media_other_type"] = other.payload_type
        out["media_other_step"] = min(other.step, 270_000)
        out["media_other_extension"] = extension_class(other.extension)
        out["media_same_type"] = float(other.payload_type == main.payload_type)
