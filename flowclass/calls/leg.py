"""Host module: Leg, a flow with media as the assembly of calls sees it: which side is the client, and when media came.

What joining asks are Python's values. All else is a LEG row, kept as its bytes until the call is over, and read then
for all calls that end together, a column each (calls.endedcall).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flowclass.apps._fused import REASON_WORDS
from flowclass.calls.ties import Host, Tie
from flowclass.record.field import Field, dtype_of
from flowclass.record.verdict import App

#: Applications that use one local port for all legs of a call (FACTS §3.1); of the others the address joins, too.
ONE_SOCKET = frozenset({App.WHATSAPP, App.VIBER, App.TELEGRAM, App.IMO, App.LINE})
#: Media of nobody's in particular: two addresses of both ends are needed to say that flows belong together.
NAMELESS = frozenset({App.SIP, App.RTP, App.WEBRTC})
#: Applications with RTP on an even port and RTCP on the next odd one (RFC 3550 §11).
PORT_PAIRS = frozenset({App.SIP, App.RTP, App.KAKAOTALK})
#: Applications that cannot always be told apart, and so must not make two calls of one.
FAMILY = {App.SKYPE: App.TEAMS, App.MESSENGER: App.WHATSAPP, App.RTP: App.SIP}

NS_PER_S = 1_000_000_000
#: Media that is silent for longer belongs to the next call (FACTS §3.1: 8 to 10 s).
SILENCE_NS = 10 * NS_PER_S

#: First and last, in ns.
Span = tuple[int, int]
#: First and last media of a way without any: the first comes after the last, so that least and most pass it over.
NEVER = (np.iinfo(np.int64).max, -1)
#: ``LEG["relayed"]`` where nobody can say.
NOBODY_CAN_SAY = -1

#: Pairs are (up, down) as the client sees them.
LEG_FIELDS = (
    Field("flow_id", "u8", "as FLOW has it"),
    Field("part", "u8", "0, or a number of the call among those that the flow carried one after another"),
    Field("client_hi", "u8", "the client's address, high word"),
    Field("client_lo", "u8", "low word"),
    Field("peer_hi", "u8", "the other end's address, high word"),
    Field("peer_lo", "u8", "low word"),
    Field("candidates", "u8", "as VERDICT has them"),
    Field("first_ns", "i8", "first packet of the flow", "ns"),
    Field("last_ns", "i8", "last packet of this piece", "ns"),
    Field("after_ns", "i8", "when the call before it on the same sockets had ended, 0 without one", "ns"),
    Field("media_first_ns", "i8", "first media packet, NEVER for a way without", "ns", shape=(2,)),
    Field("media_last_ns", "i8", "last media packet", "ns", shape=(2,)),
    Field("packets", "i8", "packets, of media where there is any", shape=(2,)),
    Field("bytes", "i8", "IP bytes of a flow with media", "byte", shape=(2,)),
    Field("end_mark_ns", "i8", "as FLOW has it", "ns"),
    Field("trip_min_ns", "i8", "shortest round trip to the other end (up), and to the client (down)", shape=(2,)),
    Field("trip_sum_ns", "i8", "sum of them", "ns", shape=(2,)),
    Field("gaps_ns", "i8", "longest pause, of a flow without RTP", "ns", shape=(2,)),
    Field("trips", "u4", "round trips between the probe and that end, by STUN", shape=(2,)),
    Field("reasons", "u4", "as FLOW has them", shape=(REASON_WORDS,)),
    Field("confidence", "f4", "as VERDICT has it"),
    Field("ports", "u2", "of both ends", shape=(2,)),
    Field("cost", "u2", "network cost plus 1 of the client and of the other end, 0 for none", shape=(2,)),
    Field("network", "u2", "number of the client's network, 0 for other"),
    Field("app", "u1", "an App"),
    Field("up", "u1", "direction of the flow that leads away from the client"),
    Field("end_mark", "u1", "an EndMark"),
    Field("relayed", "i1", "whether the other end is a relay or media server, NOBODY_CAN_SAY"),
    Field("is_snapped", "u1", "whether frames were cut by the capture"),
)
LEG = dtype_of(LEG_FIELDS)
#: Columns that change places when a leg is seen from its other end.
_TURNED = (
    "media_first_ns", "media_last_ns", "packets", "bytes", "trip_min_ns", "trip_sum_ns", "gaps_ns", "trips", "cost",
)  # fmt: skip


@dataclass(eq=False, slots=True)
class Leg:
    """One flow with media of a call.

    Attributes
    ----------
    row : its LEG row
    sources : its MEDIA rows: its RTP sources, and those that its RTCP tells of
    number : the flow's id; of a later call that it carried, a number made of it
    host : whose call it is, as far as addresses tell
    ties : what it shares with other flows of its call and with no others
    media : first and last media packet, either way
    first_ns : first packet of the flow
    packets : both ways
    goes_on : whether a further piece of this flow will come
    is_one_socket : whether all of its call goes through its socket; since Telegram does ICE it no longer does (FACTS
        §1.6)
    has_silence : whether it may have carried several calls one after another (calls.episodes)
    sockets : its two sockets as ties, where SIP may have named them; those of RTP beside RTCP as well
    """

    row: bytes
    sources: bytes
    number: int
    host: Host
    ties: tuple[Tie, ...]
    media: Span
    first_ns: int
    packets: int
    goes_on: bool
    is_one_socket: bool
    has_silence: bool
    sockets: tuple[Tie, ...]

    def go_on_from(self, before: Leg) -> None:
        """Add the piece of the flow before this one, whose streams' counts this one's go on from."""
        was, mine = np.frombuffer(before.row, LEG), np.frombuffer(self.row, LEG).copy()
        mine["bytes"] += was["bytes"]
        if not self.sources:
            mine["packets"] += was["packets"]
            self.packets += before.packets
        mine["media_first_ns"] = np.minimum(mine["media_first_ns"], was["media_first_ns"])
        mine["media_last_ns"] = np.maximum(mine["media_last_ns"], was["media_last_ns"])
        first, last = extents(mine)
        self.row, self.media = mine.tobytes(), (int(first[0]), int(last[0]))


def extents(legs: Any) -> tuple[Any, Any]:
    """Return int64[n] twice: first and last media of LEG[n], either way; of those without any their packets."""
    first, last = legs["media_first_ns"].min(axis=1), legs["media_last_ns"].max(axis=1)
    has_media = first <= last
    return np.where(has_media, first, legs["first_ns"]), np.where(has_media, last, legs["last_ns"])


def turned(legs: Any, is_turned: Any) -> Any:
    """Return LEG[n], some of them as their other ends see them; their addresses and ports stay."""
    if not is_turned.any():
        return legs
    legs = legs.copy()
    for name in _TURNED:
        legs[name] = np.where(is_turned[:, None], legs[name][:, ::-1], legs[name])
    legs["up"] ^= is_turned
    return legs
