"""Kernel module: features of the RTP streams of a flow: payload type, clock, timestamp step, extension, loss.

Called by ``features.row``. The *main* stream is the confirmed one with most packets, the *other* one the largest
confirmed in the opposite direction. The timestamp step is the best frame clock there is: a mobile scheduler destroys
arrival times, not timestamps (FACTS §2.4).
"""

from __future__ import annotations

from math import log2
from typing import Any

from flowclass.features.common import ratio
from flowclass.features.feature import Feature
from flowclass.flow.streams import CANDIDATE, CONFIRMED, MAX_STREAMS
from flowclass.jit import int64, kernel

_RTP = "RFC 3550 §5.1"
_TYPES = "FACTS §1: payload types by application"
_STEPS = "FACTS §1 and §2.4: timestamp step per packet"
#: Clock rates run to 90 kHz; a larger estimate comes from a burst and says nothing more.
LARGEST_CLOCK_KHZ = 200.0
#: A step beyond three seconds of a 90 kHz clock is a pause, not a frame.
LARGEST_STEP = 270_000.0
#: More packets a second than any stream sends: they came in one burst of the capture.
LARGEST_RATE = 10_000.0
NS_PER_MS = 1e6
#: Profiles of one-byte and of two-byte header extensions; the latter's last four bits are free (RFC 8285 §4.2, §4.3).
ONE_BYTE_PROFILE, TWO_BYTE_PROFILE, TWO_BYTE_MASK = 0xBEDE, 0x1000, 0xFFF0

FEATURES = (
    Feature("media_streams", "", "confirmed RTP streams", _RTP),
    Feature("media_candidates", "", "RTP candidates not confirmed yet", "FACTS §0: many keys are no RTP"),
    Feature("media_rejects", "", "RTP candidates that came to nothing", "FACTS §0: many keys are no RTP"),
    Feature("media_offset", "byte", "bytes in front of RTP in the latest media packet", "FACTS §1.5: Viber's 2 bytes"),
    Feature("media_directions", "", "directions with a confirmed stream", _RTP),
    Feature("media_type", "", "payload type of the main stream; -1 without one", _TYPES),
    Feature("media_type_changes", "", "changes of payload type in the main stream", _TYPES),
    Feature("media_step", "tick", "timestamp step of the main stream", _STEPS),
    Feature("media_step_repeats", "", "share of its packets that repeated the step before", _STEPS),
    Feature("media_clock", "kHz", "RTP time over arrival time of the main stream", _STEPS),
    Feature("media_markers", "", "share of its packets with the marker bit", _RTP),
    Feature(
        "media_extension", "", "header extension of the main stream: 0 none, 1 one-byte, 2 two-byte, 3 other", _RTP
    ),
    Feature("media_loss", "", "share of its sequence numbers never seen", _RTP),
    Feature("media_reordered", "", "share of its packets that came late", _RTP),
    Feature("media_size", "byte", "mean RTP packet of the main stream", _STEPS),
    Feature("media_rate", "1/s", "its packets a second, at most 10,000", _STEPS),
    Feature("media_ssrc_bits", "bit", "length of its SSRC as a number", "FACTS §1.2: Teams uses small SSRCs"),
    Feature("media_other_type", "", "payload type of the other stream; -1 without one", _TYPES),
    Feature("media_other_step", "tick", "timestamp step of the other stream", _STEPS),
    Feature("media_other_extension", "", "header extension of the other stream, as above", _RTP),
    Feature("media_same_type", "", "1 when main and other stream have one payload type", _TYPES),
)


@kernel
def extension_class(profile: int) -> float:
    """Return what the profile of an RTP header extension says of its sender's library (RFC 8285 §4)."""
    if profile == 0:
        return 0.0
    if profile == ONE_BYTE_PROFILE:
        return 1.0
    return 2.0 if profile & TWO_BYTE_MASK == TWO_BYTE_PROFILE else 3.0


@kernel
def _larger(candidate: Any, best: Any) -> Any:
    """Whether a stream goes before the best so far; ties by what it holds, never by its direction's number."""
    if candidate["packets"] != best["packets"]:
        return candidate["packets"] > best["packets"]
    if candidate["bytes"] != best["bytes"]:
        return candidate["bytes"] > best["bytes"]
    return candidate["ssrc"] > best["ssrc"]


@kernel
def largest_stream(streams: Any, head: int, direction: int) -> int:
    """Return the row of the largest confirmed stream, or -1.

    Parameters
    ----------
    streams : STREAM[:]
    head : first row of the flow's chain, or -1
    direction : 0 or 1 to look at one direction only, -1 for both

    Notes
    -----
    Walks at most MAX_STREAMS rows, and only rows inside the array.
    """
    best = int64(-1)
    at = head
    for _ in range(MAX_STREAMS):
        if at < 0 or at >= streams.shape[0]:
            break
        stream = streams[at]
        wanted = direction < 0 or int64(stream["direction"]) == direction
        if wanted and stream["state"] == CONFIRMED and (best < 0 or _larger(stream, streams[best])):
            best = int64(at)
        at = int64(stream["next"])
    return best


@kernel
def _count_streams(body: Any, streams: Any, row: Any, at: int) -> None:
    confirmed = 0
    candidates = 0
    seen = int64(0)
    place = int64(body["stream_head"])
    for _ in range(MAX_STREAMS):
        if place < 0 or place >= streams.shape[0]:
            break
        stream = streams[place]
        if stream["state"] == CONFIRMED:
            confirmed += 1
            seen |= int64(1) << (int64(stream["direction"]) & 1)
        elif stream["state"] == CANDIDATE:
            candidates += 1
        place = int64(stream["next"])
    row[at] = float(confirmed)
    row[at + 1] = float(candidates)
    row[at + 2] = float(body["stream_rejects"])
    row[at + 3] = float(body["media_offset"]) if confirmed > 0 else 0.0
    row[at + 4] = float((seen & 1) + (seen >> 1))


@kernel
def _describe_main(stream: Any, row: Any, at: int) -> None:
    packets = float(stream["packets"])
    expected = float(stream["max_seq"]) - float(stream["base_seq"]) + 1.0
    arrival_ms = float(stream["last_ns"] - stream["first_ns"]) / NS_PER_MS
    ticks = float(stream["rtp_elapsed"])
    clock = ratio(ticks, arrival_ms) if ticks > 0.0 else 0.0
    row[at + 5] = float(stream["payload_type"])
    row[at + 6] = float(stream["payload_types"])
    row[at + 7] = min(float(stream["step"]), LARGEST_STEP)
    row[at + 8] = ratio(float(stream["step_repeats"]), packets - 1.0)
    row[at + 9] = min(clock, LARGEST_CLOCK_KHZ)
    row[at + 10] = ratio(float(stream["markers"]), packets)
    row[at + 11] = extension_class(int64(stream["extension"]))
    row[at + 12] = ratio(max(expected - packets, 0.0), expected)
    row[at + 13] = ratio(float(stream["reordered"]), packets)
    row[at + 14] = ratio(float(stream["bytes"]), packets)
    row[at + 15] = min(ratio((packets - 1.0) * 1000.0, arrival_ms), LARGEST_RATE)
    row[at + 16] = float(int64(log2(float(stream["ssrc"]))) + 1) if stream["ssrc"] > 0 else 0.0


@kernel
def fill(body: Any, streams: Any, row: Any, at: int) -> None:
    """Write the features of one flow's media streams into ``row[at:]``."""
    _count_streams(body, streams, row, at)
    for k in range(5, 21):
        row[at + k] = 0.0
    row[at + 5] = -1.0
    row[at + 17] = -1.0
    head = int64(body["stream_head"])
    best = largest_stream(streams, head, -1)
    if best < 0:
        return
    main = streams[best]
    _describe_main(main, row, at)
    second = largest_stream(streams, head, 1 - int64(main["direction"]))
    if second < 0:
        return
    other = streams[second]
    row[at + 17] = float(other["payload_type"])
    row[at + 18] = min(float(other["step"]), LARGEST_STEP)
    row[at + 19] = extension_class(int64(other["extension"]))
    row[at + 20] = 1.0 if other["payload_type"] == main["payload_type"] else 0.0
