"""Host module: flows of the corpus whose label the bytes on the wire contradict.

Labels are whoever wrote them down's; they are not corrected here. A flow is listed only when its own packets prove that
it is another application's, never because a verdict disagrees, and every report then gives two figures: by the labels
as they are, and with the listed flows left out. They are not learnt from. ``python -m bench.disputed`` searches a
corpus for such contradictions, whichever way they would move the figures.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowclass.training.corpus import FlowKey

#: Hexadecimal digits of a flow's digest: enough to tell the flows of one capture apart.
DIGEST_LENGTH = 16


@dataclass(frozen=True)
class Disputed:
    """One flow whose label is contradicted.

    Attributes
    ----------
    capture : name of its capture in the corpus
    flow : ``flow_digest`` of it: no address is written down here
    labelled, shown : the application its label names, and the one its packets show
    evidence : what the packets show, in a sentence
    """

    capture: str
    flow: str
    labelled: str
    shown: str
    evidence: str


DISPUTED = (
    Disputed(
        "Shganga/zoom.pcapng",
        "2a8b9bc0ef0442ce",
        "zoom",
        "discord",
        "It carries RTP of SSRC 0x15FF to a server's port 50005 and of SSRC 0x1940 back. As it ends, the same client "
        "opens a new socket to that same address and port with Discord's address discovery for SSRC 0x15FF, and both "
        "streams go on there with the next sequence numbers. That flow has Discord's heartbeats and is labelled so.",
    ),
    Disputed(
        "Shganga/zoom.pcapng",
        "6042617af40011bc",
        "zoom",
        "discord",
        "It carries RTP of SSRCs 0x0B2C to 0x0B2E from a server's port 50008. As it ends, the same client opens a new "
        "socket to that same address and port with Discord's address discovery, and the server's streams go on there "
        "with the next sequence numbers. That flow has Discord's heartbeats and is labelled so.",
    ),
)


def flow_digest(capture: str, key: FlowKey) -> str:
    """Return the digest of a flow within its capture."""
    return hashlib.sha256(f"{capture}\n{key}".encode()).hexdigest()[:DIGEST_LENGTH]


def is_disputed(capture: str, key: FlowKey) -> bool:
    """Whether the label of a flow is contradicted by its packets."""
    mine = [one.flow for one in DISPUTED if one.capture == capture]
    return bool(mine) and flow_digest(capture, key) in mine
