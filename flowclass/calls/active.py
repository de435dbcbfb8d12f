"""Host module: calls in progress, counted from the live flow table: records tell of a call only once it is over."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.columns import begins_of_runs
from flowclass.calls.ends import NOBODY_KNOWS, SOURCE, ends_of_clients, is_target_lesser
from flowclass.calls.leg import FAMILY
from flowclass.flow.record import FLOW_FIELDS
from flowclass.flow.rows import BODY_FIELDS, HOT_FIELDS
from flowclass.record.field import dtype_of
from flowclass.record.verdict import Kind

#: A flow silent for longer is no longer a call in progress (FACTS §3.1: longest normal silence 0.4 s, pings of 1 s).
SILENT_NS = 10_000_000_000
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

    Which end is the client's is said as for the legs of calls that have ended.
    """
    ends = ends_of_clients(callers["app"], callers)
    is_source = np.where(ends == NOBODY_KNOWS, is_target_lesser(callers) == 0, ends == SOURCE)
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
    return np.asarray(rows[begins_of_runs(rows["app"], rows["hi"], rows["lo"])])


def newcomers(clients: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the rows of distinct CLIENTs whose application and address are in none of those before."""
    both = np.concatenate([before, clients])
    is_new = np.arange(len(both)) >= len(before)
    order = np.lexsort((is_new, both["lo"], both["hi"], both["app"]))
    rows = both[order]
    first = begins_of_runs(rows["app"], rows["hi"], rows["lo"])
    return np.asarray(rows[first[is_new[order][first]]])
