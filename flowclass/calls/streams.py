"""Host module: Streams, the RTP sources of calls over all payload types, flows and pieces, with their quality.

All streams of the calls that end together are worked out at once, a column each: what a call costs is paid when
100,000 of them end with the capture.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from flowclass.calls.columns import begins_of_runs, places_of_largest
from flowclass.calls.source import SHARE, VIDEO, kinds_of

NS_PER_S = 1_000_000_000
#: Sequence numbers are 16 bits (RFC 3550 §5.1); a jump of more than this between two flows is a new start (§A.1).
SEQUENCES, MAX_DROPOUT = 1 << 16, 3000
#: Quality is stated of streams of at least two seconds, in which 20 packets are the frames of 100 ms.
LONG_NS, LONG_PACKETS = 2 * NS_PER_S, 20
#: A longer frame is none: packets of speech hold 160 ms, steps of silence 420 ms (FACTS §1.3).
LONGEST_FRAME_MS = 1000.0
#: Fraction lost of a report block is counted in these (RFC 3550 §6.4.1).
FRACTIONS = 256
#: Ways of a stream, by number.
UP, DOWN = 0, 1


@dataclass(frozen=True)
class Streams:
    """Streams of some calls, those of a call together, the first to begin first: a column of n values each.

    Attributes
    ----------
    call : place of its call
    way : UP from the client, DOWN to it
    kind : what it carried, a number in ``source.KINDS``
    clock_hz : recovered clock rate, 0 when it is not known
    expected, lost : by sequence numbers, over all flows that carried the source (RFC 3550 §A.3)
    bursts : places at which packets are missing
    surplus : packets beyond those that the sequence numbers span: copies that came after a later packet
    jitter_s, jitter_max_s : mean and largest interarrival jitter (RFC 3550 §6.4.1), NaN without a clock
    frame_ms : smallest RTP time between consecutive packets: a frame, or a packet of several; 0 when it is not known
    far_loss, far_jitter_s : what its receiver reports in RTCP, where that is in the clear: share lost on the whole way,
        from its first to its latest report, and the latest jitter; NaN without a report
    trips, trip_min_ns, trip_sum_ns : round trips between the probe and its receiver that RTCP has shown
    """

    call: Any
    way: Any
    ssrc: Any
    payload_type: Any
    kind: Any
    clock_hz: Any
    packets: Any
    expected: Any
    bursts: Any
    duplicates: Any
    reordered: Any
    surplus: Any
    jitter_s: Any
    jitter_max_s: Any
    frame_ms: Any
    first_ns: Any
    last_ns: Any
    far_loss: Any
    far_jitter_s: Any
    trips: Any
    trip_min_ns: Any
    trip_sum_ns: Any

    def __len__(self) -> int:
        return len(self.call)

    @cached_property
    def is_long(self) -> Any:
        """Whether there is enough of it to speak of quality."""
        return (self.packets >= LONG_PACKETS) & (self.last_ns - self.first_ns >= LONG_NS)

    @cached_property
    def lost(self) -> Any:
        """Packets that never came."""
        return np.maximum(0, self.expected - self.packets)

    @cached_property
    def loss(self) -> Any:
        """Share of packets that never came, 0 to 1."""
        return self.lost / np.maximum(1, self.expected)

    @cached_property
    def burst_ratio(self) -> Any:
        """Mean length of a burst of loss over that of random loss at this rate (ITU-T G.107 §7.5); 1 without loss."""
        # A packet that came late closed a gap, or split it: it never was a burst of its own.
        bursts = np.maximum(1, np.minimum(self.bursts - self.reordered, self.lost))
        return np.maximum(1.0, self.lost / bursts * (1.0 - self.loss))

    def counts(self, calls: int) -> Any:
        """Return int64[calls]: how many streams each of so many calls has."""
        return np.bincount(self.call, minlength=calls)


def merged(rows: Any, call: Any, upward: Any, is_screen: Any | None = None) -> Streams:
    """Return the streams of calls.

    Parameters
    ----------
    rows : MEDIA[k] of their flows, the latest piece of each
    call : int64[k], the place of its call
    upward : integers[k], the direction (0 or 1) that leads away from the client
    is_screen : bool[k], whether its video is a shared screen; no for None
    """
    way = (rows["direction"] != upward).astype(np.int64)
    # A call's place, an SSRC and a way in one number.
    key = call << 33 | rows["ssrc"].astype(np.int64) << 1 | way
    carried = np.flatnonzero(rows["packets"])
    order = carried[np.lexsort((rows["first_ns"][carried], key[carried]))]
    parts = _Parts(rows[order], begins_of_runs(key[order]))
    seen = np.minimum.reduceat(order, parts.begins) if len(order) else order
    found = key[order][parts.begins]
    told = np.flatnonzero(rows["packets"] == 0)
    columns = parts.columns() | _reported(rows[told], key[told], found, parts.clock_hz)
    columns |= {"call": found >> 33, "way": found & 1, "ssrc": found >> 1 & 0xFFFFFFFF}
    if is_screen is not None:
        # Whether a source is a screen is said for all of its flows.
        columns["kind"] = np.where(is_screen[seen] & (columns["kind"] == VIDEO), SHARE, columns["kind"])
    # The first to begin first; of those that begin at once with one number, the one that was told of first.
    order = np.lexsort((seen, columns["ssrc"], columns["first_ns"], columns["call"]))
    return Streams(**{column.name: columns[column.name][order] for column in fields(Streams)})


class _Parts:
    """What flows carried of each source.

    Parameters
    ----------
    rows : MEDIA[k], those of a source together, the first to begin first
    begins : where those of each source begin
    """

    def __init__(self, rows: Any, begins: Any) -> None:
        self._rows, self.begins = rows, begins
        self._owner = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(rows))))
        self._largest = rows[places_of_largest(self._owner, rows["packets"])]
        self.clock_hz = np.rint(self._largest["clock_hz"]).astype(np.int64)

    def columns(self) -> dict[str, Any]:
        """Return what they say of the source."""
        rows, largest, clock = self._rows, self._largest, self.clock_hz
        packets, spanned = self._sum(rows["packets"]), self._sum(self._expected())
        is_timed = (rows["jitter_packets"] > 0) & (np.rint(rows["clock_hz"]) == clock[self._owner])
        counted = self._sum(np.where(is_timed, rows["jitter_packets"], 0))
        timed = np.where(counted > 0, counted, np.nan)
        jitter_sum = np.bincount(self._owner, np.where(is_timed, rows["jitter_sum_ns"], 0.0), len(self.begins))
        jitter_max = np.zeros(len(self.begins))
        np.maximum.at(jitter_max, self._owner[is_timed], rows["jitter_max_ns"][is_timed])
        last = np.zeros(len(self.begins), np.int64)
        np.maximum.at(last, self._owner, rows["last_ns"])
        frame_ms = 1000.0 * largest["step_least"] / np.maximum(1, clock)
        return {
            "payload_type": largest["payload_type"],
            "kind": kinds_of(clock, packets, largest["rtp_elapsed"]),
            "clock_hz": clock,
            "packets": packets,
            "expected": np.maximum(spanned, packets),
            "bursts": self._sum(rows["gaps"]),
            "duplicates": self._sum(rows["duplicates"]),
            "reordered": self._sum(rows["reordered"]),
            "surplus": np.maximum(0, packets - spanned),
            "jitter_s": jitter_sum / timed / NS_PER_S,
            "jitter_max_s": np.where(counted > 0, jitter_max, np.nan) / NS_PER_S,
            "frame_ms": np.where((clock > 0) & (frame_ms <= LONGEST_FRAME_MS), frame_ms, 0.0),
            "first_ns": rows["first_ns"][self.begins],
            "last_ns": last,
        }

    def _expected(self) -> Any:
        """Return the packets that each part adds to those that were expected of its source."""
        rows = self._rows
        expected = rows["expected"].astype(np.int64)
        top = np.roll(rows["max_seq"].astype(np.int64), 1)
        # The source goes on in another flow (relay to peer): what lies between the two is lost, what both carried was
        # counted twice.
        jump = (rows["base_seq"] - top) % SEQUENCES
        between = np.where(jump < MAX_DROPOUT, jump - 1, 0)
        twice = np.where(jump > SEQUENCES - MAX_DROPOUT, np.minimum(SEQUENCES - jump + 1, expected), 0)
        goes_on = np.ones(len(rows), bool)
        goes_on[self.begins] = False
        return expected + np.where(goes_on, between - twice, 0)

    def _sum(self, values: Any) -> Any:
        """Return the sum of whole numbers over the parts of each source."""
        if not len(values):
            return np.zeros(0, np.int64)
        return np.add.reduceat(values.astype(np.int64), self.begins)


def _reported(rows: Any, key: Any, found: Any, clock_hz: Any) -> dict[str, Any]:
    """Return what receivers say: of several paths, on that with most reports.

    Parameters
    ----------
    rows, key : MEDIA[k] of RTCP alone, and int64[k] which source each is about
    found, clock_hz : int64[n], the sources that were seen, ascending, and their clocks
    """
    columns: dict[str, Any] = {name: np.full(len(found), np.nan) for name in ("far_loss", "far_jitter_s")}
    columns |= {name: np.zeros(len(found), np.int64) for name in ("trips", "trip_min_ns", "trip_sum_ns")}
    about = np.searchsorted(found, key)
    mine = np.flatnonzero(np.append(found, -1)[about] == key)
    if not len(mine):
        return columns
    rows, about = rows[mine], about[mine]
    best = rows[places_of_largest(about, rows["reports"])]
    sources = np.unique(about)
    has_reports = best["reports"] > 0
    best, sources = best[has_reports], sources[has_reports]
    spanned = best["far_expected"].astype(np.int64)
    lost = np.minimum(1.0, np.maximum(0, best["far_lost"]) / np.maximum(1, spanned))
    columns["far_loss"][sources] = np.where(spanned > 0, lost, best["far_fraction"] / FRACTIONS)
    clock = clock_hz[sources]
    columns["far_jitter_s"][sources] = np.where(clock > 0, best["far_jitter"] / np.maximum(1, clock), np.nan)
    has_trips = rows["trips"] > 0
    rows, about = rows[has_trips], about[has_trips]
    np.add.at(columns["trips"], about, rows["trips"].astype(np.int64))
    np.add.at(columns["trip_sum_ns"], about, rows["trip_sum_ns"])
    columns["trip_min_ns"][about] = np.iinfo(np.int64).max
    np.minimum.at(columns["trip_min_ns"], about, rows["trip_min_ns"])
    return columns
