"""Host module: Leg, a flow as the assembly of calls sees it: which side is the client, and when media came each way."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from flowclass.calls.stream import LEAST_PACKETS, PLACES, Trips, streams_of, trips_of
from flowclass.calls.ties import Tie, source_ties
from flowclass.flow.callmarks import ICE
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.status import Anomaly, EndReason
from flowclass.record.verdict import App, DecidedBy, Kind

#: Well-known relay and server ports of calls (FACTS §1): STUN/TURN, HTTPS, WhatsApp, Google, SIP.
SERVER_PORTS = frozenset({80, 443, 1400, 3478, 3479, 3480, 3481, 5060, 5061, 5222, 19302, 19305, 40003, 50318, 7985})
#: Applications that use one local port for all legs of a call (FACTS §3.1); of the others the address joins, too.
ONE_SOCKET = frozenset({App.WHATSAPP, App.VIBER, App.TELEGRAM, App.IMO, App.LINE})
#: Media of nobody's in particular: two addresses of both ends are needed to say that flows belong together.
NAMELESS = frozenset({App.SIP, App.RTP, App.WEBRTC})
#: Applications with RTP on an even port and RTCP on the next odd one (RFC 3550 §11).
PORT_PAIRS = frozenset({App.SIP, App.RTP, App.KAKAOTALK})
#: Applications that cannot always be told apart, and so must not make two calls of one.
FAMILY = {App.SKYPE: App.TEAMS, App.MESSENGER: App.WHATSAPP, App.RTP: App.SIP}
#: Applications whose media always goes through servers of theirs (FACTS §1.8, §1.10, §1.15).
SERVED = frozenset({App.DISCORD, App.MEET, App.SNAPCHAT, App.KAKAOTALK, App.WEBEX})
_TURN = frozenset({80, 443, 3478, 3479, 3480, 3481})
#: Ports on which the relays of the others listen (FACTS §1.2-1.9); media to any other port goes to the peer.
RELAY_PORTS = {
    App.TEAMS: _TURN,
    App.SKYPE: _TURN,
    App.WHATSAPP: _TURN,
    App.MESSENGER: _TURN | {40003},
    App.SIGNAL: _TURN,
    App.VIBER: _TURN | {5243, 7985, 7987, 9785},
    App.TELEGRAM: frozenset(range(500, 601)) | {1400},
    App.ZOOM: frozenset(range(8801, 8811)),
}
#: Ports of the client for a shared screen (FACTS §1.2), and where RTP begins behind Zoom's headers of one, through its
#: server and from peer to peer (FACTS §1.9).
TEAMS_SCREEN_PORTS = range(50040, 50060)
ZOOM_SCREEN_OFFSETS = (35, 20)
_FLOW_COLUMNS = (
    "flow_id", "src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "first_ns", "last_ns", "origin_ns", "packets",
    "bytes", "stream_packets", "media_first_ns", "media_last_ns", "end_reason", "proto", "call_ids", "end_mark",
    "end_mark_ns", "network_cost", "piece",
    "trips", "trip_min_ns", "trip_sum_ns", "gap_max_ns", "anomalies", "network",
)  # fmt: skip
_VERDICT_COLUMNS = ("app", "candidates", "kind", "decided_by", "confidence")
#: Packets of a flow that is called media for another's sake alone, and shows no RTP; fewer are checks of a path.
LEAST_UNEVIDENT = 20
#: Packets a second of media without RTP, or of the RTCP of a call in which nobody speaks (FACTS §3.3: reports every
#: 0.2 to 1 s); fewer are keepalives.
MEDIA_LEAST_RATE = 1
NS_PER_S = 1_000_000_000
UDP = 17
#: Addresses of which it is remembered whether they are private: relays and networks of clients come again and again.
MAX_REMEMBERED = 65_536
_SNAPPED = 1 << Anomaly.SNAPPED
#: Places of a stream's values (calls.stream).
_PACKETS, _DIRECTION = PLACES["packets"], PLACES["direction"]
_OFFSET = PLACES["offset"]
_FIRST_NS, _LAST_NS = PLACES["first_ns"], PLACES["last_ns"]

#: Application and address of a client; of nameless media the other end's address as well.
Host = tuple[int, str, str]
#: First and last, in ns.
Span = tuple[int, int]


@dataclass(slots=True)
class Leg:
    """One flow of a call; pairs are (up, down) as the client sees them.

    Attributes
    ----------
    host : whose call it is, as far as addresses tell
    ties : what it shares with other flows of its call and with no others
    client, peer, ports : addresses and ports of both ends
    is_evident : whether evidence of its own names the application
    first_ns, last_ns : first packet of the flow, last packet of this piece
    media : first and last media packet each way in ns, None for a way without media
    packets : packets each way, of media where there is any
    streams : MEDIA values of its RTP streams (calls.stream)
    reasons : (word, bits) of the evidence seen, as FLOW has it
    up : direction of the flow that leads away from the client
    relayed : whether its other end is a relay or media server, None when nobody can say
    goes_on : whether a further piece of this flow will come
    ids : what its messages said of the call (flow.callmarks)
    end : (EndMark, ns)
    cost : network cost plus 1 of the client and of the other end, 0 for none
    trips : round trips between the probe and the other end (up), and the client (down), by STUN
    gaps_ns : longest pause between packets each way, of a flow without RTP
    is_snapped : whether frames were cut by the capture
    network : number of the client's network, 0 for other
    part : 0, or a number of the call among those that the flow carried one after another (calls.episodes)
    after_ns : when the call before it on the same sockets had ended, 0 without one
    """

    flow_id: int
    host: Host
    ties: tuple[Tie, ...]
    app: int
    candidates: int
    client: str
    peer: str
    ports: tuple[int, int]
    is_media: bool
    is_evident: bool
    confidence: float
    first_ns: int
    last_ns: int
    media: tuple[Span | None, Span | None]
    packets: tuple[int, int]
    bytes: tuple[int, int]
    streams: list[tuple[Any, ...]]
    reasons: tuple[tuple[int, int], ...]
    up: int
    relayed: bool | None
    goes_on: bool
    ids: tuple[int, ...]
    end: tuple[int, int]
    cost: tuple[int, int]
    trips: tuple[Trips, Trips]
    gaps_ns: tuple[int, int]
    is_snapped: bool
    network: int
    part: int = 0
    after_ns: int = 0

    @property
    def number(self) -> int:
        """The flow's id; of a later call that it carried, a number made of it."""
        return self.flow_id ^ self.part

    @property
    def is_screen(self) -> bool:
        """Whether the application has this socket, or these headers in front of RTP, for a shared screen."""
        if self.app in (App.TEAMS, App.SKYPE):
            return any(port in TEAMS_SCREEN_PORTS for port in self.ports)
        return self.app == App.ZOOM and any(row[_OFFSET] in ZOOM_SCREEN_OFFSETS for row in self.streams)

    @property
    def is_one_socket(self) -> bool:
        """Whether all of its call goes through its socket; since Telegram does ICE it no longer does (FACTS §1.6)."""
        return self.app in ONE_SOCKET and not (self.app == App.TELEGRAM and self.ids)


def legs_of(flows: Any, verdicts: Any, media: Any) -> list[Leg]:
    """Return the call flows among FLOW[n] with VERDICT[n] and MEDIA[k]."""
    chosen = np.flatnonzero((verdicts["kind"] == Kind.CALL_MEDIA) | (verdicts["kind"] == Kind.CALL_SIGNALLING))
    if not chosen.size:
        return []
    streams = streams_of(media, flows["flow_id"].tolist())
    flows, verdicts = flows[chosen], verdicts[chosen]
    columns = [flows[name].tolist() for name in _FLOW_COLUMNS] + [verdicts[name].tolist() for name in _VERDICT_COLUMNS]
    return [
        _leg(streams.get(row[0], []), words, *row)
        for words, *row in zip(flows["reasons"].tolist(), *columns, strict=True)
    ]


def _leg(
    streams: list[tuple[Any, ...]], words: list[int],
    flow_id: int, src_hi: int, src_lo: int, dst_hi: int, dst_lo: int, sport: int, dport: int, first_ns: int,
    last_ns: int, origin_ns: int, packets: list[int], octets: list[int], streamed: list[int], media_first: list[int],
    media_last: list[int], end_reason: int, proto: int, ids: list[int], end_mark: int, end_mark_ns: int,
    cost: list[int], piece: int, trips: list[int], trip_min: list[int], trip_sum: list[int], gaps: list[int],
    anomalies: int, networks: list[int], app: int, candidates: int, kind: int, decided_by: int, confidence: float,
) -> Leg:  # fmt: skip
    src, dst = address(src_hi, src_lo), address(dst_hi, dst_lo)
    named = App(app)
    if (networks[0] > 0) != (networks[1] > 0):
        # The prefix file knows one side: that is whose calls are counted, whatever ports look like.
        from_client: bool | None = networks[0] > 0
    else:
        from_client = is_client(named, src, sport, dst, dport)
    is_lesser = (dst_hi, dst_lo, dport) < (src_hi, src_lo, sport)
    up = 1 if from_client is False or (from_client is None and is_lesser) else 0
    down = 1 - up
    ends = ((str(src), sport), (str(dst), dport))
    (client, port), (peer, peer_port) = ends[up], ends[down]
    goes_on = end_reason == EndReason.ACTIVE_TIMEOUT
    with_rtp = streamed[0] + streamed[1] > 0
    is_media = kind == Kind.CALL_MEDIA and (
        with_rtp or decided_by != DecidedBy.CORRELATION or sum(packets) >= LEAST_UNEVIDENT
    )
    carried = streamed if with_rtp else packets

    def interval(way: int) -> Span | None:
        if not is_media or not carried[way]:
            return None
        if with_rtp:
            # Probes and messages that look like RTP come before the call and after it.
            spans = [
                (row[_FIRST_NS], row[_LAST_NS])
                for row in streams
                if row[_DIRECTION] == way and row[_PACKETS] >= LEAST_PACKETS
            ]
            if not spans:
                return media_first[way], media_last[way]
            return min(first for first, _ in spans), max(last for _, last in spans)
        if media_first[way]:
            return media_first[way], media_last[way]
        is_steady = carried[way] * NS_PER_S >= MEDIA_LEAST_RATE * (last_ns - first_ns)
        return (first_ns, last_ns) if is_steady else None

    relayed = is_relayed(named, peer_port)
    pair = 1 if named in PORT_PAIRS else 0
    ties: list[Tie] = []
    if proto == UDP:
        ties.append(("socket", client, port & ~pair))
        if from_client is None and not relayed:
            # Nobody can say which end is the client: either may be the one whose other flows these are.
            ties.append(("socket", peer, peer_port & ~pair))
    # A relay's credential may be one password for everybody where nothing says whose service it is.
    shown = tuple(one for one in (ids[ICE:] if named == App.WEBRTC else ids) if one)
    ties += [("id", "", one) for one in shown]
    if goes_on or piece:
        ties.append(("flow", "", flow_id))
    family = FAMILY.get(named, named)
    ties += source_ties(named, client, streams)
    return Leg(
        flow_id=flow_id,
        host=(int(family), client, peer if named in NAMELESS else ""),
        ties=tuple(ties),
        app=app,
        candidates=candidates,
        client=client,
        peer=peer,
        ports=(port, peer_port),
        is_media=is_media,
        is_evident=decided_by == DecidedBy.EVIDENCE,
        confidence=confidence,
        first_ns=origin_ns,
        last_ns=last_ns,
        media=(interval(up), interval(down)),
        packets=(carried[up], carried[down]) if is_media else (packets[up], packets[down]),
        bytes=(octets[up], octets[down]) if is_media else (0, 0),
        streams=streams,
        reasons=tuple((word, bits) for word, bits in enumerate(words) if bits),
        up=up,
        relayed=relayed,
        goes_on=goes_on,
        ids=shown,
        end=(end_mark, end_mark_ns),
        cost=(cost[up], cost[down]),
        trips=(trips_of(trips[up], trip_min[up], trip_sum[up]), trips_of(trips[down], trip_min[down], trip_sum[down])),
        gaps_ns=(gaps[up], gaps[down]),
        is_snapped=bool(anomalies & _SNAPPED),
        network=networks[up],
    )


def is_relayed(app: App, port: int) -> bool | None:
    """Whether media with this port of the other end goes through a relay; None for applications that do not show it."""
    if app in SERVED:
        return True
    ports = RELAY_PORTS.get(app)
    return None if ports is None else port in ports


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def address(hi: int, lo: int) -> Address:
    """Return an address from the two words of a flow's key."""
    if hi == 0 and lo & ~0xFFFFFFFF == IPV4_MAPPED:
        return ipaddress.IPv4Address(lo & 0xFFFFFFFF)
    return ipaddress.IPv6Address(hi << 64 | lo)


@lru_cache(maxsize=MAX_REMEMBERED)
def _is_private(one: Address) -> bool:
    """Whether an address is of no public network; ipaddress goes through a list of networks each time."""
    return one.is_private


def is_client(app: App, src: Address, sport: int, dst: Address, dport: int) -> bool | None:
    """Whether the flow's source is the client: the private address of the two, else the end that is no server's port.

    None when nobody can say. The first packet does not tell: in a capture that begins inside a call it is the relay's
    as often as not. Of an application without paths between peers it is better than nothing.
    """
    src_is_private, dst_is_private = _is_private(src), _is_private(dst)
    if src_is_private != dst_is_private:
        return src_is_private
    ports = RELAY_PORTS.get(app, SERVER_PORTS)
    if (sport in ports) != (dport in ports):
        return dport in ports
    if (sport in SERVER_PORTS) != (dport in SERVER_PORTS):
        return dport in SERVER_PORTS
    return True if app in SERVED else None
