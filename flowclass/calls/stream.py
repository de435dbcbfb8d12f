"""Host module: Stream, one RTP source of a call over all payload types, flows and pieces, with its quality."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

NS_PER_S = 1_000_000_000
#: Sequence numbers are 16 bits (RFC 3550 §5.1); a jump of more than this between two flows is a new start (§A.1).
SEQUENCES, MAX_DROPOUT = 1 << 16, 3000
#: Streams below this are probes (padding, bandwidth).
LEAST_PACKETS = 10
#: Quality is stated of streams of at least two seconds, in which 20 packets are the frames of 100 ms.
LONG_NS, LONG_PACKETS = 2 * NS_PER_S, 20
VIDEO_CLOCK_HZ = 90_000
#: Below this a clock of audio is not believed: messages with a time in milliseconds.
LEAST_AUDIO_HZ = 8000
#: Fraction lost of a report block is counted in these (RFC 3550 §6.4.1).
FRACTIONS = 256
_COLUMNS = (
    "flow", "ssrc", "direction", "payload_type", "packets", "expected", "base_seq", "max_seq", "gaps", "duplicates",
    "reordered", "first_ns", "last_ns", "rtp_elapsed", "step_least", "clock_hz", "jitter_packets", "jitter_max_ns",
    "jitter_sum_ns", "reports", "far_expected", "far_lost", "far_fraction", "far_jitter", "trips", "trip_min_ns",
    "trip_sum_ns", "offset",
)  # fmt: skip
(
    _FLOW, _SSRC, _DIRECTION, _PAYLOAD_TYPE, _PACKETS, _EXPECTED, _BASE_SEQ, _MAX_SEQ, _GAPS, _DUPLICATES,
    _REORDERED, _FIRST_NS, _LAST_NS, _RTP_ELAPSED, _STEP_LEAST, _CLOCK_HZ, _JITTER_PACKETS, _JITTER_MAX_NS,
    _JITTER_SUM_NS, _REPORTS, _FAR_EXPECTED, _FAR_LOST, _FAR_FRACTION, _FAR_JITTER, _TRIPS, _TRIP_MIN_NS,
    _TRIP_SUM_NS, _OFFSET,
) = range(len(_COLUMNS))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips between the probe and one end of a call, in ns."""

    count: int
    least_ns: int
    sum_ns: int

    def __add__(self, other: Trips) -> Trips:
        """Return both together."""
        if not self.count or not other.count:
            return self if self.count else other
        return Trips(self.count + other.count, min(self.least_ns, other.least_ns), self.sum_ns + other.sum_ns)

    @property
    def mean_s(self) -> float | None:
        """Their mean, None without any."""
        return self.sum_ns / self.count / NS_PER_S if self.count else None

    @property
    def least_s(self) -> float | None:
        """The smallest, None without any."""
        return self.least_ns / NS_PER_S if self.count else None


NO_TRIPS = Trips(0, 0, 0)


def trips_of(count: int, least_ns: int, sum_ns: int) -> Trips:
    """Return round trips; all that are none are the same object, since calls wait in their thousands."""
    return Trips(count, least_ns, sum_ns) if count else NO_TRIPS


#: Place of each of a MEDIA row's values.
PLACES = {name: place for place, name in enumerate(_COLUMNS)}


@dataclass
class Stream:
    """One RTP source as the call's record has it.

    Attributes
    ----------
    direction : ``up`` from the client, ``down`` to it
    kind : ``audio``, ``video``, ``share`` (a shared screen) or ``other`` (probes, data, clock not known)
    clock_hz : recovered clock rate, 0 when it is not known
    expected, lost : by sequence numbers, over all flows that carried the source (RFC 3550 §A.3)
    bursts : places at which packets are missing
    jitter_s, jitter_max_s : mean and largest interarrival jitter (RFC 3550 §6.4.1), None without a clock
    frame_ms : smallest RTP time between consecutive packets: a frame, or a packet of several
    surplus : packets beyond those that the sequence numbers span: copies that came after a later packet
    far_loss, far_jitter_s : what its receiver reports in RTCP, where that is in the clear: share lost on the whole way,
        from its first to its latest report, and the latest jitter; None without a report
    trips : round trips between the probe and its receiver that RTCP has shown, in ns: how many, smallest, sum
    """

    ssrc: int
    direction: str
    payload_type: int
    kind: str
    clock_hz: int
    packets: int
    expected: int
    bursts: int
    duplicates: int
    reordered: int
    jitter_s: float | None
    jitter_max_s: float | None
    frame_ms: float
    first_ns: int
    last_ns: int
    surplus: int = 0
    far_loss: float | None = None
    far_jitter_s: float | None = None
    trips: Trips = NO_TRIPS

    @cached_property
    def is_long(self) -> bool:
        """Whether there is enough of it to speak of quality."""
        return self.packets >= LONG_PACKETS and self.last_ns - self.first_ns >= LONG_NS

    @cached_property
    def lost(self) -> int:
        """Packets that never came."""
        return max(0, self.expected - self.packets)

    @cached_property
    def loss(self) -> float:
        """Share of packets that never came, 0 to 1."""
        return self.lost / self.expected if self.expected else 0.0

    @cached_property
    def burst_ratio(self) -> float:
        """Mean length of a burst of loss over that of random loss at this rate (ITU-T G.107 §7.5); 1 without loss."""
        if not self.lost:
            return 1.0
        # A packet that came late closed a gap, or split it: it never was a burst of its own.
        bursts = max(1, min(self.bursts - self.reordered, self.lost))
        return max(1.0, self.lost / bursts * (1.0 - self.loss))


def streams_of(media: Any, flow_ids: list[int]) -> dict[int, list[tuple[Any, ...]]]:
    """Return the values of MEDIA rows (in _COLUMNS' order) by the id of their flow."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in zip(*(media[name].tolist() for name in _COLUMNS), strict=True):
        found.setdefault(flow_ids[row[_FLOW]], []).append(row)
    return found


def merged(rows: Iterable[tuple[Any, ...]], upward: Iterable[int]) -> list[Stream]:
    """Return the streams of a call.

    Parameters
    ----------
    rows : MEDIA values of its flows, the latest piece of each
    upward : for each row, the direction (0 or 1) that leads away from the client
    """
    sources: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    reports: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for row, up in zip(rows, upward, strict=True):
        into = sources if row[_PACKETS] else reports
        into.setdefault((row[_SSRC], "up" if row[_DIRECTION] == up else "down"), []).append(row)
    streams = [
        _stream(*source, sorted(parts, key=lambda row: row[_FIRST_NS]), reports.get(source, []))
        for source, parts in sources.items()
    ]
    return sorted(streams, key=lambda stream: (stream.first_ns, stream.ssrc))


def _stream(ssrc: int, direction: str, parts: list[tuple[Any, ...]], reports: list[tuple[Any, ...]]) -> Stream:
    expected, top = 0, None
    for part in parts:
        expected += part[_EXPECTED]
        if top is not None:
            # The source goes on in another flow (relay to peer): what lies between the two is lost, what both carried
            # was counted twice.
            jump = (part[_BASE_SEQ] - top) % SEQUENCES
            if jump < MAX_DROPOUT:
                expected += jump - 1
            elif jump > SEQUENCES - MAX_DROPOUT:
                expected -= min(SEQUENCES - jump + 1, part[_EXPECTED])
        top = part[_MAX_SEQ]
    packets = sum(part[_PACKETS] for part in parts)
    largest = max(parts, key=lambda part: part[_PACKETS])
    clock = round(largest[_CLOCK_HZ])
    timed = [part for part in parts if part[_JITTER_PACKETS] and round(part[_CLOCK_HZ]) == clock]
    counted = sum(part[_JITTER_PACKETS] for part in timed)
    stream = Stream(
        ssrc=ssrc,
        direction=direction,
        payload_type=largest[_PAYLOAD_TYPE],
        kind=_kind(clock, packets, largest[_RTP_ELAPSED]),
        clock_hz=clock,
        packets=packets,
        expected=max(expected, packets),
        bursts=sum(part[_GAPS] for part in parts),
        duplicates=sum(part[_DUPLICATES] for part in parts),
        reordered=sum(part[_REORDERED] for part in parts),
        jitter_s=sum(part[_JITTER_SUM_NS] for part in timed) / counted / NS_PER_S if counted else None,
        jitter_max_s=max(part[_JITTER_MAX_NS] for part in timed) / NS_PER_S if counted else None,
        frame_ms=1000.0 * largest[_STEP_LEAST] / clock if clock else 0.0,
        first_ns=parts[0][_FIRST_NS],
        last_ns=max(part[_LAST_NS] for part in parts),
        surplus=max(0, packets - expected),
    )
    if reports:
        _add_reports(stream, reports)
    return stream


def _add_reports(stream: Stream, reports: list[tuple[Any, ...]]) -> None:
    """Add what the receiver says: of several paths, on that with most reports."""
    best = max(reports, key=lambda row: row[_REPORTS])
    if best[_REPORTS]:
        if best[_FAR_EXPECTED]:
            stream.far_loss = min(1.0, max(0, best[_FAR_LOST]) / best[_FAR_EXPECTED])
        else:
            stream.far_loss = best[_FAR_FRACTION] / FRACTIONS
        if stream.clock_hz:
            stream.far_jitter_s = best[_FAR_JITTER] / stream.clock_hz
    for row in reports:
        stream.trips += trips_of(row[_TRIPS], row[_TRIP_MIN_NS], row[_TRIP_SUM_NS])


def kind_of(row: tuple[Any, ...]) -> str:
    """Return what one flow's part of a source is, as its values tell."""
    return _kind(round(row[PLACES["clock_hz"]]), row[PLACES["packets"]], row[PLACES["rtp_elapsed"]])


def _kind(clock_hz: int, packets: int, rtp_elapsed: int) -> str:
    if packets < LEAST_PACKETS or rtp_elapsed <= 0 or clock_hz < LEAST_AUDIO_HZ:
        return "other"
    return "video" if clock_hz >= VIDEO_CLOCK_HZ else "audio"
