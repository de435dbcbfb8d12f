"""Host module: Call, one call made over the Internet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a call went, as far as the traffic tells."""

    ANSWERED = "answered"  #: media both ways for TALK_LEAST_S at least
    ONE_WAY = "one-way"  #: media one way for ONE_WAY_LEAST_S, and never the other
    UNKNOWN = "unknown"  #: too little media to say


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes
    ----------
    capture : the capture or interface it was seen in
    app : application
    candidates : applications that remain possible, app among them
    client : address of the side whose sockets joined the flows
    start : first packet of the call's flows, in s since 1970 (set-up included)
    talk_start : first moment at which media had come both ways, None when it did not
    end : last media packet, in s since 1970
    talk_s : seconds between talk_start and the last moment at which media still came both ways
    outcome : see Outcome
    cut_start, cut_end : whether media was already there when the capture began, or still there when it ended
    flows, media_flows : flows joined, and those of them that carried media
    packets_up, packets_down : media packets from and to the client; all packets of media flows without RTP
    loss_up, loss_down : share of packets of the main audio stream missing before the probe, 0 to 1; None without one
    jitter_up, jitter_down : its mean interarrival jitter (RFC 3550 §6.4.1) in s; None without a recovered clock
    mos_low, mos_high : estimated MOS up to the probe, of the worse direction, between gloomy and hopeful assumptions
        (calls.emodel)
    mos_basis : the band and the assumptions that the MOS rests on, in words; empty without one
    quality_valid, quality_note : whether there is a MOS, and why not
    media : ``audio``, ``video``, ``audio+video``, or empty when no RTP header tells
    path : ``relay``, ``p2p``, ``both``, or empty when nobody can say
    bytes_up, bytes_down : IP bytes of the media flows
    streams : its RTP sources, as `calls.stream.Stream` has them
    """

    capture: str
    app: str
    candidates: list[str]
    client: str
    start: float
    talk_start: float | None
    end: float
    talk_s: float
    outcome: str
    cut_start: bool
    cut_end: bool
    flows: int
    media_flows: int
    packets_up: int
    packets_down: int
    loss_up: float | None
    loss_down: float | None
    jitter_up: float | None
    jitter_down: float | None
    mos_low: float | None
    mos_high: float | None
    mos_basis: str
    quality_valid: bool
    quality_note: str
    media: str
    path: str
    bytes_up: int
    bytes_down: int
    streams: list[dict[str, Any]]
