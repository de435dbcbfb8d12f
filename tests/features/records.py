"""Builds HOT, BODY and STREAM rows from a plain flow, as the docs of ``flowclass.flow.rows`` say the meter does."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from flowclass.flow.rows import BODY, GAP_EDGES_MS, HOT, SEQUENCE_LENGTH, SIZE_EDGES, STREAM
from tests.reference.features import Flow, Stream

SIGN_FIELDS = {"rtp": "rtp_shaped", "rtcp": "rtcp_shaped", "stun": "stun", "wrapped": "wrapped_media"}


def records_of(flow: Flow) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return HOT[1], BODY[1], STREAM[n] of a flow."""
    hot, body = np.zeros(1, HOT), np.zeros(1, BODY)
    hot["proto"] = flow.proto
    body["stream_head"] = 0 if flow.streams else -1
    body["stream_rejects"] = flow.rejects
    body["media_offset"] = flow.media_offset
    body["payload_packets"] = len(flow.packets)
    body["packets"][0, 0] = flow.bare_packets
    body["window_packets"] = len(flow.packets)
    before = None
    for k, packet in enumerate(flow.packets):
        body["packets"][0, packet.direction] += 1
        if k < SEQUENCE_LENGTH:
            body["sequence_size"][0, k] = packet.size * (1 - 2 * packet.direction)
            body["sequence_gap_ms"][0, k] = (packet.ts_ns - before) / 1e6 if before is not None else 0
        before = packet.ts_ns
        _add(body["window"][0, packet.direction : packet.direction + 1], packet)
    streams = np.zeros(max(len(flow.streams), 1), STREAM)
    for k, stream in enumerate(flow.streams):
        for one in fields(Stream):
            streams[one.name][k] = getattr(stream, one.name)
        streams["next"][k] = k + 1 if k + 1 < len(flow.streams) else -1
    return hot, body, streams


def _add(window: np.ndarray, packet: object) -> None:
    size, ts_ns, head, sign = packet.size, packet.ts_ns, packet.head, packet.sign  # type: ignore[attr-defined]
    if window["packets"][0]:
        gap = (ts_ns - int(window["last_ns"][0])) / 1e6
        window["gap_sum_ms"] += gap
        window["gap_squares"] += gap * gap
        window["gap_min_ms"] = gap if window["packets"][0] == 1 else min(window["gap_min_ms"][0], gap)
        window["gap_max_ms"] = max(window["gap_max_ms"][0], gap)
        window["gap_bins"][0, np.searchsorted(GAP_EDGES_MS, gap, side="right")] += 1
        window["size_repeats"] += int(size == window["size_last"][0])
        window["size_min"] = min(window["size_min"][0], size)
    else:
        window["size_min"] = size
        window["size_first"] = size
    window["packets"] += 1
    window["size_sum"] += size
    window["size_squares"] += size * size
    window["size_max"] = max(window["size_max"][0], size)
    window["size_last"] = size
    window["last_ns"] = ts_ns
    window["size_mod16"][0, size % 16] += 1
    window["size_bins"][0, np.searchsorted(SIZE_EDGES, size, side="right")] += 1
    if sign:
        window[SIGN_FIELDS[sign]] += 1
    if len(head) >= 16:
        first8, first16 = np.uint64(int.from_bytes(head[:8])), np.uint64(int.from_bytes(head[8:16]))
        if not window["compared"][0]:
            window["compared"], window["first8"], window["first16"] = 1, first8, first16
        else:
            window["changed8"] |= window["first8"] ^ first8
            window["changed16"] |= window["first16"] ^ first16


def swapped(flow: Flow) -> Flow:
    """Return the same flow with the two ends exchanged."""
    return replace(
        flow,
        packets=[replace(packet, direction=1 - packet.direction) for packet in flow.packets],
        streams=[replace(stream, direction=1 - stream.direction) for stream in flow.streams],
    )
