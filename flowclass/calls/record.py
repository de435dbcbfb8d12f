"""Host module: Call, one call made over the Internet: the call record, schema version 1.

The dataclass is the record's one declaration: every sink, the JSON Schema and the reference page are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any

from flowclass.record.verdict import APP_NAMES

SCHEMA_VERSION = 1
#: Flows named in a record.
MAX_FLOWS = 64


class Outcome(StrEnum):
    """How a call went, as far as the traffic tells."""

    ANSWERED = "answered"  #: media both ways for a second at least; of SIP whose media is not seen, what it says
    DROPPED = "dropped"  #: answered, then one side went on sending for 5 s to a peer that had fallen silent
    ONE_WAY = "one-way"  #: media one way for 5 s at least, and never the other
    UNANSWERED = "unanswered"  #: a relay answered, it rang for 40 s or longer, no media came
    DECLINED_OR_MISSED = "declined-or-missed"  #: a relay answered, it was given up before that, no media came
    FAILED_SETUP = "failed-setup"  #: no relay that was asked ever answered
    UNKNOWN = "unknown"  #: too little was seen to say


class EndedBy(StrEnum):
    """What showed that a call was over."""

    TERMINATE = "terminate"  #: the application's own message: WhatsApp type 0x0800, Viber type 05
    BYE = "bye"  #: SIP BYE or CANCEL, or a final answer that refuses; RTCP BYE, when no media came after it
    RELEASE = "release"  #: TURN Refresh with lifetime 0, when no other flow of the call carried media after it
    SILENCE = "silence"  #: nothing did: media stopped
    CAPTURE = "capture"  #: the capture ended first


def _about(doc: str, schema: dict[str, Any], unit: str = "") -> dict[str, Any]:
    return {"doc": doc, "json": schema, "unit": unit}


_TEXT: dict[str, Any] = {"type": "string"}
_FLAG: dict[str, Any] = {"type": "boolean"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_SECONDS: dict[str, Any] = {"type": "number"}
_MAYBE_SECONDS: dict[str, Any] = {"type": ["number", "null"]}
_SHARE: dict[str, Any] = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_MOS: dict[str, Any] = {"type": ["number", "null"], "minimum": 1, "maximum": 5}
_MEDIA: dict[str, Any] = {"type": "string", "pattern": r"^((audio|share|video)(\+(share|video)){0,2})?$"}
_MAYBE_COUNT: dict[str, Any] = {"type": ["integer", "null"], "minimum": 0}
_ID: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_ACCESS: dict[str, Any] = {"enum": ["", "wired", "wifi", "cellular", "5g", "4g", "3g", "2g"]}


#: A stream of a call, as its record has it.
StreamRecord = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One call; what each attribute means stands beside it.

    Not frozen, and without a dictionary: of so many attributes that makes each five times as fast to make.
    """

    schema: int = field(metadata=_about("version of this record's schema", {"const": SCHEMA_VERSION}))
    capture: str = field(metadata=_about("the capture or interface the call was seen in", _TEXT))
    call_id: str = field(
        metadata=_about(
            "flow_id of the call's first media flow, or of an attempt's first flow: the same for every "
            "run over the same packets, however they are cut into files",
            _ID,
        )
    )
    app: str = field(metadata=_about("the application", {"enum": list(APP_NAMES)}))
    candidates: list[str] = field(
        metadata=_about(
            "applications that remain possible, app among them", {"type": "array", "items": {"enum": list(APP_NAMES)}}
        )
    )
    client: str = field(metadata=_about("address of the side whose sockets joined the flows", _TEXT))
    network: str | None = field(
        metadata=_about(
            "with a prefix file: the client's network by it, or other; null without one", {"type": ["string", "null"]}
        )
    )
    start: float = field(
        metadata=_about(
            "first packet of the call's flows, set-up included (75 s at most, but for SIP's), since 1970",
            _SECONDS,
            "s",
        )
    )
    setup_s: float | None = field(
        metadata=_about(
            "from start to the first moment at which media had come both ways: ringing, negotiation; null when it was "
            "not answered, the capture began inside the call, or a call before it on the same sockets hides its begin",
            _MAYBE_SECONDS,
            "s",
        )
    )
    ring_s: float | None = field(
        metadata=_about(
            "how long it rang: until the answer, or the end of an attempt that had none; of SIP from ringing "
            "on; null where that cannot be seen",
            _MAYBE_SECONDS,
            "s",
        )
    )
    talk_start: float | None = field(
        metadata=_about(
            "first moment at which media had come both ways, since 1970; null when it did not", _MAYBE_SECONDS, "s"
        )
    )
    end: float = field(metadata=_about("last media packet; of an attempt its last packet; since 1970", _SECONDS, "s"))
    talk_s: float = field(
        metadata=_about(
            "from talk_start to the last moment at which media still came both ways",
            {"type": "number", "minimum": 0},
            "s",
        )
    )
    outcome: str = field(metadata=_about("how it went", {"enum": [str(one) for one in Outcome]}))
    ended_by: str = field(metadata=_about("what showed that it was over", {"enum": [str(one) for one in EndedBy]}))
    cut_start: bool = field(metadata=_about("the call was already there when the capture began", _FLAG))
    cut_end: bool = field(metadata=_about("the call was still there when the capture ended", _FLAG))
    group: str = field(
        metadata=_about(
            "`1:1` (media went straight to the peer), `group` (several audio sources towards the client at once), or "
            "empty when it cannot be known",
            {"enum": ["", "1:1", "group"]},
        )
    )
    media: str = field(
        metadata=_about(
            "`audio`, `share` (a shared screen, where the application tells it from video) and `video`, joined by `+`; "
            "empty when no RTP header tells",
            _MEDIA,
        )
    )
    media_up: str = field(metadata=_about("the same of what the client sent", _MEDIA))
    media_down: str = field(metadata=_about("the same of what it got", _MEDIA))
    path: str = field(
        metadata=_about("`relay`, `p2p`, `both`, or empty when nobody can say", {"enum": ["", "relay", "p2p", "both"]})
    )
    access_hint: str = field(
        metadata=_about(
            "the client's access network, where its libwebrtc tells its cost in the clear (STUN attribute 0xC057)",
            _ACCESS,
        )
    )
    access_hint_peer: str = field(metadata=_about("the other side's, likewise", _ACCESS))
    flows: list[str] = field(
        metadata=_about("flow_id of the flows joined, media flows first; 64 at most", {"type": "array", "items": _ID})
    )
    media_flows: int = field(metadata=_about("flows that carried media", _COUNT))
    packets_up: int = field(
        metadata=_about("media packets from the client; all packets of media flows without RTP", _COUNT)
    )
    packets_down: int = field(metadata=_about("media packets to the client, likewise", _COUNT))
    bytes_up: int = field(metadata=_about("IP bytes of the media flows from the client", _COUNT, "byte"))
    bytes_down: int = field(metadata=_about("IP bytes of the media flows to the client", _COUNT, "byte"))
    bytes_relay: int | None = field(
        metadata=_about(
            "of both, those that went over relays or media servers; null when nobody can say", _MAYBE_COUNT, "byte"
        )
    )
    bytes_p2p: int | None = field(
        metadata=_about("those that went straight to the peer, likewise", _MAYBE_COUNT, "byte")
    )
    loss_up: float | None = field(
        metadata=_about(
            "share of packets of the main audio stream from the client missing before the probe; null without one",
            _SHARE,
        )
    )
    loss_down: float | None = field(metadata=_about("the same of the stream to the client", _SHARE))
    jitter_up: float | None = field(
        metadata=_about(
            "mean interarrival jitter of that stream (RFC 3550 §6.4.1), from the client; null without a known clock",
            _MAYBE_SECONDS,
            "s",
        )
    )
    jitter_down: float | None = field(metadata=_about("the same towards the client", _MAYBE_SECONDS, "s"))
    far_loss_up: float | None = field(
        metadata=_about(
            "share of that stream from the client lost on the whole way, behind the probe too, as its receiver reports "
            "in RTCP from its first to its latest report; null where RTCP is encrypted or absent",
            _SHARE,
        )
    )
    far_loss_down: float | None = field(metadata=_about("the same of the stream to the client", _SHARE))
    rtt_up: float | None = field(
        metadata=_about(
            "mean round trip between the probe and the other end (relay or peer), by STUN requests and their answers "
            "and by plain RTCP; null without any",
            _MAYBE_SECONDS,
            "s",
        )
    )
    rtt_down: float | None = field(
        metadata=_about("mean round trip between the probe and the client, likewise", _MAYBE_SECONDS, "s")
    )
    rtt_min_up: float | None = field(metadata=_about("the smallest of those to the other end", _MAYBE_SECONDS, "s"))
    rtt_min_down: float | None = field(metadata=_about("the smallest of those to the client", _MAYBE_SECONDS, "s"))
    gap_up: float | None = field(
        metadata=_about(
            "longest pause between packets from the client, of a call without RTP: all that can be said of its "
            "quality, beside the rate; null for calls with RTP",
            _MAYBE_SECONDS,
            "s",
        )
    )
    gap_down: float | None = field(metadata=_about("the same towards the client", _MAYBE_SECONDS, "s"))
    rate_up: float | None = field(
        metadata=_about(
            "packets a second from the client, of a call without RTP; null for calls with RTP", _MAYBE_SECONDS, "1/s"
        )
    )
    rate_down: float | None = field(metadata=_about("the same towards the client", _MAYBE_SECONDS, "1/s"))
    mos_low: float | None = field(
        metadata=_about("estimated MOS up to the probe, of the worse direction, by gloomy assumptions", _MOS)
    )
    mos_high: float | None = field(metadata=_about("the same by hopeful assumptions", _MOS))
    mos_basis: str = field(
        metadata=_about("the band and the assumptions that the MOS rests on, in words; empty without one", _TEXT)
    )
    quality_valid: bool = field(metadata=_about("whether there is a MOS", _FLAG))
    quality_note: str = field(metadata=_about("why not", _TEXT))
    confidence: float = field(
        metadata=_about(
            "probability that app is right: of the flow with most packets of it, four decimals",
            {"type": "number", "minimum": 0, "maximum": 1},
        )
    )
    reasons: list[str] = field(
        metadata=_about(
            "evidence seen in its flows, as application.reason, and what the outcome rests on, as outcome.reason",
            {"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9-]+\\.[a-z0-9-]+$"}},
        )
    )
    streams: list[dict[str, Any]] = field(
        metadata=_about("its RTP sources, one object each", {"type": "array", "items": {"type": "object"}})
    )


CALL_COLUMNS: tuple[Field[Any], ...] = fields(Call)
COLUMN_NAMES = tuple(column.name for column in CALL_COLUMNS)
#: Gives the values of a record, in the order of its columns.
VALUES: Callable[[Call], tuple[Any, ...]] = attrgetter(*COLUMN_NAMES)


def as_dict(call: Call) -> dict[str, Any]:
    """Return a record as its columns by name."""
    return dict(zip(COLUMN_NAMES, VALUES(call), strict=True))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one call record as JSON Lines hold it."""
    properties: dict[str, Any] = {}
    for column in CALL_COLUMNS:
        about = column.metadata
        unit = f" [{about['unit']}]" if about["unit"] else ""
        properties[column.name] = {**about["json"], "description": about["doc"] + unit}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flowclass call record",
        "type": "object",
        "properties": properties,
        "required": list(COLUMN_NAMES),
        "additionalProperties": False,
    }
