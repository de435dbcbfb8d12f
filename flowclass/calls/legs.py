"""Host module: legs_of, the flows of calls among those that the meter hands out, all of a batch at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.calls.ends import NOBODY_KNOWS, ends_of_clients, is_target_lesser
from flowclass.calls.leg import FAMILY, NAMELESS, NEVER, ONE_SOCKET, PORT_PAIRS, SILENCE_NS, Leg, extents
from flowclass.calls.legrows import leg_rows
from flowclass.calls.signalling import Signalling
from flowclass.calls.source import sources_of
from flowclass.calls.ties import HOST, ID, PIECES, SOCKET, TIE, Tie, block, rows_as_bytes, source_ties, ties_by_flow
from flowclass.flow.callmarks import ICE
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, DecidedBy, Kind

UDP = 17
_APPS = range(len(App))
_FAMILIES = np.array([FAMILY.get(App(app), app) for app in _APPS], np.uint8)
_IS_NAMELESS, _HAS_PORT_PAIRS, _IS_ONE_SOCKET = (
    np.isin(_APPS, list(some)) for some in (NAMELESS, PORT_PAIRS, ONE_SOCKET)
)


def legs_of(flows: Any, verdicts: Any, media: Any) -> list[Leg | Signalling]:
    """Return the call flows among FLOW[n] with VERDICT[n] and MEDIA[k]: a Leg with media, Signalling without."""
    chosen = np.flatnonzero((verdicts["kind"] == Kind.CALL_MEDIA) | (verdicts["kind"] == Kind.CALL_SIGNALLING))
    if not chosen.size:
        return []
    media, flow = _media_of(media, chosen, len(flows))
    return _Batch(flows[chosen], verdicts[chosen], media, flow).legs()


def _media_of(media: Any, chosen: Any, flows: int) -> tuple[Any, Any]:
    """Return MEDIA[k] of chosen flows, those of a flow together, and int64[k]: the place of its flow among those."""
    place = np.full(flows, -1)
    place[chosen] = np.arange(len(chosen))
    flow = place[media["flow"]]
    order = np.argsort(flow, kind="stable")
    order = order[np.searchsorted(flow[order], 0) :]
    return media[order], flow[order]


class _Batch:
    """Flows of calls that are handed out together.

    Parameters
    ----------
    flows, verdicts : FLOW[n], VERDICT[n]
    media, flow : MEDIA[k], those of a flow together, and which flow each is of
    """

    def __init__(self, flows: Any, verdicts: Any, media: Any, flow: Any) -> None:
        self._flows, self._verdicts, self._media, self._flow = flows, verdicts, media, flow
        self._apps = verdicts["app"]
        ends = ends_of_clients(self._apps, flows)
        self._is_either = ends == NOBODY_KNOWS
        # Of two ends of which neither is known to be the client the lesser is taken, so that no order of packets
        # matters.
        self._up = np.where(self._is_either, is_target_lesser(flows), ends)
        self._goes_on = flows["end_reason"] == EndReason.ACTIVE_TIMEOUT
        # A relay's credential may be one password for everybody where nothing says whose service it is.
        self._ids = flows["call_ids"].copy()
        self._ids[self._apps == App.WEBRTC, :ICE] = 0

    def legs(self) -> list[Leg | Signalling]:
        """Return them."""
        rows, is_media = leg_rows(self._flows, self._verdicts, self._up, self._media, self._flow)
        hosts, ties = self._hosts(rows), self._ties(rows)
        ends = np.cumsum(np.bincount(self._flow, minlength=len(rows))) * self._media.itemsize
        data = self._media.tobytes()
        sources = [data[first:last] for first, last in zip([0, *ends.tolist()], ends.tolist(), strict=False)]
        found = self._media_legs(rows, is_media, hosts, ties, sources)
        others = self._signalling(rows, ~is_media, hosts, ties, sources)
        legs, rest = iter(found), iter(others)
        return [next(legs) if is_leg else next(rest) for is_leg in is_media.tolist()]

    def _media_legs(
        self, rows: Any, some: Any, hosts: list[bytes], ties: list[tuple[Tie, ...]], sources: list[bytes]
    ) -> list[Leg]:
        """Return the flows with media, of which ``some`` says which they are."""
        places = np.flatnonzero(some)
        rows = rows[places]
        apps = rows["app"]
        is_one_socket = _IS_ONE_SOCKET[apps] & ~((apps == App.TELEGRAM) & self._ids[places].any(axis=1))
        first, last = extents(rows)
        at = places.tolist()
        columns: tuple[list[Any], ...] = (
            rows_as_bytes(rows),
            [sources[place] for place in at],
            rows["flow_id"].tolist(),
            [hosts[place] for place in at],
            [ties[place] for place in at],
            list(zip(first.tolist(), last.tolist(), strict=True)),
            rows["first_ns"].tolist(),
            rows["packets"].sum(axis=1).tolist(),
            self._goes_on[places].tolist(),
            is_one_socket.tolist(),
            self._has_silence()[places].tolist(),
            _sockets_of_dialogs(rows),
        )
        return list(map(Leg, *columns))

    def _signalling(
        self, rows: Any, some: Any, hosts: list[bytes], ties: list[tuple[Tie, ...]], sources: list[bytes]
    ) -> list[Signalling]:
        """Return the flows without media."""
        places = np.flatnonzero(some)
        if not places.size:
            return []
        rows = rows[places]
        up, down = (rows["packets"][:, way] for way in range(2))
        has_ids = self._ids[places].any(axis=1)
        is_evident = self._verdicts["decided_by"][places] == DecidedBy.EVIDENCE
        at, ids, firsts = places.tolist(), rows["flow_id"].tolist(), rows["first_ns"].tolist()
        mine = [ties[place] for place in at]
        columns: tuple[list[Any], ...] = (
            [hosts[place] for place in at],
            firsts,
            rows["last_ns"].tolist(),
            [every[0] if every and every[0][0] == SOCKET else None for every in mine],
            list(map(set, mine)),
            [tuple([one for one in every if one[0] == ID]) for every in mine],
            [[pair] for pair in zip(firsts, ids, strict=True)],
            [
                {flow: has_answered} if is_asked else {}
                for flow, is_asked, has_answered in zip(
                    ids, ((rows["relayed"] == 1) & (up > 0)).tolist(), (down > 0).tolist(), strict=True
                )
            ],
            ((rows["relayed"] == 0) & has_ids).astype(int).tolist(),
            up.tolist(),
            rows["candidates"].tolist(),
            rows["confidence"].tolist(),
            [{app: 1} if named else {} for app, named in zip(rows["app"].tolist(), is_evident.tolist(), strict=True)],
            list(zip(rows["end_mark"].tolist(), rows["end_mark_ns"].tolist(), strict=True)),
            list(map(tuple, rows["cost"].tolist())),
            rows["network"].tolist(),
            _bit_sets(rows["reasons"]),
            [
                _reports(sources[place], way) if sources[place] else []
                for place, way in zip(at, rows["up"].tolist(), strict=True)
            ],
        )
        return list(map(Signalling, *columns))

    def _hosts(self, rows: Any) -> list[bytes]:
        """Return the HOST of each LEG row as bytes."""
        hosts = np.zeros(len(rows), HOST)
        hosts["app"] = _FAMILIES[self._apps]
        is_nameless = _IS_NAMELESS[self._apps]
        for word in ("hi", "lo"):
            hosts[word] = rows[f"client_{word}"]
            hosts[f"far_{word}"] = np.where(is_nameless, rows[f"peer_{word}"], 0)
        return rows_as_bytes(hosts)

    def _ties(self, rows: Any) -> list[tuple[Tie, ...]]:
        """Return what each flow shares with others of its call and with no others, sockets first."""
        every = np.arange(len(rows))
        is_udp = self._flows["proto"] == UDP
        # RTCP without RTP is on the odd port beside it.
        has_rtp = np.bincount(self._flow[self._media["packets"] > 0], minlength=len(rows)) > 0
        is_beside = _HAS_PORT_PAIRS[self._apps] & ~has_rtp
        ports = np.where(is_beside[:, None], rows["ports"] & 0xFFFE, rows["ports"])
        near = every[is_udp]
        # Either may be the one whose other flows these are.
        far = every[is_udp & self._is_either & (rows["relayed"] != 1)]
        blocks = [
            block(near, SOCKET, ports[near, 0], rows["client_hi"][near], rows["client_lo"][near]),
            block(far, SOCKET, ports[far, 1], rows["peer_hi"][far], rows["peer_lo"][far]),
        ]
        for ids in self._ids.T:
            some = every[ids > 0]
            blocks.append(block(some, ID, ids[some]))
        in_pieces = every[self._goes_on | (self._flows["piece"] > 0)]
        blocks.append(block(in_pieces, PIECES, rows["flow_id"][in_pieces]))
        blocks += source_ties(self._apps, rows["client_hi"], rows["client_lo"], self._media, self._flow)
        return ties_by_flow(len(rows), *blocks)

    def _has_silence(self) -> Any:
        """Return bool[n]: where one of a flow's sources began after another had been silent for SILENCE_NS."""
        count = len(self._flows)
        latest, earliest = np.full(count, NEVER[1]), np.full(count, NEVER[0])
        carried = self._media["packets"] > 0
        flow = self._flow[carried]
        np.maximum.at(latest, flow, self._media["first_ns"][carried])
        np.minimum.at(earliest, flow, self._media["last_ns"][carried])
        return latest - SILENCE_NS > earliest


def _sockets_of_dialogs(rows: Any) -> list[tuple[Tie, ...]]:
    """Return the sockets of LEG rows that SIP may have named: the client's, the peer's, those of RTP beside RTCP."""
    found: list[tuple[Tie, ...]] = [()] * len(rows)
    some = np.flatnonzero(_FAMILIES[rows["app"]] == App.SIP)
    sockets = np.zeros((len(some), 4), TIE)
    sockets["kind"] = SOCKET
    for way, end in enumerate(("client", "peer")):
        for word in ("hi", "lo"):
            sockets[word][:, way::2] = rows[f"{end}_{word}"][some, None]
        sockets["number"][:, way] = rows["ports"][some, way]
        sockets["number"][:, way + 2] = rows["ports"][some, way] & 0xFFFE
    each = iter(rows_as_bytes(sockets))
    for place, named in zip(some.tolist(), zip(each, each, each, each, strict=True), strict=True):
        found[place] = tuple(dict.fromkeys(named))
    return found


def _reports(sources: bytes, up: int) -> list[tuple[bytes, int]]:
    """Return what RTCP says, among MEDIA rows, with the flow's direction away from the client."""
    return [(one.row, up) for one in sources_of(sources) if not one.packets]


def _bit_sets(words: Any) -> list[int]:
    """Return rows of 32-bit words as one number each, the first word lowest; flows that wait share the same few."""
    data, size = np.ascontiguousarray(words, "<u4").tobytes(), 4 * words.shape[1]
    rows = [data[at : at + size] for at in range(0, len(data), size)]
    numbers = {row: int.from_bytes(row, "little") for row in set(rows)}
    return [numbers[row] for row in rows]
