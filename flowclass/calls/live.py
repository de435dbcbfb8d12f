"""Host module: LiveFlows, the flows in the meter's table that may still join a call that looks finished.

A flow is told of when it ends, so a call is complete only once none of these is left: that makes its record the same
however the packets were cut into files or blocks, and whichever worker saw them. Where another process than the meter's
makes the calls, LIVE rows stand for the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from flowclass.calls.leg import FAMILY, PORT_PAIRS
from flowclass.calls.ties import ADDRESS, ID, SOCKET, TIE, Host, Tie, tie
from flowclass.flow.rows import BODY_FIELDS, HOT_FIELDS
from flowclass.record.field import dtype_of
from flowclass.record.verdict import App, Kind

UDP = 17
#: Signalling that goes on for longer than this after the media is a keepalive, unless it shares the call's socket.
LINGER_NS = 130 * 1_000_000_000
_COLUMNS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "last_ns")
_HOT_READ = (*_COLUMNS, "in_use", "proto")
_BODY_READ = ("origin_ns", "call_ids", "app", "kind", "streams")
#: What is read here of a live flow: columns of HOT and of BODY in one row.
LIVE_FIELDS = tuple(
    next(field for field in fields if field.name == name)
    for fields, names in ((HOT_FIELDS, _HOT_READ), (BODY_FIELDS, _BODY_READ))
    for name in names
)
LIVE = dtype_of(LIVE_FIELDS)
#: Rows of a snapshot: of more live flows those without a name are left out, which a flood is made of.
MOST_LIVE = 131_072


def candidates(hot: Any, body: Any) -> Any:
    """Return the rows of HOT[n] and BODY[n] that may join a call: live UDP flows of calls, or of no name yet."""
    # Column by column and of ever fewer rows: a table may have a million, and a row has a dozen cache lines.
    chosen = np.flatnonzero((hot["in_use"] != 0) & (hot["proto"] == UDP))
    return chosen[body["kind"][chosen] <= Kind.CALL_SIGNALLING]


def snapshot(hot: Any, body: Any) -> Any:
    """Return LIVE[k], MOST_LIVE at most, of the flows of HOT[n] and BODY[n] that may join a call."""
    chosen = candidates(hot, body)
    if len(chosen) > MOST_LIVE:
        is_named = body["kind"][chosen] != Kind.UNKNOWN
        chosen = np.concatenate([chosen[is_named], chosen[~is_named]])[:MOST_LIVE]
    rows = np.zeros(len(chosen), LIVE)
    for table, names in ((hot, _HOT_READ), (body, _BODY_READ)):
        for name in names:
            rows[name] = table[name][chosen]
    return rows


class LiveFlows:
    """Live flows of some clients.

    Parameters
    ----------
    hot, body : HOT[n], BODY[n] of the same flows, or LIVE[n] twice; read now, not later
    clients : addresses to look for, as in hosts and ties
    ties : ids to look for
    """

    def __init__(self, hot: Any, body: Any, clients: Iterable[bytes], ties: Iterable[Tie]) -> None:
        lows = np.frombuffer(b"".join(clients), "<u8")[1::2]
        ids = np.frombuffer(b"".join([one for one in ties if one[0] == ID]), TIE)["number"]
        chosen = candidates(hot, body)
        mine = np.isin(hot["src_lo"][chosen], lows) | np.isin(hot["dst_lo"][chosen], lows)
        if ids.size:
            mine |= np.isin(body["call_ids"][chosen], ids).any(axis=1)
        chosen = chosen[mine]
        hot, body = hot[chosen], body[chosen]
        self._rows: dict[bytes, list[tuple[bool, int, int, App]]] = {}
        self._tied: dict[Tie, int] = {}
        is_media = (body["kind"] == Kind.CALL_MEDIA) | (body["streams"] > 0)
        rows = zip(
            *(hot[name].tolist() for name in _COLUMNS),
            *(body[name].tolist() for name in ("origin_ns", "app", "call_ids")),
            is_media.tolist(),
            (is_media | (body["kind"] == Kind.CALL_SIGNALLING)).tolist(),
            strict=True,
        )
        for src_hi, src_lo, dst_hi, dst_lo, sport, dport, last, origin, app, numbers, media, known in rows:
            named = App(app)
            for hi, lo, port in ((src_hi, src_lo, sport), (dst_hi, dst_lo, dport)):
                socket = tie(SOCKET, port, hi, lo)
                self._note(socket, origin)
                if named in PORT_PAIRS:
                    self._note(tie(SOCKET, port & ~1, hi, lo), origin)
                if known:
                    end = self._rows.setdefault(socket[ADDRESS], [])
                    end.append((media, origin, last, FAMILY.get(named, named)))
            for number in numbers:
                if number:
                    self._note(tie(ID, number), origin)

    def _note(self, shared: Tie, origin: int) -> None:
        self._tied[shared] = min(origin, self._tied.get(shared, origin))

    def has_begun(self, host: Host, before_ns: int) -> bool:
        """Whether a live flow of a call, keepalives included, began at an address until ``before_ns``."""
        return any(origin <= before_ns for _, origin, _, _ in self._rows.get(host[ADDRESS], ()))

    def may_join(self, hosts: Iterable[Host], ties: Iterable[Tie], before_ns: int, *, by_host: bool) -> bool:
        """Whether a live flow that began until ``before_ns`` shares a tie, or where ``by_host`` an address, with these.

        Signalling of the same address counts only until LINGER_NS after it.
        """
        if any(self._tied.get(one, before_ns + 1) <= before_ns for one in ties):
            return True
        if not by_host:
            return False
        return any(
            origin <= before_ns and (is_media or last <= before_ns + LINGER_NS) and family in (host[0], App.UNKNOWN)
            for host in hosts
            for is_media, origin, last, family in self._rows.get(host[ADDRESS], ())
        )
