"""Host module: ties, what only flows of one call share: a socket, an id, a source of media, both sources of it."""

from __future__ import annotations

from collections.abc import Sequence

from flowclass.apps.habit import FIRST_RANDOM_SSRC
from flowclass.calls.source import LEAST_PACKETS, Source
from flowclass.record.verdict import App

#: Applications whose servers send one source to many clients, so that it says nothing of whose call it is.
FORWARDED = frozenset({App.DISCORD, App.MEET, App.WEBEX, App.ZOOM})
#: Sources each way whose pairs are ties: audio and video, and as many again.
MAX_SOURCES = 4

#: Kind, address where it counts, number.
Tie = tuple[str, str, int]


def source_ties(app: int, client: str, sources: Sequence[Source]) -> list[Tie]:
    """Return the ties of a flow by its RTP sources.

    One source ties what a client sent and got: its call moved to another socket. Of 100,000 calls some have a source
    in common by chance (32 bits), so that nothing but both, one each way, ties flows of different clients: of both ends
    of a relayed call, or of a client whose address has changed.
    """
    if not sources or app in FORWARDED:
        return []
    chosen = [one for one in sources if one.ssrc >= FIRST_RANDOM_SSRC and one.packets >= LEAST_PACKETS]
    ties: list[Tie] = [("source", client, one.ssrc) for one in chosen]
    forth = [one.ssrc for one in chosen if not one.direction]
    back = [one.ssrc for one in chosen if one.direction]
    for one in forth[:MAX_SOURCES]:
        for other in back[:MAX_SOURCES]:
            ties.append(("sources", "", min(one, other) << 32 | max(one, other)))
    return ties
