"""Host module: leg_rows, flows of calls as LEG rows: which end is the client's, and when media came each way."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.ends import TARGET, relay_flags
from flowclass.calls.leg import LEG, NEVER
from flowclass.calls.source import LEAST_PACKETS
from flowclass.record.status import Anomaly
from flowclass.record.verdict import DecidedBy, Kind

#: Packets of a flow that is called media for another's sake alone, and shows no RTP; fewer are checks of a path.
LEAST_UNEVIDENT = 20
#: Packets a second of media without RTP, or of the RTCP of a call in which nobody speaks (FACTS §3.3: reports every
#: 0.2 to 1 s); fewer are keepalives.
MEDIA_LEAST_RATE = 1
NS_PER_S = 1_000_000_000
_SNAPPED = 1 << Anomaly.SNAPPED


def leg_rows(flows: Any, verdicts: Any, up: Any, media: Any, flow: Any) -> tuple[Any, Any]:
    """Return LEG[n], and bool[n]: which of the flows have media.

    Parameters
    ----------
    flows, verdicts : FLOW[n], VERDICT[n]
    up : int64[n], the end that is the client's
    media, flow : MEDIA[k], and int64[k] which of the flows each is of
    """
    is_media, carried, spans = _media(flows, verdicts, _extent_of_streams(media, flow, len(flows)))
    rows = np.zeros(len(flows), LEG)
    for name in ("flow_id", "last_ns", "end_mark", "end_mark_ns", "reasons"):
        rows[name] = flows[name]
    for name in ("app", "candidates", "confidence"):
        rows[name] = verdicts[name]
    rows["first_ns"], rows["up"] = flows["origin_ns"], up
    is_target = up == TARGET
    for word in ("hi", "lo"):
        source, target = flows[f"src_{word}"], flows[f"dst_{word}"]
        rows[f"client_{word}"] = np.where(is_target, target, source)
        rows[f"peer_{word}"] = np.where(is_target, source, target)
    is_there = is_media[:, None] & (carried > 0) & (spans[0] <= spans[1])
    by_direction = {
        "ports": np.stack([flows["sport"], flows["dport"]], axis=1),
        "packets": np.where(is_media[:, None], carried, flows["packets"]),
        "bytes": np.where(is_media[:, None], flows["bytes"], 0),
        "cost": flows["network_cost"],
        "trips": flows["trips"],
        "trip_min_ns": flows["trip_min_ns"],
        "trip_sum_ns": flows["trip_sum_ns"],
        "gaps_ns": flows["gap_max_ns"],
        "media_first_ns": np.where(is_there, spans[0], NEVER[0]),
        "media_last_ns": np.where(is_there, spans[1], NEVER[1]),
    }
    for name, column in by_direction.items():
        rows[name] = np.where(is_target[:, None], column[:, ::-1], column)
    rows["relayed"] = relay_flags(verdicts["app"], rows["ports"][:, 1])
    rows["is_snapped"] = flows["anomalies"] & _SNAPPED > 0
    rows["network"] = flows["network"][np.arange(len(up)), up]
    return rows, is_media


def _extent_of_streams(media: Any, flow: Any, flows: int) -> Any:
    """Return int64[2, flows, 2]: first and last packet of each flow's streams by direction, or NEVER."""
    found = np.empty((2, flows, 2), np.int64)
    found[0], found[1] = NEVER
    # Probes and messages that look like RTP come before the call and after it.
    is_stream = media["packets"] >= LEAST_PACKETS
    streams, flow = media[is_stream], flow[is_stream]
    np.minimum.at(found[0], (flow, streams["direction"]), streams["first_ns"])
    np.maximum.at(found[1], (flow, streams["direction"]), streams["last_ns"])
    return found


def _media(flows: Any, verdicts: Any, streamed: Any) -> tuple[Any, Any, Any]:
    """Return which flows have media, what they carried each way, and when.

    Parameters
    ----------
    streamed : int64[2, n, 2] of `_extent_of_streams`

    Returns
    -------
    bool[n]; packets[n, 2]; int64[2, n, 2]: first and last media by direction, the first after the last without any
    """
    packets = flows["packets"].astype(np.int64)
    with_rtp = flows["stream_packets"].any(axis=1)
    is_evident = (verdicts["decided_by"] != DecidedBy.CORRELATION) | (packets.sum(axis=1) >= LEAST_UNEVIDENT)
    is_media = (verdicts["kind"] == Kind.CALL_MEDIA) & (with_rtp | is_evident)
    carried = np.where(with_rtp[:, None], flows["stream_packets"], packets)
    seen = np.stack([flows["media_first_ns"], flows["media_last_ns"]])
    whole = np.stack([flows["first_ns"], flows["last_ns"]])[:, :, None]
    is_steady = carried * NS_PER_S >= MEDIA_LEAST_RATE * (whole[1] - whole[0])
    never = np.array(NEVER)[:, None, None]
    without = np.where(seen[0] > 0, seen, np.where(is_steady, whole, never))
    spans = np.where(with_rtp[:, None], np.where(streamed[1] >= 0, streamed, seen), without)
    return is_media, carried, spans
