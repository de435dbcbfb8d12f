"""Host module: calls in progress, counted from the live flow table: records tell of a call only once it is over."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.ends import SERVER_PORTS
from flowclass.calls.leg import FAMILY
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


#: An application and the address of a client.
CLIENT = np.dtype([("app", "u1"), ("hi", "u8"), ("lo", "u8")])


def active_clients(hot: Any, body: Any, now_ns: int) -> np.ndarray:
    """Return CLIENT[k]: who has had media of a call in the last SILENT_NS, once by application as evidence names it.

    Parameters
    ----------
    hot, body : HOT[n], BODY[n] of the same flows; the packet loop may go on writing them
    """
    # Rows of BODY are far apart: only those of flows that are not silent are looked at.
    recent = np.flatnonzero((hot["in_use"] != 0) & (hot["last_ns"] > now_ns - SILENT_NS))
    kind = body["kind"][recent]
    is_media = (kind == Kind.CALL_MEDIA) | ((kind == Kind.CALL_SIGNALLING) & (body["streams"][recent] > 0))
    chosen = recent[is_media]
    flows = hot[chosen]
    is_source = source_is_client(flows)
    clients = np.zeros(len(flows), CLIENT)
    clients["app"] = body["app"][chosen]
    for look_alike, family in FAMILY.items():
        clients["app"][clients["app"] == look_alike] = family
    clients["hi"] = np.where(is_source, flows["src_hi"], flows["dst_hi"])
    clients["lo"] = np.where(is_source, flows["src_lo"], flows["dst_lo"])
    return np.unique(clients)
