"""Host module: legs_of, the legs among the flows that the meter hands out: all of a batch at once, a column each."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.ends import NOBODY_KNOWS, SOURCE, TARGET, client_ends, relayed, texts
from flowclass.calls.leg import FAMILY, NAMELESS, PORT_PAIRS, Leg, Span
from flowclass.calls.source import LEAST_PACKETS, Source, sources_by_flow
from flowclass.calls.ties import Tie, source_ties
from flowclass.calls.trips import NEITHER, NO_TRIPS, Trips
from flowclass.flow.callmarks import ICE
from flowclass.record.status import Anomaly, EndReason
from flowclass.record.verdict import App, DecidedBy, Kind

#: Packets of a flow that is called media for another's sake alone, and shows no RTP; fewer are checks of a path.
LEAST_UNEVIDENT = 20
#: Packets a second of media without RTP, or of the RTCP of a call in which nobody speaks (FACTS §3.3: reports every
#: 0.2 to 1 s); fewer are keepalives.
MEDIA_LEAST_RATE = 1
NS_PER_S = 1_000_000_000
UDP = 17
NOTHING = (0, 0)
_FOREVER = np.iinfo(np.int64).max
_SNAPPED = 1 << Anomaly.SNAPPED


def legs_of(flows: Any, verdicts: Any, media: Any) -> list[Leg]:
    """Return the call flows among FLOW[n] with VERDICT[n] and MEDIA[k]."""
    chosen = np.flatnonzero((verdicts["kind"] == Kind.CALL_MEDIA) | (verdicts["kind"] == Kind.CALL_SIGNALLING))
    if not chosen.size:
        return []
    by_flow = sources_by_flow(media)
    sources = [by_flow.get(place, []) for place in chosen.tolist()]
    streamed = _extent_of_streams(media, len(flows))[:, chosen]
    flows, verdicts = flows[chosen], verdicts[chosen]
    apps = verdicts["app"]
    ends = ends_of_clients(apps, flows)
    # Of two ends of which neither is known to be the client the lesser is taken, so that no order of packets matters.
    up = np.where(ends == NOBODY_KNOWS, is_target_lesser(flows), ends)
    is_media, carried, spans = _media(flows, verdicts, streamed)
    names = apps.tolist()
    client, peer = _addresses(flows, up), _addresses(flows, 1 - up)
    ports = _pairs(np.stack([flows["sport"], flows["dport"]], axis=1), up)
    is_relayed = relayed(apps, np.where(up == TARGET, flows["sport"], flows["dport"]))
    goes_on = (flows["end_reason"] == EndReason.ACTIVE_TIMEOUT).tolist()
    # A relay's credential may be one password for everybody where nothing says whose service it is.
    ids = [
        tuple([one for one in (every[ICE:] if app == App.WEBRTC else every) if one])
        for app, every in zip(names, flows["call_ids"].tolist(), strict=True)
    ]
    is_either = (ends == NOBODY_KNOWS).tolist()
    flow_ids = flows["flow_id"].tolist()
    in_pieces = [
        flow_id if more or piece else None
        for flow_id, more, piece in zip(flow_ids, goes_on, flows["piece"].tolist(), strict=True)
    ]
    is_udp = (flows["proto"] == UDP).tolist()
    ties = map(_ties, names, is_udp, is_either, is_relayed, client, peer, ports, ids, in_pieces, sources)
    hosts = [
        (int(FAMILY.get(app, app)), near, far if app in NAMELESS else "")
        for app, near, far in zip(names, client, peer, strict=True)
    ]
    columns: dict[str, Any] = {
        "flow_id": flow_ids,
        "host": hosts,
        "ties": ties,
        "app": names,
        "candidates": verdicts["candidates"].tolist(),
        "client": client,
        "peer": peer,
        "ports": ports,
        "is_media": is_media.tolist(),
        "is_evident": (verdicts["decided_by"] == DecidedBy.EVIDENCE).tolist(),
        "confidence": verdicts["confidence"].tolist(),
        "first_ns": flows["origin_ns"].tolist(),
        "last_ns": flows["last_ns"].tolist(),
        "media": _spans(is_media[:, None] & (carried > 0), spans, up),
        "packets": _pairs(np.where(is_media[:, None], carried, flows["packets"]), up),
        "bytes": _pairs(np.where(is_media[:, None], flows["bytes"], 0), up),
        "sources": sources,
        "reasons": _bit_sets(flows["reasons"]),
        "up": up.tolist(),
        "relayed": is_relayed,
        "goes_on": goes_on,
        "ids": ids,
        "end": _seldom(flows["end_mark"], flows["end_mark_ns"]),
        "cost": _seldom(*_by_way(flows["network_cost"], up)),
        "trips": _trips(flows, up),
        "gaps_ns": _seldom(*_by_way(flows["gap_max_ns"], up)),
        "is_snapped": (flows["anomalies"] & _SNAPPED > 0).tolist(),
        "network": flows["network"][np.arange(len(up)), up].tolist(),
    }
    return list(map(Leg, *columns.values()))


def ends_of_clients(apps: Any, flows: Any) -> Any:
    """Return int64[n]: which end is the client's."""
    has_network = flows["network"] > 0
    # The prefix file knows one side: that is whose calls are counted, whatever ports look like.
    is_one_known = has_network[:, 0] != has_network[:, 1]
    return np.where(is_one_known, np.where(has_network[:, 0], SOURCE, TARGET), client_ends(apps, flows))


def is_target_lesser(flows: Any) -> Any:
    """Return int64[n]: 1 where the target's address and port come before the source's, else 0."""
    lesser = flows["dport"] < flows["sport"]
    for word in ("lo", "hi"):
        source, target = flows[f"src_{word}"], flows[f"dst_{word}"]
        lesser = (target < source) | ((target == source) & lesser)
    return lesser.astype(np.int64)


def _addresses(flows: Any, end: Any) -> list[str]:
    """Return the address of one end of each flow, SOURCE or TARGET, as text."""
    return texts(*(np.where(end == TARGET, flows[f"dst_{word}"], flows[f"src_{word}"]) for word in ("hi", "lo")))


def _pairs(column: Any, up: Any) -> list[tuple[int, int]]:
    """Return the values by direction, [n, 2], as (up, down)."""
    return list(zip(*(values.tolist() for values in _by_way(column, up)), strict=True))


def _by_way(column: Any, up: Any) -> tuple[Any, Any]:
    """Return the values by direction, [n, 2], as those up and those down."""
    rows = np.arange(len(up))
    return column[rows, up], column[rows, 1 - up]


def _seldom(one: Any, other: Any) -> list[tuple[int, int]]:
    """Return pairs of columns that are mostly 0: where both are, the same pair, since flows wait in their thousands."""
    found = [NOTHING] * len(one)
    some = np.flatnonzero((one != 0) | (other != 0))
    for place, *pair in zip(some.tolist(), one[some].tolist(), other[some].tolist(), strict=True):
        found[place] = tuple(pair)
    return found


def _extent_of_streams(media: Any, flows: int) -> Any:
    """Return int64[2, flows, 2]: first and last packet of each flow's streams by direction; without one, never."""
    found = np.empty((2, flows, 2), np.int64)
    found[0], found[1] = _FOREVER, -1
    # Probes and messages that look like RTP come before the call and after it.
    streams = media[media["packets"] >= LEAST_PACKETS]
    np.minimum.at(found[0], (streams["flow"], streams["direction"]), streams["first_ns"])
    np.maximum.at(found[1], (streams["flow"], streams["direction"]), streams["last_ns"])
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
    never = np.array([_FOREVER, -1])[:, None, None]
    without = np.where(seen[0] > 0, seen, np.where(is_steady, whole, never))
    spans = np.where(with_rtp[:, None], np.where(streamed[1] >= 0, streamed, seen), without)
    return is_media, carried, spans


def _spans(is_there: Any, spans: Any, up: Any) -> list[tuple[Span | None, Span | None]]:
    """Return the media of flows as (up, down): what is there, and does not end before it begins."""
    rows = np.arange(len(up))
    ways: list[list[Span | None]] = []
    for way in (up, 1 - up):
        first, last = spans[0][rows, way], spans[1][rows, way]
        found: list[Span | None] = list(zip(first.tolist(), last.tolist(), strict=True))
        for place in np.flatnonzero(~is_there[rows, way] | (first > last)):
            found[place] = None
        ways.append(found)
    return list(zip(*ways, strict=True))


def _bit_sets(words: Any) -> list[int]:
    """Return rows of 32-bit words as one number each, the first word lowest; flows that wait share the same few."""
    data, size = np.ascontiguousarray(words, "<u4").tobytes(), 4 * words.shape[1]
    rows = [data[at : at + size] for at in range(0, len(data), size)]
    numbers = {row: int.from_bytes(row, "little") for row in set(rows)}
    return [numbers[row] for row in rows]


def _trips(flows: Any, up: Any) -> list[tuple[Trips, Trips]]:
    """Return round trips as (to the other end, to the client)."""
    found = [NEITHER] * len(up)
    some = np.flatnonzero(flows["trips"].any(axis=1))
    ways = []
    for way in (up[some], 1 - up[some]):
        columns = (flows[name][some, way].tolist() for name in ("trips", "trip_min_ns", "trip_sum_ns"))
        ways.append([Trips(*one) if one[0] else NO_TRIPS for one in zip(*columns, strict=True)])
    for place, *both in zip(some.tolist(), *ways, strict=True):
        found[place] = (both[0], both[1])
    return found


def _ties(
    app: int,
    is_udp: bool,
    is_either: bool,
    is_relayed: bool | None,
    client: str,
    peer: str,
    ports: tuple[int, int],
    ids: tuple[int, ...],
    in_pieces: int | None,
    sources: list[Source],
) -> tuple[Tie, ...]:
    """Return what a flow shares with others of its call and with no others.

    Parameters
    ----------
    is_either : nobody can say which end is the client
    in_pieces : the flow's id where it is told of in pieces
    """
    ties: list[Tie] = []
    if is_udp:
        # RTCP is on the odd port beside.
        mask = ~1 if app in PORT_PAIRS else ~0
        ties.append(("socket", client, ports[0] & mask))
        if is_either and not is_relayed:
            # Either may be the one whose other flows these are.
            ties.append(("socket", peer, ports[1] & mask))
    for one in ids:
        ties.append(("id", "", one))
    if in_pieces is not None:
        ties.append(("flow", "", in_pieces))
    return (*ties, *source_ties(app, client, sources))
