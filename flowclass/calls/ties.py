"""Host module: ties, what only flows of one call share: a socket, an id, a source of media, both sources of it.

A tie is the bytes of a TIE row: NumPy writes those of all flows of a batch at once, and as a key of a dictionary such
bytes are exact, small and quickly hashed. So is a host.
"""

from __future__ import annotations

from struct import Struct
from typing import Any

import numpy as np

from flowclass.apps.habit import FIRST_RANDOM_SSRC
from flowclass.calls.source import LEAST_PACKETS
from flowclass.record.verdict import App

#: Applications whose servers send one source to many clients, so that it says nothing of whose call it is.
FORWARDED = frozenset({App.DISCORD, App.MEET, App.WEBEX, App.ZOOM})
_IS_FORWARDED = np.isin(range(len(App)), list(FORWARDED))
#: Sources each way whose pairs are ties: audio and video, and as many again.
MAX_SOURCES = 4

#: Bytes of a TIE row.
Tie = bytes
#: Bytes of a HOST row.
Host = bytes
#: What a tie is: its first byte.
SOCKET, ID, PIECES, SOURCE, SOURCES, DIALOG = range(6)
#: Kind, the two words of an address where it counts, else 0, and a number.
TIE = np.dtype([("kind", "u1"), ("hi", "<u8"), ("lo", "<u8"), ("number", "<u8")])
#: Application of a client, by family, and its address; of nameless media the other end's address as well, else 0.
HOST = np.dtype([("app", "u1"), ("hi", "<u8"), ("lo", "<u8"), ("far_hi", "<u8"), ("far_lo", "<u8")])
#: Where the address is in a TIE and in a HOST, and the other end's in a HOST.
ADDRESS, FAR_ADDRESS = slice(1, 17), slice(17, 33)
_pack = Struct("<BQQQ").pack


def tie(kind: int, number: int, hi: int = 0, lo: int = 0) -> Tie:
    """Return one tie."""
    return _pack(kind, hi, lo, number)


def rows_as_bytes(rows: Any) -> list[bytes]:
    """Return the bytes of each row of a structured array."""
    data, size = rows.tobytes(), rows.itemsize
    return [data[at : at + size] for at in range(0, len(data), size)]


def ties_by_flow(count: int, *blocks: tuple[Any, Any]) -> list[tuple[Tie, ...]]:
    """Return the ties of each of so many flows, in the order of the blocks: (int64[k] flow, TIE[k]) each."""
    owner = np.concatenate([flow for flow, _ in blocks])
    rows = np.concatenate([ties for _, ties in blocks])
    order = np.argsort(owner, kind="stable")
    ties = rows_as_bytes(rows[order])
    ends = np.cumsum(np.bincount(owner, minlength=count)).tolist()
    return [tuple(ties[first:last]) for first, last in zip([0, *ends], ends, strict=False)]


def block(flow: Any, kind: int, number: Any, hi: Any = 0, lo: Any = 0) -> tuple[Any, Any]:
    """Return one kind of ties of flows: int64[k] and TIE[k]."""
    rows = np.zeros(len(flow), TIE)
    rows["kind"], rows["number"], rows["hi"], rows["lo"] = kind, number, hi, lo
    return flow, rows


def source_ties(apps: Any, client_hi: Any, client_lo: Any, media: Any, flow: Any) -> list[tuple[Any, Any]]:
    """Return the blocks of ties of flows by their RTP sources.

    One source ties what a client sent and got: its call moved to another socket. Of 100,000 calls some have a source
    in common by chance (32 bits), so that nothing but both, one each way, ties flows of different clients: of both ends
    of a relayed call, or of a client whose address has changed.

    Parameters
    ----------
    apps, client_hi, client_lo : of n flows
    media, flow : MEDIA[k], those of a flow together, and int64[k] which of the flows each is of
    """
    is_own = (media["ssrc"] >= FIRST_RANDOM_SSRC) & (media["packets"] >= LEAST_PACKETS) & ~_IS_FORWARDED[apps[flow]]
    media, flow = media[is_own], flow[is_own]
    ssrc = media["ssrc"].astype(np.uint64)
    sources = block(flow, SOURCE, ssrc, client_hi[flow], client_lo[flow])
    # The first MAX_SOURCES of each way by their place: uint64[flows, 2, MAX_SOURCES], 0 for none.
    way = flow * 2 + (media["direction"] > 0)
    order = np.argsort(way, kind="stable")
    rank = np.empty(len(way), np.int64)
    rank[order] = np.arange(len(way)) - np.searchsorted(way[order], way[order])
    is_paired = rank < MAX_SOURCES
    table = np.zeros((len(apps), 2, min(MAX_SOURCES, int(rank.max(initial=0)) + 1)), np.uint64)
    table.reshape(-1, table.shape[2])[way[is_paired], rank[is_paired]] = ssrc[is_paired]
    forth, back = np.broadcast_arrays(table[:, 0, :, None], table[:, 1, None, :])
    pairs = np.nonzero((forth > 0) & (back > 0))
    one, other = forth[pairs], back[pairs]
    both = np.minimum(one, other) << np.uint64(32) | np.maximum(one, other)
    return [sources, block(pairs[0], SOURCES, both)]
