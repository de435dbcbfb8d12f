"""Host module: ties, what only flows of one call share: a socket, an id, a source of media, both sources of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowclass.apps.habit import FIRST_RANDOM_SSRC
from flowclass.calls.stream import LEAST_PACKETS, PLACES
from flowclass.record.verdict import App

#: Applications whose servers send one source to many clients, so that it says nothing of whose call it is.
FORWARDED = frozenset({App.DISCORD, App.MEET, App.WEBEX, App.ZOOM})
#: Sources each way whose pairs are ties: audio and video, and as many again.
MAX_SOURCES = 4
_SSRC, _PACKETS, _DIRECTION = PLACES["ssrc"], PLACES["packets"], PLACES["direction"]

#: Kind, address where it counts, number.
Tie = tuple[str, str, int]


def source_ties(app: App, client: str, streams: Sequence[tuple[Any, ...]]) -> list[Tie]:
    """Return the ties by RTP source of a flow, whose MEDIA values (calls.stream) are given.

    One source ties what a client sent and got: its call moved to another socket. Of 100,000 calls some have a source
    in common by chance (32 bits), so that nothing but both, one each way, ties flows of different clients: of both ends
    of a relayed call, or of a client whose address has changed.
    """
    if app in FORWARDED:
        return []
    chosen = [row for row in streams if row[_SSRC] >= FIRST_RANDOM_SSRC and row[_PACKETS] >= LEAST_PACKETS]
    ties: list[Tie] = [("source", client, row[_SSRC]) for row in chosen]
    forth, back = ([row[_SSRC] for row in chosen if row[_DIRECTION] == way][:MAX_SOURCES] for way in range(2))
    return ties + [("sources", "", min(one, other) << 32 | max(one, other)) for one in forth for other in back]
