"""Kernel module: what the meter hands out: FLOW, a flow that ended or a piece of one, and MEDIA, a source of its media.

Direction 0 is forward, the way of the first packet seen (RFC 5103); per-direction values are arrays indexed by it,
never pairs of names.
"""

from __future__ import annotations

from flowclass.apps._fused import REASON_WORDS
from flowclass.record.field import Field, dtype_of
from flowclass.record.packet import TUNNEL_PATH_LENGTH

#: ``FLOW["voice_like_s"]`` of a flow that is no tunnel.
NO_VOICE = -1

#: Round trips from the probe to one end and back.
ROUND_TRIPS = (
    Field("trips", "u4", "round trips measured"),
    Field("trip_min_ns", "i8", "the smallest; nothing when there were none", "ns"),
    Field("trip_sum_ns", "i8", "their sum", "ns"),
)

MEDIA_FIELDS = (
    Field("flow", "i4", "row of its flow in the FLOW rows handed out with it"),
    Field("ssrc", "u4", "RTP synchronisation source"),
    Field("direction", "u1", "0 forward, 1 reverse"),
    Field("payload_type", "u1", "latest RTP payload type"),
    Field("payload_types", "u1", "changes of payload type, saturating"),
    Field("restarts", "u1", "jumps of the sequence number too far to be loss, saturating"),
    Field("offset", "u1", "bytes in front of RTP in the flow's media packets", "byte"),
    Field("extension", "u2", "RTP header extension profile, 0 for none"),
    Field("packets", "u4", "packets received, duplicates left out"),
    Field("expected", "u4", "packets that the sequence numbers span (RFC 3550 §A.3)"),
    Field("base_seq", "u2", "sequence number of the first packet"),
    Field("max_seq", "u2", "highest sequence number"),
    Field("gaps", "u4", "places at which sequence numbers are missing: bursts of loss"),
    Field("duplicates", "u4", "packets whose sequence number had just been seen"),
    Field("reordered", "u4", "packets that came after a later one"),
    Field("markers", "u4", "packets with the marker bit"),
    Field("bytes", "u8", "RTP bytes, header included", "byte"),
    Field("first_ns", "i8", "arrival of the first packet", "ns"),
    Field("last_ns", "i8", "arrival of the latest packet in order", "ns"),
    Field("rtp_elapsed", "i8", "RTP time from the first to the latest packet", "clock tick"),
    Field("step_least", "u4", "smallest timestamp step between consecutive packets: a frame", "clock tick"),
    Field("jitter_packets", "u4", "packets that went into the jitter, 0 when the clock is not known"),
    Field("clock_hz", "f4", "clock rate by which jitter was measured, 0 when it is not known", "Hz"),
    Field("jitter_ns", "f4", "interarrival jitter at the end (RFC 3550 §6.4.1)", "ns"),
    Field("jitter_max_ns", "f4", "largest it ever was", "ns"),
    Field("jitter_sum_ns", "f8", "sum of it over its packets", "ns"),
    # A row without packets is about a source of which RTCP tells, in this flow or another (flow.reports).
    Field("reports", "u4", "RTCP report blocks about the source"),
    Field("far_expected", "u4", "packets that its receiver expected from the first to the latest of them"),
    Field("far_lost", "i4", "of which it lost, duplicates taken off"),
    Field("far_fraction", "u1", "share that it lost since the block before the latest, of 256"),
    Field("far_jitter", "u4", "jitter that it measured", "clock tick"),
    *ROUND_TRIPS,
)

FLOW_FIELDS = (
    Field("flow_id", "u8", "the same for all pieces of a flow and for every run over the same packets"),
    Field("src_hi", "u8", "source address, high word", ipfix=27),
    Field("src_lo", "u8", "source address, low word", ipfix=8),
    Field("dst_hi", "u8", "destination address, high word", ipfix=28),
    Field("dst_lo", "u8", "destination address, low word", ipfix=12),
    Field("first_ns", "i8", "earliest packet", "ns", ipfix=156),
    Field("last_ns", "i8", "latest packet", "ns", ipfix=157),
    Field("origin_ns", "i8", "first packet of the flow's first piece", "ns"),
    Field("first_frame", "u8", "number of the first packet within the capture, from 1"),
    Field("bytes", "u8", "IP bytes by direction", "byte", shape=(2,)),
    Field("packets", "u4", "packets by direction", shape=(2,)),
    Field("sport", "u2", "source port", ipfix=7),
    Field("dport", "u2", "destination port", ipfix=11),
    Field("proto", "u1", "IP protocol", ipfix=4),
    Field("version", "u1", "4 or 6", ipfix=60),
    Field("end_reason", "u1", "an EndReason", ipfix=136),
    Field("tcp_flags", "u1", "OR of TCP flags by direction", shape=(2,)),
    Field("piece", "u4", "0, then one more after each active timeout"),
    Field("payload_packets", "u4", "packets that carried payload"),
    Field("decided_at_packet", "u4", "packet at which evidence decided, 0 when it did not"),
    Field("decided_ms", "u4", "from the flow's first packet to that one", "ms"),
    Field("anomalies", "u2", "OR of the packets' anomalies"),
    Field("app", "u1", "App by evidence, UNKNOWN when evidence does not decide"),
    Field("kind", "u1", "Kind by evidence"),
    Field("strength", "u1", "Strength of the deciding reason"),
    Field("also", "u1", "App of the look-alike that remains possible, or UNKNOWN"),
    Field("streams", "u1", "media streams confirmed, saturating"),
    Field("stream_packets", "u4", "packets of confirmed media streams by direction", shape=(2,)),
    Field("stream_expected", "u4", "packets that those streams' sequence numbers span", shape=(2,)),
    Field("media_first_ns", "i8", "first packet of those, without any of steady ones, or 0", "ns", shape=(2,)),
    Field("media_last_ns", "i8", "latest packet of them", "ns", shape=(2,)),
    Field("voice_like_s", "i4", "seconds in which a tunnel was like speech, NO_VOICE for what is no tunnel", "s"),
    Field("resolved_app", "u1", "App whose host name had been resolved to the address, or UNKNOWN"),
    Field("linked_app", "u1", "App by the evidence of another flow of its socket or host where its own names none"),
    Field("linked_also", "u1", "the look-alike of that"),
    Field("link", "u1", "a Link: what the two flows share"),
    Field("linked_flow", "u8", "flow_id of that flow, 0 for none"),
    Field("gap_max_ns", "i8", "longest pause between payload packets, of UDP flows without RTP", "ns", shape=(2,)),
    Field("trips", "u4", "STUN requests that were answered, by the way of the request", shape=(2,)),
    Field("trip_min_ns", "i8", "their shortest round trip; nothing when there were none", "ns", shape=(2,)),
    Field("trip_sum_ns", "i8", "sum of their round trips", "ns", shape=(2,)),
    Field("call_ids", "u8", "ids that flows of one call share: of its session with servers, of ICE; 0", shape=(2,)),
    Field("end_mark_ns", "i8", "when the call, or this relay of it, was said to be over, 0 when it was not", "ns"),
    Field("end_mark", "u1", "an EndMark"),
    Field("network_cost", "u2", "network cost of libwebrtc (0xC057) plus 1 by direction, 0 for none", shape=(2,)),
    Field("depth", "u1", "tunnel layers"),
    Field("tunnel_kind", "u1", "TunnelKind a layer", shape=(TUNNEL_PATH_LENGTH,)),
    Field("tunnel_id", "u4", "its id", shape=(TUNNEL_PATH_LENGTH,)),
    Field("reasons", "u4", "each application's reason bits, in catalog order", shape=(REASON_WORDS,)),
    # Set behind the meter (flowclass.networks).
    Field("asn", "u4", "autonomous system of source and destination, 0 for none", shape=(2,)),
    Field("country", "u2", "country of source and destination as CountryCode, 0 for none", shape=(2,)),
    Field("network", "u2", "number of the network of source and destination, 0 for other", shape=(2,)),
    Field("client", "u1", "a Client: the side that belongs to a network of the prefix file"),
    Field(
        "features_row",
        "i4",
        "row of the feature matrix handed out with this batch, or -1 when evidence named an application",
    ),
)

FLOW = dtype_of(FLOW_FIELDS)
MEDIA = dtype_of(MEDIA_FIELDS)
