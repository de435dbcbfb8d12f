"""Kernel module: flows of one host help each other: one flow's evidence for the others of its socket or its host.

The relay of a call shows whose it is, its path between the peers often does not; both leave from one UDP socket
(FACTS §3.1), and an application without that habit still calls from one host at a time. So the sockets and hosts of a
flow that evidence named are remembered in a bounded, forgetful table, and a flow that no evidence names may take the
name from there: from its socket always, from its host where it is a call of somebody's (``model.decision``).

Nobody relabels a stranger's flow with a forged packet: an endpoint counts only once it has itself taken part in the
conversation that named it (`is_proved`), only for flows that have no evidence of their own, and two applications at
one endpoint cancel each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.hash import multiply_fold
from flowclass.jit import int64, kernel, prefetch
from flowclass.record.field import Field, dtype_of
from flowclass.record.verdict import App, Kind, Link

UDP = 17
#: Entries for each flow that the table of flows has room for: a flow that names takes four, its ends as hosts and as
#: sockets, and few flows name.
ENDPOINTS_A_FLOW = 1
#: Entries among which an endpoint is looked for, side by side.
BUCKET = 8
#: Buckets of which one word of ``MeterState.occupied`` tells.
WORD_BITS = 64
#: Sets flows that live apart from those that have ended: beyond every time.
_LIVES_NS = 1 << 62
#: How long before a naming flow began and after it ended its endpoints count: the relay and the peer path of a call
#: overlap or follow each other within seconds; a NAT gives a port to somebody else after two minutes at the earliest
#: (RFC 4787 REQ-5).
NEAR_NS = 120 * 1_000_000_000
#: Packets an endpoint must have sent in the naming flow: with an answer, and without any (a link seen one way only).
ANSWERED_PACKETS, UNANSWERED_PACKETS = 2, 5

ENDPOINT = dtype_of(
    (
        Field("endpoint", "u8", "keyed hash of address and port, or of the address alone; 0 for none"),
        Field("flow_id", "u8", "flow that named it"),
        Field("hash", "u8", "that flow's hash in the table"),
        Field("from_ns", "i8", "its first packet", "ns"),
        Field("until_ns", "i8", "its last packet, 0 while it lives", "ns"),
        Field("row", "i4", "its row while it lives"),
        Field("side", "u1", "0 for its source, 1 for its destination"),
        Field("app", "u1", "App it shows, UNKNOWN where two flows disagree"),
        Field("also", "u1", "the look-alike of that"),
    )
)
EMPTY = np.uint64(0)
_PORT_SHIFT, _ODD = np.uint64(48), np.uint64(1)
#: Sets hosts apart from sockets: the golden ratio's digits, any word does.
_HOST = np.uint64(0x9E3779B97F4A7C15)
HOST, SOCKET = int(Link.HOST), int(Link.SOCKET)


@kernel
def endpoint_hash(flow: Any, side: int, link: int, lower: int, seed: Any) -> Any:
    """Return the keyed hash of a flow's source (0) or destination (1): of its address alone for HOST, of its address
    and port (less ``lower``) for SOCKET; never 0."""
    high, low, port = flow["src_hi"], flow["src_lo"], int64(flow["sport"])
    if side == 1:
        high, low, port = flow["dst_hi"], flow["dst_lo"], int64(flow["dport"])
    if link == HOST:
        return multiply_fold(high ^ seed[0], low ^ seed[1] ^ _HOST) | _ODD
    return multiply_fold(high ^ seed[0], low ^ seed[1] ^ (np.uint64(port - lower) << _PORT_SHIFT)) | _ODD


@kernel
def bucket_of(endpoints: Any, endpoint: Any) -> int:
    """Return the first entry of the endpoint's bucket; a bucket is filled from its first entry on."""
    return int64((endpoint >> np.uint64(32)) & np.uint64(endpoints.size // BUCKET - 1)) * BUCKET


@kernel
def is_occupied(state: Any, endpoint: Any) -> Any:
    """Whether the endpoint's bucket holds any: the table is too large for a cache, its occupied buckets' bits are not,
    and most flows of most networks share no endpoint with a call."""
    bucket = bucket_of(state.endpoints, endpoint) // BUCKET
    return state.occupied[bucket // WORD_BITS] >> np.uint64(bucket % WORD_BITS) & _ODD


@kernel
def note_occupied(state: Any, endpoint: Any) -> None:
    """Set or clear the bit of the endpoint's bucket as its first entry says."""
    first = bucket_of(state.endpoints, endpoint)
    bucket = first // BUCKET
    bit = _ODD << np.uint64(bucket % WORD_BITS)
    if state.endpoints[first]["endpoint"] == EMPTY:
        state.occupied[bucket // WORD_BITS] &= ~bit
    else:
        state.occupied[bucket // WORD_BITS] |= bit


@kernel
def entry_of(endpoints: Any, endpoint: Any) -> int:
    """Return the entry that holds the endpoint, or -1."""
    first = bucket_of(endpoints, endpoint)
    for at in range(first, first + BUCKET):
        if endpoints[at]["endpoint"] == endpoint:
            return at
        if endpoints[at]["endpoint"] == EMPTY:
            return -1
    return -1


@kernel
def entry_for(endpoints: Any, endpoint: Any) -> int:
    """Return the entry to write the endpoint to: its own, an empty one, the one whose flow ended first, or of flows
    that all live the one that began first."""
    first = bucket_of(endpoints, endpoint)
    oldest = first
    for at in range(first, first + BUCKET):
        if endpoints[at]["endpoint"] == endpoint or endpoints[at]["endpoint"] == EMPTY:
            return at
        if worth(endpoints[at]) < worth(endpoints[oldest]):
            oldest = at
    return oldest


@kernel
def worth(entry: Any) -> int:
    """Return a number that is the smaller the sooner an entry makes room."""
    return int64(entry["until_ns"]) if entry["until_ns"] != 0 else int64(entry["from_ns"]) + _LIVES_NS


@kernel
def forget(endpoints: Any, at: int) -> None:
    """Take an entry out of its bucket, whose last one takes its place."""
    last = at
    while (last + 1) % BUCKET != 0 and endpoints[last + 1]["endpoint"] != EMPTY:
        last += 1
    if last != at:
        endpoints[at] = endpoints[last]
    endpoints[last]["endpoint"] = EMPTY


@kernel
def fetch_endpoints(state: Any, flow: Any) -> None:
    """Fetch the entries that `settle_endpoints` or `correlate` will read: four misses at once, not one by one."""
    if flow["proto"] == UDP:
        for link in (HOST, SOCKET):
            for side in range(2):
                endpoint = endpoint_hash(flow, side, link, 0, state.seed)
                if is_occupied(state, endpoint):
                    prefetch(state.endpoints, bucket_of(state.endpoints, endpoint))


@kernel
def is_proved(body: Any, side: int) -> Any:
    """Whether the endpoint on this side took part in the flow, and was not merely sent something."""
    sent = body["packets"][side]
    answered = body["packets"][1 - side]
    return sent >= UNANSWERED_PACKETS or (sent >= ANSWERED_PACKETS and answered > 0)


@kernel
def speaks_for_others(flow: Any, body: Any, link: int) -> Any:
    """Whether evidence has given the flow a name that others of its endpoints may share.

    RTP of nobody's speaks for its own socket alone, for the sake of its RTCP.
    """
    kind, app = body["kind"], body["app"]
    is_call = kind == Kind.CALL_MEDIA or kind == Kind.CALL_SIGNALLING
    if flow["proto"] != UDP or not is_call or app == App.WEBRTC:
        return False
    return app != App.RTP or link == SOCKET


@kernel
def agree(entry: Any, app: int, also: int) -> Any:
    """Whether an entry's application may be the same as ``app`` or its look-alike ``also``."""
    known = int64(entry["app"])
    return known == app or (also != 0 and known == also) or int64(entry["also"]) == app


@kernel
def _learn(state: Any, row: int, flow_id: Any, side: int, link: int) -> None:
    flow = state.hot[row]
    body = state.body[row]
    app, also = int64(body["app"]), int64(body["also"])
    endpoint = endpoint_hash(flow, side, link, 0, state.seed)
    entry = state.endpoints[entry_for(state.endpoints, endpoint)]
    by_another = entry["endpoint"] == endpoint and entry["flow_id"] != flow_id
    if by_another and not agree(entry, app, also) and entry["app"] != App.RTP:
        if counts(state, entry, int64(body["first_ns"]), int64(flow["last_ns"])):
            if app != App.RTP:
                entry["app"] = App.UNKNOWN
                entry["also"] = App.UNKNOWN
            return
    entry["endpoint"] = endpoint
    entry["flow_id"] = flow_id
    entry["hash"] = flow["hash"]
    entry["from_ns"] = body["first_ns"]
    entry["until_ns"] = 0
    entry["row"] = row
    entry["side"] = side
    entry["app"] = app
    entry["also"] = also
    note_occupied(state, endpoint)


@kernel
def learn_endpoints(state: Any, row: int, flow_id: Any) -> None:
    """Remember the endpoints of a live flow that evidence has just named; they count once they are proved."""
    for link in (HOST, SOCKET):
        if speaks_for_others(state.hot[row], state.body[row], link):
            _learn(state, row, flow_id, 0, link)
            _learn(state, row, flow_id, 1, link)


@kernel
def settle_endpoints(state: Any, row: int, flow_id: Any) -> None:
    """The flow ends: keep what it has proved of its endpoints, forget the rest."""
    flow = state.hot[row]
    body = state.body[row]
    for link in (HOST, SOCKET):
        if not speaks_for_others(flow, body, link):
            continue
        for side in range(2):
            endpoint = endpoint_hash(flow, side, link, 0, state.seed)
            at = entry_of(state.endpoints, endpoint)
            if at < 0 or state.endpoints[at]["flow_id"] != flow_id or state.endpoints[at]["side"] != side:
                continue
            if is_proved(body, side):
                state.endpoints[at]["until_ns"] = flow["last_ns"]
            else:
                forget(state.endpoints, at)
                note_occupied(state, endpoint)


@kernel
def counts(state: Any, entry: Any, first_ns: int, last_ns: int) -> Any:
    """Whether an entry is proved, and near in time to a flow between ``first_ns`` and ``last_ns``."""
    if last_ns < entry["from_ns"] - NEAR_NS:
        return False
    if entry["until_ns"] != 0:
        return first_ns <= entry["until_ns"] + NEAR_NS
    row = int64(entry["row"])
    naming = state.hot[row]
    is_there = naming["in_use"] and naming["hash"] == entry["hash"]
    return is_there and is_proved(state.body[row], int64(entry["side"]))


@kernel
def linked(state: Any, row: int, link: int, lower: int, out: Any) -> bool:
    """Write the App that an endpoint of flow ``row`` is known for into ``out`` (FLOW); return whether there is one."""
    flow = state.hot[row]
    first_ns, last_ns = int64(state.body[row]["first_ns"]), int64(flow["last_ns"])
    for side in range(2):
        endpoint = endpoint_hash(flow, side, link, lower, state.seed)
        at = entry_of(state.endpoints, endpoint) if is_occupied(state, endpoint) else -1
        if at < 0 or not counts(state, state.endpoints[at], first_ns, last_ns):
            continue
        entry = state.endpoints[at]
        app, also = int64(out["linked_app"]), int64(out["linked_also"])
        if entry["app"] == App.UNKNOWN or (app != App.UNKNOWN and not agree(entry, app, also)):
            out["linked_app"] = App.UNKNOWN
            return False
        out["linked_app"] = entry["app"]
        out["linked_also"] = entry["also"]
        out["linked_flow"] = entry["flow_id"]
        out["link"] = link
    return bool(out["linked_app"] != App.UNKNOWN)


@kernel
def correlate(state: Any, row: int, out: Any) -> None:
    """Fill the link of a FLOW row that evidence has not named.

    RTCP without media of its own is looked for on the port below as well (RFC 3550 §11).
    """
    out["linked_app"] = App.UNKNOWN
    out["linked_also"] = App.UNKNOWN
    out["linked_flow"] = 0
    out["link"] = Link.NONE
    flow = state.hot[row]
    body = state.body[row]
    app = body["app"]
    if flow["proto"] != UDP or body["payload_packets"] == 0:
        return
    if (app != App.UNKNOWN and app != App.WEBRTC and app != App.RTP) or linked(state, row, SOCKET, 0, out):
        return
    is_rtcp = body["streams"] == 0 and body["rtcp_packets"] > 0
    if is_rtcp and linked(state, row, SOCKET, 1, out):
        return
    linked(state, row, HOST, 0, out)
    if out["linked_app"] == App.UNKNOWN:
        out["link"] = Link.NONE
