"""Host module: Leg, a flow as the assembly of calls sees it: which side is the client, and when media came each way."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flowclass.calls.source import Source
from flowclass.calls.ties import Tie
from flowclass.calls.trips import Trips
from flowclass.record.verdict import App

#: Applications that use one local port for all legs of a call (FACTS §3.1); of the others the address joins, too.
ONE_SOCKET = frozenset({App.WHATSAPP, App.VIBER, App.TELEGRAM, App.IMO, App.LINE})
#: Media of nobody's in particular: two addresses of both ends are needed to say that flows belong together.
NAMELESS = frozenset({App.SIP, App.RTP, App.WEBRTC})
#: Applications with RTP on an even port and RTCP on the next odd one (RFC 3550 §11).
PORT_PAIRS = frozenset({App.SIP, App.RTP, App.KAKAOTALK})
#: Applications that cannot always be told apart, and so must not make two calls of one.
FAMILY = {App.SKYPE: App.TEAMS, App.MESSENGER: App.WHATSAPP, App.RTP: App.SIP}
#: Ports of the client for a shared screen (FACTS §1.2), and where RTP begins behind Zoom's headers of one, through its
#: server and from peer to peer (FACTS §1.9).
TEAMS_SCREEN_PORTS = range(50040, 50060)
ZOOM_SCREEN_OFFSETS = (35, 20)

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
    sources : its RTP sources, and those that its RTCP tells of
    reasons : bit set of the evidence seen, the words of FLOW one after another
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
    sources: list[Source]
    reasons: int
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

    def turned(self) -> Leg:
        """Return it as its other end sees it."""
        return replace(
            self,
            client=self.peer,
            peer=self.client,
            up=1 - self.up,
            ports=self.ports[::-1],
            media=self.media[::-1],
            packets=self.packets[::-1],
            bytes=self.bytes[::-1],
            cost=self.cost[::-1],
            trips=self.trips[::-1],
            gaps_ns=self.gaps_ns[::-1],
        )

    @property
    def is_screen(self) -> bool:
        """Whether the application has this socket, or these headers in front of RTP, for a shared screen."""
        if self.app in (App.TEAMS, App.SKYPE):
            return any(port in TEAMS_SCREEN_PORTS for port in self.ports)
        return self.app == App.ZOOM and any(one.offset in ZOOM_SCREEN_OFFSETS for one in self.sources)

    @property
    def is_one_socket(self) -> bool:
        """Whether all of its call goes through its socket; since Telegram does ICE it no longer does (FACTS §1.6)."""
        return self.app in ONE_SOCKET and not (self.app == App.TELEGRAM and self.ids)
