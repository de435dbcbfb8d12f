"""Flows of calls as the meter hands them out, for tests of their assembly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from flowclass.calls.assembler import Assembler
from flowclass.calls.record import Call
from flowclass.flow.record import FLOW, MEDIA
from flowclass.model.verdict import VERDICT
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, DecidedBy, EndMark, Kind

S = 1_000_000_000
CLIENT, OTHER, RELAY, RELAY_2, PEER = 0x0A000001, 0x0A000002, 0xCB007101, 0xCB007102, 0xC6336401


class Rows(NamedTuple):
    """FLOW and VERDICT of one flow, and its MEDIA rows."""

    flows: np.ndarray
    verdicts: np.ndarray
    media: np.ndarray


def flow(
    begin_s: float,
    end_s: float,
    *,
    app: App = App.WHATSAPP,
    kind: Kind = Kind.CALL_MEDIA,
    src: int = CLIENT,
    dst: int = RELAY,
    sport: int = 40000,
    dport: int = 3478,
    sent: tuple[int, int] = (100, 100),
    expected: tuple[int, int] = (100, 100),
    ssrc: int = 0,
    clock_hz: int = 16_000,
    flow_id: int = 0,
    end: EndReason = EndReason.IDLE_TIMEOUT,
    piece: int = 0,
    origin_s: float | None = None,
    ids: tuple[int, int] = (0, 0),
    mark: tuple[EndMark, float] = (EndMark.NONE, 0.0),
    cost: tuple[int, int] = (0, 0),
    by: DecidedBy = DecidedBy.EVIDENCE,
) -> Rows:
    """Return one flow; its media lies between the two times, on one audio source each way unless it has no RTP."""
    row, verdict = np.zeros(1, FLOW), np.zeros(1, VERDICT)
    row["flow_id"] = flow_id or hash((begin_s, src, dst, sport, dport)) & 0xFFFFFFFF
    row["src_lo"], row["dst_lo"] = IPV4_MAPPED | src, IPV4_MAPPED | dst
    row["sport"], row["dport"], row["proto"] = sport, dport, 17
    row["first_ns"], row["last_ns"] = int(begin_s * S), int(end_s * S)
    row["origin_ns"] = int((begin_s if origin_s is None else origin_s) * S)
    row["packets"], row["bytes"], row["piece"] = sent, 100, piece
    row["end_reason"], row["call_ids"] = end, ids
    row["end_mark"], row["end_mark_ns"] = mark[0], int(mark[1] * S)
    row["network_cost"] = cost
    media = np.zeros(0, MEDIA)
    if kind == Kind.CALL_MEDIA and expected != (0, 0):
        row["stream_packets"], row["stream_expected"] = sent, expected
        for way in range(2):
            if sent[way]:
                row["media_first_ns"][0, way], row["media_last_ns"][0, way] = int(begin_s * S), int(end_s * S)
        # A source of its own for every flow, unless the test wants it shared.
        ssrc = ssrc or 1 << 24 | int(row["flow_id"][0]) & 0xFFFFFE
        media = media_rows(sent, expected, int(begin_s * S), int(end_s * S), ssrc, clock_hz)
    verdict["app"], verdict["kind"], verdict["candidates"], verdict["decided_by"] = app, kind, 1 << app, by
    verdict["confidence"] = 0.9
    return Rows(row, verdict, media)


def media_rows(
    sent: tuple[int, int], expected: tuple[int, int], first_ns: int, last_ns: int, ssrc: int, clock_hz: int
) -> np.ndarray:
    """Return MEDIA rows of one stream each way that has packets: SSRC ``ssrc`` forward, one more in reverse."""
    media = np.zeros(sum(count > 0 for count in sent), MEDIA)
    for one, way in zip(media, [way for way in range(2) if sent[way]], strict=True):
        one["direction"], one["ssrc"] = way, ssrc + way
        one["packets"], one["expected"], one["max_seq"] = sent[way], expected[way], expected[way]
        one["base_seq"], one["gaps"] = 1, expected[way] - sent[way]
        one["first_ns"], one["last_ns"] = first_ns, last_ns
        one["clock_hz"], one["rtp_elapsed"], one["step_least"] = clock_hz, 320 * sent[way], 320
    return media


def assemble(*flows: Rows, end_s: float = 10_000) -> list[Call]:
    """Return the calls of some flows of a capture that begins at 0."""
    return drained(assembler_of(flows), end_s)


def drained(assembler: Assembler, end_s: float) -> list[Call]:
    """Return all calls at the end of the capture."""
    return [call for calls in assembler.drain(int(end_s * S)) for call in calls]


def assembler_of(flows: Iterable[Rows]) -> Assembler:
    """Return an assembler that has taken some flows."""
    assembler = Assembler("test", 120 * S, 1800 * S)
    assembler.first_ns = 0
    for one in flows:
        assembler.add(*one)
    return assembler
