"""Host module: Leg, a flow as the assembly of calls sees it: which side is the client, and when media came each way."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.calls.stream import streams_of
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.status import EndReason
from flowclass.record.verdict import App, Kind

#: Well-known relay and server ports of calls (FACTS §1): STUN/TURN, HTTPS, WhatsApp, Google, SIP.
SERVER_PORTS = frozenset({80, 443, 1400, 3478, 3479, 3480, 3481, 5060, 5061, 5222, 19302, 19305, 40003, 50318, 7985})
#: Applications that use one local port for all legs of a call (FACTS §3.1); others are joined by address alone.
ONE_SOCKET = frozenset({App.WHATSAPP, App.MESSENGER, App.VIBER, App.TELEGRAM, App.IMO, App.LINE, App.DISCORD})
#: Applications that cannot always be told apart, and so must not make two calls of one.
FAMILY = {App.SKYPE: App.TEAMS, App.MESSENGER: App.WHATSAPP}
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
_FLOW_COLUMNS = (
    "flow_id", "src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "first_ns", "last_ns", "packets", "bytes",
    "stream_packets", "media_first_ns", "media_last_ns", "end_reason",
)  # fmt: skip


@dataclass(slots=True)
class Leg:
    """One flow of a call; pairs are (up, down) as the client sees them.

    Attributes
    ----------
    key : family of applications, client address, and the client's port where the application uses but one
    media : first and last media packet each way in ns, None for a way without media
    packets : media packets each way
    streams : MEDIA values of its RTP streams (calls.stream)
    up : direction of the flow that leads away from the client
    relayed : whether its other end is a relay or media server, None when nobody can say
    goes_on : whether a further piece of this flow will come
    """

    flow_id: int
    key: tuple[int, str, int]
    app: int
    candidates: int
    client: str
    is_media: bool
    first_ns: int
    last_ns: int
    media: tuple[tuple[int, int] | None, tuple[int, int] | None]
    packets: tuple[int, int]
    bytes: tuple[int, int]
    streams: list[tuple[Any, ...]]
    up: int
    relayed: bool | None
    goes_on: bool


def legs_of(flows: Any, verdicts: Any, media: Any) -> list[Leg]:
    """Return the call flows among FLOW[n] with VERDICT[n] and MEDIA[k]."""
    chosen = np.flatnonzero((verdicts["kind"] == Kind.CALL_MEDIA) | (verdicts["kind"] == Kind.CALL_SIGNALLING))
    if not chosen.size:
        return []
    streams = streams_of(media, flows["flow_id"].tolist())
    flows, verdicts = flows[chosen], verdicts[chosen]
    rows = zip(
        *(flows[name].tolist() for name in _FLOW_COLUMNS),
        *(verdicts[name].tolist() for name in ("app", "candidates", "kind")),
        strict=True,
    )
    return [_leg(streams.get(row[0], []), *row) for row in rows]


def _leg(
    streams: list[tuple[Any, ...]],
    flow_id: int, src_hi: int, src_lo: int, dst_hi: int, dst_lo: int, sport: int, dport: int, first_ns: int,
    last_ns: int, packets: list[int], octets: list[int], streamed: list[int],
    media_first: list[int], media_last: list[int], end_reason: int, app: int, candidates: int, kind: int,
) -> Leg:  # fmt: skip
    src, dst = address(src_hi, src_lo), address(dst_hi, dst_lo)
    up = 0 if is_client(src, sport, dst, dport) else 1
    client, port = (src, sport) if up == 0 else (dst, dport)
    down = 1 - up
    is_media = kind == Kind.CALL_MEDIA
    with_rtp = streamed[0] + streamed[1] > 0
    carried = streamed if with_rtp else packets

    def interval(way: int) -> tuple[int, int] | None:
        if not is_media or not carried[way]:
            return None
        return (media_first[way], media_last[way]) if with_rtp else (first_ns, last_ns)

    family = FAMILY.get(App(app), App(app))
    return Leg(
        flow_id=flow_id,
        key=(int(family), str(client), port if App(app) in ONE_SOCKET else 0),
        app=app,
        candidates=candidates,
        client=str(client),
        is_media=is_media,
        first_ns=first_ns,
        last_ns=last_ns,
        media=(interval(up), interval(down)),
        packets=(carried[up], carried[down]) if is_media else (0, 0),
        bytes=(octets[up], octets[down]) if is_media else (0, 0),
        streams=streams,
        up=up,
        relayed=is_relayed(App(app), dport if up == 0 else sport),
        goes_on=end_reason == EndReason.ACTIVE_TIMEOUT,
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


def is_client(src: Address, sport: int, dst: Address, dport: int) -> bool:
    """Whether the flow's source is the client: the private address of the two, else the end that is no server's port.

    The first packet does not tell: in a capture that begins inside a call it is the relay's as often as not.
    """
    if src.is_private != dst.is_private:
        return src.is_private
    if (sport in SERVER_PORTS) != (dport in SERVER_PORTS):
        return dport in SERVER_PORTS
    return True
