"""Plain twin of calls.streams: the streams of one call, a source and a flow at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from flowclass.calls.streams import DOWN, UP


class Figures(NamedTuple):
    """A stream, as `Streams` has it; None for what is not known."""

    way: int
    ssrc: int
    clock_hz: int
    packets: int
    expected: int
    bursts: int
    duplicates: int
    reordered: int
    surplus: int
    jitter_s: float | None
    first_ns: int
    last_ns: int
    far_loss: float | None
    far_jitter_s: float | None
    trips: int
    loss: float
    burst_ratio: float
    is_long: bool


def plain_streams(rows: Sequence[tuple[Any, int]]) -> list[Figures]:
    """Return the streams of a call from MEDIA rows, each with the direction that leads away from the client."""
    sources: dict[tuple[int, int], list[dict[str, Any]]] = {}
    reports: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for media, up in rows:
        values = dict(zip(media.dtype.names, media.item(), strict=True))
        key = (values["ssrc"], UP if values["direction"] == up else DOWN)
        (sources if values["packets"] else reports).setdefault(key, []).append(values)
    streams = [_stream(*key, parts, reports.get(key, [])) for key, parts in sources.items()]
    return sorted(streams, key=lambda one: (one.first_ns, one.ssrc))


def _stream(ssrc: int, way: int, parts: list[dict[str, Any]], reports: list[dict[str, Any]]) -> Figures:
    parts = sorted(parts, key=lambda part: part["first_ns"])
    largest = max(parts, key=lambda part: part["packets"])
    clock = round(largest["clock_hz"])
    timed = [part for part in parts if part["jitter_packets"] and round(part["clock_hz"]) == clock]
    counted = sum(part["jitter_packets"] for part in timed)
    packets = sum(part["packets"] for part in parts)
    spanned = _spanned(parts)
    expected = max(spanned, packets)
    bursts, reordered = (sum(part[name] for part in parts) for name in ("gaps", "reordered"))
    first, last = parts[0]["first_ns"], max(part["last_ns"] for part in parts)
    lost = expected - packets
    loss = lost / expected if expected else 0.0
    ratio = lost / max(1, min(bursts - reordered, lost)) * (1 - loss) if lost else 1.0
    far_loss, far_jitter_s = _reported(reports, clock)
    return Figures(
        way, ssrc, clock, packets, expected, bursts, sum(part["duplicates"] for part in parts), reordered,
        max(0, packets - spanned),
        sum(part["jitter_sum_ns"] for part in timed) / counted / 1e9 if counted else None,
        first, last, far_loss, far_jitter_s, sum(one["trips"] for one in reports), loss, max(1.0, ratio),
        packets >= 20 and last - first >= 2_000_000_000,
    )  # fmt: skip


def _spanned(parts: list[dict[str, Any]]) -> int:
    """Return the packets that the sequence numbers span over flows: gaps between them count, overlaps once."""
    spanned, top = 0, None
    for part in parts:
        spanned += part["expected"]
        if top is not None:
            jump = (part["base_seq"] - top) % 65_536
            if jump < 3000:
                spanned += jump - 1
            elif jump > 65_536 - 3000:
                spanned -= min(65_536 - jump + 1, part["expected"])
        top = part["max_seq"]
    return spanned


def _reported(reports: list[dict[str, Any]], clock: int) -> tuple[float | None, float | None]:
    """Return loss and jitter in s of the path with most reports."""
    best = max(reports, key=lambda one: one["reports"], default=None)
    if best is None or not best["reports"]:
        return None, None
    far_loss = best["far_fraction"] / 256
    if best["far_expected"]:
        far_loss = min(1.0, max(0, best["far_lost"]) / best["far_expected"])
    return far_loss, best["far_jitter"] / clock if clock else None
