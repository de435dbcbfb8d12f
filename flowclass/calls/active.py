"""Host module: calls in progress, counted from the live flow table: records tell of a call only once it is over."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.ends import SERVER_PORTS
from flowclass.calls.leg import FAMILY
from flowclass.flow.record import FLOW_FIELDS
from flowclass.flow.rows import BODY_FIELDS, HOT_FIELDS
from flowclass.record.client import Client
from flowclass.record.field import dtype_of
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.verdict import Kind

#: A flow silent for longer is no longer a call in progress (FACTS §3.1: longest normal silence 0.4 s, pings of 1 s).
SILENT_NS = 10_000_000_000
#: Private IPv4 networks (RFC 1918, RFC 6598) as (network, mask).
_PRIVATE = (
    (0x0A000000, 0xFF000000), (0xAC100000, 0xFFF00000), (0xC0A80000, 0xFFFF0000), (0x64400000, 0xFFC00000),
)  # fmt: skip
_SERVER_PORTS = np.array(sorted(SERVER_PORTS), np.uint16)


def is_private(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return bool[n]: private IPv4 or unique local IPv6 (RFC 4193) addresses, given as words."""
    mapped = (high == 0) & (low >> np.uint64(32) == np.uint64(IPV4_MAPPED >> 32))
    four = low & np.uint64(0xFFFFFFFF)
    inside = np.zeros(len(low), bool)
    for network, mask in _PRIVATE:
        inside |= four & np.uint64(mask) == np.uint64(network)
    return np.asarray(np.where(mapped, inside, high >> np.uint64(57) == np.uint64(0x7E)))


def source_is_client(flows: Any) -> np.ndarray:
    """Return bool[n]: whether the client of each flow (addresses and ports) is its source: `leg.is_client` at once."""
    from_source = is_private(flows["src_hi"], flows["src_lo"])
    to_private = is_private(flows["dst_hi"], flows["dst_lo"])
    to_server = np.isin(flows["dport"], _SERVER_PORTS) | ~np.isin(flows["sport"], _SERVER_PORTS)
    return np.asarray(np.where(from_source == to_private, to_server, from_source))


_HOT_READ = ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport")
_BODY_READ = ("app", "depth", "tunnel_kind", "tunnel_id")
#: What a flow with media of a call says of whose it is: columns of HOT and of BODY, and those of FLOW that a prefix
#: file fills, under the same names, so that it is asked as it is for records.
CALLER = dtype_of(
    tuple(
        field
        for fields, names in ((HOT_FIELDS, _HOT_READ), (BODY_FIELDS, _BODY_READ), (FLOW_FIELDS, ("network", "client")))
        for field in fields
        if field.name in names
    )
)
#: Who calls: an application, the address of a client, the number of its network.
CLIENT = np.dtype([("app", "u1"), ("hi", "u8"), ("lo", "u8"), ("network", "u2")])


def calling(hot: Any, body: Any, now_ns: int) -> np.ndarray:
    """Return CALLER[k]: the flows that have had media of a call in the last SILENT_NS.

    Parameters
    ----------
    hot, body : HOT[n], BODY[n] of the same flows; the packet loop may go on writing them
    """
    # Rows of BODY are far apart: only those of flows that are not silent are looked at.
    recent = np.flatnonzero((hot["in_use"] != 0) & (hot["last_ns"] > now_ns - SILENT_NS))
    kind = body["kind"][recent]
    is_media = (kind == Kind.CALL_MEDIA) | ((kind == Kind.CALL_SIGNALLING) & (body["streams"][recent] > 0))
    chosen = recent[is_media]
    callers = np.zeros(len(chosen), CALLER)
    for table, names in ((hot, _HOT_READ), (body, _BODY_READ)):
        for name in names:
            callers[name] = table[name][chosen]
    return callers


def clients_of(callers: Any) -> np.ndarray:
    """Return CLIENT[c], the clients of CALLER[k], once by application as evidence names it.

    The side that the prefix file knows is the client, as it is in records; else private addresses and ports decide.
    """
    is_source = np.where(callers["client"] > 0, callers["client"] == Client.SOURCE, source_is_client(callers))
    clients = np.zeros(len(callers), CLIENT)
    clients["app"] = callers["app"]
    for look_alike, family in FAMILY.items():
        clients["app"][clients["app"] == look_alike] = family
    for word in ("hi", "lo"):
        clients[word] = np.where(is_source, callers[f"src_{word}"], callers[f"dst_{word}"])
    clients["network"] = np.where(is_source, callers["network"][:, 0], callers["network"][:, 1])
    return distinct(clients)


def distinct(clients: np.ndarray) -> np.ndarray:
    """Return CLIENT rows once each, in order; of one who is in several networks, the row with the largest number."""
    rows = clients[np.lexsort((~clients["network"], clients["lo"], clients["hi"], clients["app"]))]
    return np.asarray(rows[_is_first(rows)])


def newcomers(clients: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the rows of distinct CLIENTs whose application and address are in none of those before."""
    both = np.concatenate([before, clients])
    is_new = np.arange(len(both)) >= len(before)
    order = np.lexsort((is_new, both["lo"], both["hi"], both["app"]))
    rows = both[order]
    return np.asarray(rows[_is_first(rows) & is_new[order]])


def _is_first(rows: np.ndarray) -> np.ndarray:
    """Return bool[n]: the first of those with the same application and address, which stand together."""
    first = np.ones(len(rows), bool)
    first[1:] = (rows["app"][1:] != rows["app"][:-1]) | (rows["hi"][1:] != rows["hi"][:-1])
    first[1:] |= rows["lo"][1:] != rows["lo"][:-1]
    return first
