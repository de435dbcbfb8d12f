"""Host module: MeterState, all memory of one meter, allotted once from its settings.

Kernels get the NamedTuple and allocate nothing. Live-flow tables lie in anonymous memory for which huge pages are
asked, because every packet touches a random row of them (a flow table in 4 KiB pages spends its time in the TLB).
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from flowclass.apps._fused import REASON_WORDS
from flowclass.apps.decide import DECISION
from flowclass.config.schema import default_of
from flowclass.dissect.duplicate import new_recent
from flowclass.dissect.fragment import new_fragments
from flowclass.dissect.hash import new_seed
from flowclass.errors import UsageError
from flowclass.features.row import FEATURE_COUNT
from flowclass.flow.correlation import BUCKET, ENDPOINT, ENDPOINTS_A_FLOW, WORD_BITS
from flowclass.flow.reassembly import HELLO, HELLO_BUFFERS, HELLO_BYTES
from flowclass.flow.record import FLOW, MEDIA
from flowclass.flow.reports import MAX_REPORTS
from flowclass.flow.resolved import RESOLVED, RESOLVED_ENTRIES
from flowclass.flow.rows import BODY, HOT, METER, REPORT, STREAM
from flowclass.flow.sipevents import READY_EVENTS, SIP_EVENT
from flowclass.flow.sipparts import MAX_BYTES, PARTS, SIP_PART
from flowclass.record.message import MESSAGE
from flowclass.record.packet import PACKET, PACKET_REF
from flowclass.record.stats import STATS

#: Packets dissected ahead of being metered: their rows stay in the first-level cache while flow rows are fetched.
BATCH_PACKETS = 64
#: Flow records handed out at a time.
READY_FLOWS = 4096
#: Media streams handed out with them: a batch of packets may end the flows of three times its number, each with
#: MAX_STREAMS streams (flow.meter).
READY_MEDIA = 16_384
#: RTCP is read where it is not encrypted, which in most networks is one call in several.
STREAMS_A_REPORT = 4
NS_PER_S = 1_000_000_000
#: A huge page of x86-64 and of arm64 with 4 KiB pages; only whole ones, aligned to their size, are granted.
HUGE_PAGE_BYTES = 2 << 20


@dataclass(frozen=True)
class MeterSettings:
    """What a user may choose about metering.

    Attributes
    ----------
    max_flows : live flows; memory is about 1 kB each, touched only as used. Range 64 to 16 M.
    max_streams : live media streams (one an SSRC); two a call, and memory is touched only as used.
    idle_timeout_s : a flow ends after this long without a packet (IPFIX flowIdleTimeout)
    active_timeout_s : a flow record is closed after this long; the flow goes on under the same ``flow_id``
    tcp_linger_s : a TCP flow that has ended stays this long to take late packets
    seed : key of the flow table's hash; None draws one, so that nobody can aim collisions at the table
    features_always : fill a feature row for every flow, decided by evidence or not (training)
    """

    max_flows: int = default_of("meter", "max_flows")
    max_streams: int = default_of("meter", "max_streams")
    idle_timeout_s: float = default_of("meter", "idle_timeout_s")
    active_timeout_s: float = default_of("meter", "active_timeout_s")
    tcp_linger_s: float = default_of("meter", "tcp_linger_s")
    seed: int | None = None
    features_always: bool = False

    def __post_init__(self) -> None:
        if not 64 <= self.max_flows <= 1 << 24:
            raise UsageError(f"max_flows is {self.max_flows}; it must lie between 64 and {1 << 24}")
        if not 16 <= self.max_streams <= 1 << 24:
            raise UsageError(f"max_streams is {self.max_streams}; it must lie between 16 and {1 << 24}")
        for name in ("idle_timeout_s", "active_timeout_s", "tcp_linger_s"):
            if not 0 < getattr(self, name) <= 86_400 * 365:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be above 0 and at most a year")


class MeterState(NamedTuple):
    """The arrays a meter works on; kernels of ``flowclass.flow`` that need several take a reference to this."""

    data: Any  #: uint8[n], writable: the bytes of the block being metered
    refs: Any  #: PACKET_REF[n]: where its frames lie
    index: Any  #: uint64[2^k]: tag << 32 | row + 1, 0 when free (flow.table)
    hot: Any  #: HOT[max_flows]
    body: Any  #: BODY[max_flows]
    body_bytes: Any  #: the same memory as uint8, for clearing and prefetching rows
    streams: Any  #: STREAM[max_streams]
    stream_bytes: Any  #: the same memory as uint8, for prefetching rows
    reports: Any  #: REPORT[n]: flow.reports
    meter: Any  #: METER[1]: settings and cursors
    stats: Any  #: STATS[1]
    seed: Any  #: uint64[2]
    packets: Any  #: PACKET[BATCH_PACKETS]
    message: Any  #: MESSAGE[1]
    words: Any  #: uint32[REASON_WORDS]: reason bits of the flow being judged
    decision: Any  #: DECISION[1]
    hello_packet: Any  #: PACKET[1]: a joined hello as a packet of its own
    fragments: Any  #: dissect.fragment
    recent: Any  #: uint64[n]: dissect.duplicate
    resolved: Any  #: RESOLVED[n]: flow.resolved
    endpoints: Any  #: ENDPOINT[n]: flow.correlation
    occupied: Any  #: uint64[n]: a bit for each bucket of those
    hellos: Any  #: HELLO[n]: flow.reassembly
    hello_bytes: Any  #: uint8[n, HELLO_BYTES]
    sip_parts: Any  #: SIP_PART[PARTS]: flow.sipparts
    sip_bytes: Any  #: uint8[PARTS, MAX_BYTES]
    ready: Any  #: FLOW[READY_FLOWS]: records handed out
    media: Any  #: MEDIA[READY_MEDIA]: their media streams
    events: Any  #: SIP_EVENT[READY_EVENTS]: what SIP messages said, handed out with them
    features: Any  #: float32[READY_FLOWS, FEATURE_COUNT]


def _huge(dtype: np.dtype, count: int) -> np.ndarray:
    """Return ``count`` zeroed rows in memory of their own, in huge pages where the kernel grants them."""
    # Private, because Linux backs shared anonymous memory by tmpfs, which has a switch of its own for huge pages.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    memory = mmap.mmap(-1, dtype.itemsize * count + HUGE_PAGE_BYTES, flags=flags)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    address = np.frombuffer(memory, np.uint8).ctypes.data
    return np.frombuffer(memory, dtype, count, offset=-address % HUGE_PAGE_BYTES)


def _next_power_of_two(n: int) -> int:
    return 1 << (n - 1).bit_length()


def write_timeouts(meter: np.ndarray, idle_s: float, active_s: float, linger_s: float) -> None:
    """Write time-outs into METER[1]."""
    meter["idle_ns"] = round(idle_s * NS_PER_S)
    meter["active_ns"] = round(active_s * NS_PER_S)
    meter["linger_ns"] = round(linger_s * NS_PER_S)


def new_state(settings: MeterSettings, stats: np.ndarray | None = None) -> MeterState:
    """Return the memory of a fresh meter; ``stats`` is STATS[1] to go on counting in."""
    meter = np.zeros(1, METER)
    write_timeouts(meter, settings.idle_timeout_s, settings.active_timeout_s, settings.tcp_linger_s)
    meter["features_always"] = settings.features_always
    meter["free_row"] = -1
    meter["free_stream"] = -1
    body = _huge(BODY, settings.max_flows)
    endpoints = _huge(ENDPOINT, ENDPOINTS_A_FLOW * _next_power_of_two(settings.max_flows))
    streams = _huge(STREAM, settings.max_streams)
    return MeterState(
        data=np.zeros(0, np.uint8),
        refs=np.zeros(0, PACKET_REF),
        # Half full at most, so that a linear probe is short.
        index=_huge(np.dtype(np.uint64), 2 * _next_power_of_two(settings.max_flows)),
        hot=_huge(HOT, settings.max_flows),
        body=body,
        body_bytes=body.view(np.uint8),
        streams=streams,
        stream_bytes=streams.view(np.uint8),
        reports=_huge(REPORT, max(MAX_REPORTS, settings.max_streams // STREAMS_A_REPORT)),
        meter=meter,
        stats=np.zeros(1, STATS) if stats is None else stats,
        seed=new_seed(settings.seed),
        packets=np.zeros(BATCH_PACKETS, PACKET),
        message=np.zeros(1, MESSAGE),
        words=np.zeros(REASON_WORDS, np.uint32),
        decision=np.zeros(1, DECISION),
        hello_packet=np.zeros(1, PACKET),
        fragments=new_fragments(),
        recent=new_recent(),
        resolved=np.zeros(RESOLVED_ENTRIES, RESOLVED),
        endpoints=endpoints,
        occupied=np.zeros(-(-endpoints.size // (BUCKET * WORD_BITS)), np.uint64),
        hellos=np.zeros(HELLO_BUFFERS, HELLO),
        hello_bytes=np.zeros((HELLO_BUFFERS, HELLO_BYTES), np.uint8),
        sip_parts=np.zeros(PARTS, SIP_PART),
        sip_bytes=np.zeros((PARTS, MAX_BYTES), np.uint8),
        ready=np.zeros(READY_FLOWS, FLOW),
        media=np.zeros(READY_MEDIA, MEDIA),
        events=np.zeros(READY_EVENTS, SIP_EVENT),
        features=np.zeros((READY_FLOWS, FEATURE_COUNT), np.float32),
    )
