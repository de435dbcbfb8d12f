"""Kernel module: the rows of live tables: HOT and BODY (a flow), STREAM (one SSRC), REPORT (what RTCP says of one), and
METER (the meter's own state).

A live flow is one row of HOT (a cache line: key, clock, state) and the row of the same index in BODY (the rest), so
that looking a packet's flow up touches one line. What is handed out is another record (flow.record). Directions are as
there.
"""

from __future__ import annotations

import numpy as np

from flowclass.apps._fused import APPS_STATE
from flowclass.flow.record import ROUND_TRIPS
from flowclass.record.field import Field, dtype_of
from flowclass.record.message import HEAD_BYTES
from flowclass.record.packet import TUNNEL_PATH_LENGTH

#: Packets with payload whose sizes and gaps are kept in order (SPLT).
SEQUENCE_LENGTH = 20
#: Payload packets of a flow that the statistics window covers; later ones only count.
WINDOW_PACKETS = 60
#: Upper edges, exclusive, of the payload-size histogram in bytes; the last bin is open.
SIZE_EDGES = (20, 40, 60, 80, 100, 140, 180, 240, 320, 500, 900)
#: Upper edges, exclusive, of the gap histogram in milliseconds: cut between the frame clocks 10, 20, 30, 40, 60, 80,
#: 100, 120 and 160 ms that speech codecs use (FACTS §1); the last bin is open.
GAP_EDGES_MS = (1, 5, 15, 25, 35, 50, 70, 90, 110, 140, 180, 400, 1000)
SIZE_BINS = len(SIZE_EDGES) + 1
GAP_BINS = len(GAP_EDGES_MS) + 1

HOT_FIELDS = (
    Field("src_hi", "u8", "forward source address, high word"),
    Field("src_lo", "u8", "forward source address, low word"),
    Field("dst_hi", "u8", "forward destination address, high word"),
    Field("dst_lo", "u8", "forward destination address, low word"),
    Field("last_ns", "i8", "time of the latest packet, either direction", "ns"),
    Field("hash", "u8", "keyed hash of the biflow key"),
    Field("sport", "u2", "forward source port"),
    Field("dport", "u2", "forward destination port"),
    Field("packets", "u4", "packets of this piece, both directions"),
    Field("next_free", "i4", "chain of free rows"),
    Field("proto", "u1", "IP protocol"),
    Field("version", "u1", "4 or 6"),
    Field("in_use", "u1", "1 for a live flow"),
    Field("closed", "u1", "1 once TCP has ended"),
)

#: Statistics of one direction over the first WINDOW_PACKETS payload packets of the flow, in two cache lines. Gaps are
#: between payload packets of this direction; ``size`` is the payload length on the wire.
WINDOW_FIELDS = (
    Field("first8", "u8", "payload bytes 0-7 of the direction's first packet that had 16, big-endian"),
    Field("first16", "u8", "its bytes 8-15"),
    Field("changed8", "u8", "bits of bytes 0-7 that ever differed from first8"),
    Field("changed16", "u8", "bits of bytes 8-15 that ever differed from first16"),
    Field("size_squares", "f8", "sum of size squared", "byte2"),
    Field("last_ns", "i8", "time of the direction's latest payload packet, 0 before the first", "ns"),
    Field("gap_sum_ms", "f4", "sum of gaps", "ms"),
    Field("gap_squares", "f4", "sum of gap squared", "ms2"),
    Field("gap_min_ms", "f4", "smallest gap; 0 before the second packet", "ms"),
    Field("gap_max_ms", "f4", "largest gap", "ms"),
    Field("size_sum", "u4", "sum of sizes", "byte"),
    Field("packets", "u2", "payload packets in the window"),
    Field("size_min", "u2", "smallest size, 0 before the first", "byte"),
    Field("size_max", "u2", "largest size", "byte"),
    Field("size_first", "u2", "size of the first payload packet", "byte"),
    Field("size_repeats", "u2", "packets as long as the one before them in this direction"),
    Field("size_last", "u2", "size of the latest payload packet", "byte"),
    Field("compared", "u1", "1 once first8 and first16 are set"),
    Field("size_mod16", "u1", "packets by size modulo 16, saturating", shape=(16,)),
    Field("size_bins", "u1", "packets by size (SIZE_EDGES), saturating", shape=(SIZE_BINS,)),
    Field("gap_bins", "u1", "gaps by length (GAP_EDGES_MS), saturating", shape=(GAP_BINS,)),
    Field("rtp_shaped", "u1", "packets that pass the RTP header checks, never above WINDOW_PACKETS"),
    Field("rtcp_shaped", "u1", "packets that pass the RTCP header checks"),
    Field("stun", "u1", "STUN messages"),
    Field("wrapped_media", "u1", "packets whose media lay inside TURN or another framing"),
)
WINDOW = dtype_of(WINDOW_FIELDS)

#: What a tunnel sends in small packets in the current second, and when it was like speech (flow.voice): 32 bytes.
VOICE_FIELDS = (
    Field("second", "u4", "the second being gathered, from the flow's beginning", "s"),
    Field("parts", "u4", "bit set of the parts of the second with a small packet, by direction", shape=(2,)),
    Field("bytes", "u4", "IP bytes of the small packets, by direction", "byte", shape=(2,)),
    Field("seconds", "u4", "seconds like speech in this piece", "s"),
    Field("history", "u2", "the seconds before, a bit each, the latest lowest: 1 for one like speech"),
    Field("packets", "u1", "small packets, by direction, saturating", shape=(2,)),
    Field("speaking", "u1", "1 within a stretch of speech"),
)
VOICE = dtype_of(VOICE_FIELDS)

TRIP_FIELDS = (
    Field("asked", "u4", "transaction of the latest STUN request that way, folded; 0 when it was answered"),
    *ROUND_TRIPS,
    Field("asked_ns", "i8", "when its first copy passed", "ns"),
)
TRIP = dtype_of(TRIP_FIELDS)

#: How one direction of a UDP flow in which no RTP shows keeps its pace (flow.steady).
STEADY_FIELDS = (
    Field("heard_ns", "i8", "its latest payload packet, 0 before the first", "ns"),
    Field("gap_max_ns", "i8", "longest pause between two", "ns"),
    Field("run_ns", "i8", "the first of those in a row without a pause", "ns"),
    Field("first_ns", "i8", "the first that was media, 0 for none", "ns"),
    Field("last_ns", "i8", "the latest that was", "ns"),
    Field("packets", "u4", "packets that were media"),
    Field("run", "u1", "packets in a row, as far as they are counted"),
)
STEADY = dtype_of(STEADY_FIELDS)

_BODY_FIELDS = (
    # First line: all that a packet of a firmly labelled flow touches.
    Field("bytes", "u8", "IP bytes by direction", "byte", shape=(2,)),
    Field("packets", "u4", "packets by direction", shape=(2,)),
    Field("stream_hint", "i4", "STREAM row of the direction's latest media packet plus 1, 0 for none", shape=(2,)),
    Field("first_ns", "i8", "earliest packet of this piece", "ns"),
    Field("payload_packets", "u4", "packets that carried payload"),
    Field("stream_head", "i4", "first STREAM row of the flow, or -1"),
    Field("anomalies", "u2", "OR of the packets' anomalies"),
    Field("tcp_flags", "u1", "OR of TCP flags by direction", shape=(2,)),
    Field("stage", "u1", "0 open: evidence and statistics are gathered; 1 firm; 2 firm and named"),
    Field("media_offset", "u1", "bytes in front of RTP in this flow's media packets, where constant", "byte"),
    Field("kind", "u1", "Kind decided by evidence"),
    Field("streams", "u1", "media streams confirmed, saturating"),
    Field("stream_rejects", "u1", "RTP candidates that came to nothing, saturating"),
    # Second line: with one direction's window, what every payload packet of an open flow touches.
    Field("payload_ns", "i8", "time of the latest payload packet in the window, 0 before the first", "ns"),
    Field("origin_ns", "i8", "first packet of the flow's first piece", "ns"),
    Field("first_frame", "u8", "number of its first packet within the capture, from 1"),
    Field("piece", "u4", "0, then one more after each active timeout"),
    Field("decided_at_packet", "u4", "packet of the flow at which evidence decided, 0 while open"),
    Field("decided_ms", "u4", "from the flow's first packet to that one, saturating", "ms"),
    Field("next_seq", "u4", "TCP sequence number expected next by direction", shape=(2,)),
    Field("report_head", "i4", "first REPORT row of the flow plus 1, 0 for none"),
    Field("window_packets", "u2", "payload packets the window has seen"),
    Field("app", "u1", "App decided by evidence, UNKNOWN while open"),
    Field("strength", "u1", "Strength of the deciding reason"),
    Field("also", "u1", "App of the look-alike that remains possible, or UNKNOWN"),
    Field("rtcp_packets", "u1", "RTCP packets, counted up to MEDIA_PACKETS"),
    Field("resolved_app", "u1", "App whose host name was just resolved to the flow's address, or UNKNOWN: a weak hint"),
    Field("hello", "u1", "1 while a split TLS hello of this flow is being joined"),
    Field("head_bytes", "u1", "valid bytes of head", "byte", shape=(2,)),
    Field("depth", "u1", "tunnel layers of the first packet"),
    Field("tunnel_kind", "u1", "TunnelKind a layer", shape=(TUNNEL_PATH_LENGTH,)),
    Field("spare", "u1", "begins the windows at a line's start"),
    Field("window", WINDOW, "statistics by direction, two lines each", shape=(2,)),
    # Seldom: what joins the flows of a call, evidence, the flow's beginning, what both ends say.
    Field("call_ids", "u8", "ids that flows of one call share (flow.callmarks), 0 for none", shape=(2,)),
    Field("end_mark_ns", "i8", "when the call, or its relay, was said to be over", "ns"),
    Field("network_cost", "u2", "network cost of libwebrtc plus 1 by direction, 0 for none", shape=(2,)),
    Field("end_mark", "u1", "an EndMark"),
    Field("apps", APPS_STATE, "each application's reasons and memory"),
    Field("head", "u1", "first bytes of each TCP direction", shape=(2, HEAD_BYTES)),
    Field("tunnel_id", "u4", "the tunnel layers' ids", shape=(TUNNEL_PATH_LENGTH,)),
    Field(
        "sequence_size", "i2", "payload sizes in order; forward positive, reverse negative", shape=(SEQUENCE_LENGTH,)
    ),
    Field(
        "sequence_gap_ms",
        "f4",
        "time since the payload packet before, either direction",
        "ms",
        shape=(SEQUENCE_LENGTH,),
    ),
    Field("voice", VOICE, "of a tunnel: the speech it may carry"),
    Field("steady", STEADY, "pace by direction, while no RTP shows", shape=(2,)),
    Field("trip", TRIP, "STUN round trips by the way of the request", shape=(2,)),
)

#: One source of which RTCP in the clear tells (flow.reports).
REPORT_FIELDS = (
    Field("ssrc", "u4", "the source"),
    Field("next", "i4", "next REPORT row of the flow, or next free row, plus 1"),
    Field("direction", "u1", "way of its media: 0 forward, 1 reverse"),
    Field("fraction", "u1", "fraction lost of the latest block, of 256"),
    Field("middle", "u4", "middle 32 bits of the NTP time of its latest sender report"),
    Field("sent_ns", "i8", "when that report passed, 0 before the first", "ns"),
    Field("blocks", "u4", "report blocks about it"),
    Field("lost_first", "i4", "cumulative number of packets lost, in the first of them"),
    Field("lost", "i4", "the same in the latest"),
    Field("highest_first", "u4", "extended highest sequence number received, in the first of them"),
    Field("highest", "u4", "the same in the latest"),
    Field("jitter", "u4", "interarrival jitter in the latest", "clock tick"),
    *ROUND_TRIPS,
)

_STREAM_FIELDS = (
    # First line: all that an expected packet of the stream touches.
    Field("ssrc", "u4", "RTP synchronisation source"),
    Field("max_seq", "u4", "highest extended sequence number (RFC 3550 §A.1)"),
    Field("packets", "u4", "packets received, duplicates left out"),
    Field("markers", "u4", "packets with the marker bit"),
    Field("bytes", "u8", "RTP bytes, header included", "byte"),
    Field("rtp_elapsed", "i8", "RTP time since the first packet, unwrapped", "clock tick"),
    Field("last_ns", "i8", "arrival of the latest packet", "ns"),
    Field("last_rtp", "u4", "its RTP timestamp", "clock tick"),
    Field("step", "u4", "timestamp step between consecutive packets seen last", "clock tick"),
    Field("step_repeats", "u4", "consecutive packets that repeated that step"),
    Field("next", "i4", "next stream of the flow, or next free row"),
    Field("state", "u1", "0 free, 1 candidate, 2 confirmed"),
    Field("direction", "u1", "0 forward, 1 reverse"),
    Field("payload_type", "u1", "latest RTP payload type"),
    Field("in_order", "u1", "packets in sequence since the latest that was not, saturating"),
    # Second line.
    Field("flow", "i4", "row of the flow, or -1 when free"),
    Field("base_seq", "u4", "extended sequence number of the first packet"),
    Field("duplicates", "u4", "packets whose sequence number had just been seen"),
    Field("reordered", "u4", "packets that came after a later one"),
    Field("first_ns", "i8", "arrival of the first packet", "ns"),
    Field("extension", "u2", "RTP header extension profile, 0 for none"),
    Field("payload_types", "u1", "changes of payload type, saturating"),
    Field("restarts", "u1", "jumps of the sequence number too far to be loss, saturating"),
    Field("strays", "u1", "packets in a row of another payload type that are numbered apart"),
    Field("strayed_at", "u2", "packets, modulo 65536, when the latest of them came"),
    Field("ns_per_tick", "f4", "tick of the RTP clock, 0 while it is not known (flow.jitter)", "ns"),
    Field("jitter_ns", "f4", "interarrival jitter (RFC 3550 §6.4.1)", "ns"),
    Field("jitter_max_ns", "f4", "largest it ever was", "ns"),
    Field("jitter_packets", "u4", "packets that went into it"),
    Field("jitter_sum_ns", "f8", "sum of it over those packets", "ns"),
    Field("gaps", "u4", "places at which sequence numbers are missing: bursts of loss"),
    Field("step_least", "u4", "smallest timestamp step between consecutive packets, 0 before the first", "clock tick"),
)


METER_FIELDS = (
    Field("idle_ns", "i8", "idle timeout", "ns"),
    Field("active_ns", "i8", "active timeout", "ns"),
    Field("linger_ns", "i8", "how long an ended TCP flow stays", "ns"),
    Field("clock_ns", "i8", "time of the latest packet", "ns"),
    Field("frame", "u8", "number of the latest packet within the capture, from 1"),
    Field("features_always", "u1", "1: fill a feature row for every flow"),
    Field("free_row", "i4", "first free HOT row below high_row, or -1"),
    Field("high_row", "i4", "HOT rows ever used"),
    Field("live", "i4", "flows in the table"),
    Field("hand", "i4", "row at which the sweep stands"),
    Field("victim", "i4", "row chosen to make room next, plus 1; 0 for none: chosen early to be fetched early"),
    Field("free_stream", "i4", "first free STREAM row below high_stream, or -1"),
    Field("high_stream", "i4", "STREAM rows ever used"),
    Field("free_report", "i4", "first free REPORT row below high_report plus 1, 0 for none"),
    Field("high_report", "i4", "REPORT rows ever used"),
    Field("ready", "i4", "FLOW records waiting to be taken"),
    Field("ready_rows", "i4", "feature rows filled for them"),
    Field("ready_media", "i4", "MEDIA rows waiting with them"),
    Field("ready_events", "i4", "SIP_EVENT rows waiting to be taken"),
)

#: Cache line; rows are padded to whole ones so that what a packet writes lies in as few as can be.
LINE_BYTES = 64


def _in_whole_lines(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Return the fields and, where the last cache line is not full, one that fills it."""
    missing = -dtype_of(fields).itemsize % LINE_BYTES
    return (*fields, Field("padding", "u1", "fills the last cache line", shape=(missing,))) if missing else fields


def offset_of(record: np.dtype, field: str) -> int:
    """Return the byte at which a field of a record begins."""
    fields = record.fields
    if fields is None:
        raise TypeError(f"{record} is no record")
    return fields[field][1]


BODY_FIELDS = _in_whole_lines(_BODY_FIELDS)
STREAM_FIELDS = _in_whole_lines(_STREAM_FIELDS)

HOT = dtype_of(HOT_FIELDS)
BODY = dtype_of(BODY_FIELDS)
METER = dtype_of(METER_FIELDS)
STREAM = dtype_of(STREAM_FIELDS)
REPORT = dtype_of(REPORT_FIELDS)
