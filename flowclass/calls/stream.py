"""Host module: Stream, one RTP source of a call over all payload types, flows and pieces, with its quality."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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
_COLUMNS = (
    "flow", "ssrc", "direction", "payload_type", "packets", "expected", "base_seq", "max_seq", "gaps", "duplicates",
    "reordered", "first_ns", "last_ns", "rtp_elapsed", "step_least", "clock_hz", "jitter_packets", "jitter_max_ns",
    "jitter_sum_ns",
)  # fmt: skip


@dataclass
class Stream:
    """One RTP source as the call's record has it.

    Attributes
    ----------
    direction : ``up`` from the client, ``down`` to it
    kind : ``audio``, ``video`` or ``other`` (probes, data, clock not known)
    clock_hz : recovered clock rate, 0 when it is not known
    expected, lost : by sequence numbers, over all flows that carried the source (RFC 3550 §A.3)
    bursts : places at which packets are missing
    jitter_s, jitter_max_s : mean and largest interarrival jitter (RFC 3550 §6.4.1), None without a clock
    frame_ms : smallest RTP time between consecutive packets: a frame, or a packet of several
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

    @property
    def is_long(self) -> bool:
        """Whether there is enough of it to speak of quality."""
        return self.packets >= LONG_PACKETS and self.last_ns - self.first_ns >= LONG_NS

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return max(0, self.expected - self.packets)

    @property
    def loss(self) -> float:
        """Share of packets that never came, 0 to 1."""
        return self.lost / self.expected if self.expected else 0.0

    @property
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
        found.setdefault(flow_ids[row[0]], []).append(row)
    return found


def merged(rows: Iterable[tuple[Any, ...]], upward: Iterable[int]) -> list[Stream]:
    """Return the streams of a call.

    Parameters
    ----------
    rows : MEDIA values of its flows, the latest piece of each
    upward : for each row, the direction (0 or 1) that leads away from the client
    """
    sources: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for row, up in zip(rows, upward, strict=True):
        sources.setdefault((row[1], "up" if row[2] == up else "down"), []).append(row)
    streams = [_stream(ssrc, way, sorted(parts, key=lambda row: row[11])) for (ssrc, way), parts in sources.items()]
    return sorted(streams, key=lambda stream: (stream.first_ns, stream.ssrc))


def _stream(ssrc: int, direction: str, parts: list[tuple[Any, ...]]) -> Stream:
    expected, top = 0, None
    for part in parts:
        expected += part[5]
        if top is not None:
            # The source goes on in another flow (relay to peer): what lies between the two is lost, what both carried
            # was counted twice.
            jump = (part[6] - top) % SEQUENCES
            if jump < MAX_DROPOUT:
                expected += jump - 1
            elif jump > SEQUENCES - MAX_DROPOUT:
                expected -= min(SEQUENCES - jump + 1, part[5])
        top = part[7]
    packets = sum(part[4] for part in parts)
    largest = max(parts, key=lambda part: part[4])
    clock = round(largest[15])
    counted = sum(part[16] for part in parts if round(part[15]) == clock)
    jitter = sum(part[18] for part in parts if round(part[15]) == clock) / counted / NS_PER_S if counted else None
    return Stream(
        ssrc=ssrc,
        direction=direction,
        payload_type=largest[3],
        kind=_kind(clock, packets, largest[13]),
        clock_hz=clock,
        packets=packets,
        expected=max(expected, packets),
        bursts=sum(part[8] for part in parts),
        duplicates=sum(part[9] for part in parts),
        reordered=sum(part[10] for part in parts),
        jitter_s=jitter,
        jitter_max_s=max(part[17] for part in parts) / NS_PER_S if counted else None,
        frame_ms=1000.0 * largest[14] / clock if clock else 0.0,
        first_ns=parts[0][11],
        last_ns=max(part[12] for part in parts),
    )


def _kind(clock_hz: int, packets: int, rtp_elapsed: int) -> str:
    if packets < LEAST_PACKETS or rtp_elapsed <= 0 or clock_hz < LEAST_AUDIO_HZ:
        return "other"
    return "video" if clock_hz >= VIDEO_CLOCK_HZ else "audio"
