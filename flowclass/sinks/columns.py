"""Host module: the flow record, schema version 1: its columns in order.

Every sink, the JSON Schema and the reference page are made from ``FLOW_COLUMNS``. A version stays while columns are
only added behind the others, where the user asks for them (docs/decisions/0010-columns-on-request.md). A column is
filled by the kernels of ``flowclass.sinks.column`` (text) or from arrays by ``flowclass.sinks.arrow``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from flowclass.networks.enrichment import Enrichment
from flowclass.record.status import EndReason
from flowclass.record.verdict import APP_NAMES, DECIDED_BY_NAMES, KIND_NAMES

SCHEMA_VERSION = 1


class Column(IntEnum):
    """Position of each column in the record."""

    SCHEMA = 0
    CAPTURE = 1
    FLOW_ID = 2
    COMMUNITY_ID = 3
    PROTO = 4
    SRC = 5
    SPORT = 6
    DST = 7
    DPORT = 8
    TUNNEL = 9
    PACKETS = 10
    BYTES = 11
    FWD_PACKETS = 12
    REV_PACKETS = 13
    FWD_BYTES = 14
    REV_BYTES = 15
    START = 16
    DURATION_S = 17
    END_REASON = 18
    APP = 19
    KIND = 20
    CONFIDENCE = 21
    CANDIDATES = 22
    DECIDED_BY = 23
    DECIDED_AT_PACKET = 24
    REASONS = 25
    VOICE_LIKE_S = 26
    # From here on: only where settings name the files that they come from.
    NETWORK = 27
    CLIENT = 28
    SRC_COUNTRY = 29
    DST_COUNTRY = 30
    SRC_ASN = 31
    DST_ASN = 32


COLUMN_NAMES = tuple(column.name.lower() for column in Column)
#: Columns that every record has, and those that it has where `EnrichmentSettings` names the file they come from.
FIXED_COLUMNS = tuple(column for column in Column if column < Column.NETWORK)
EXTRA_COLUMNS = {
    "file": (Column.NETWORK, Column.CLIENT),
    "country_mmdb": (Column.SRC_COUNTRY, Column.DST_COUNTRY),
    "asn_mmdb": (Column.SRC_ASN, Column.DST_ASN),
}
#: Words of the column ``client``, by Client.
CLIENT_NAMES = ("", "src", "dst")
END_REASON_NAMES = tuple(reason.name.lower().replace("_", "-") for reason in EndReason)


@dataclass(frozen=True)
class ColumnDoc:
    """What one column means.

    Attributes
    ----------
    doc : what the value is
    json : its JSON Schema, without the description
    unit : "" for pure numbers and text
    """

    doc: str
    json: dict[str, Any]
    unit: str = ""


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_PORT: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 65535}
_COUNTRY: dict[str, Any] = {"type": ["string", "null"], "pattern": "^[A-Z]{2}$"}
_ASN: dict[str, Any] = {"type": ["integer", "null"], "minimum": 1, "maximum": 0xFFFFFFFF}
_ADDRESS: dict[str, Any] = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}

FLOW_COLUMNS: dict[Column, ColumnDoc] = {
    Column.SCHEMA: ColumnDoc("version of this record's schema", {"const": SCHEMA_VERSION}),
    Column.CAPTURE: ColumnDoc("the capture the flow was seen in, as named on the command line", {"type": "string"}),
    Column.FLOW_ID: ColumnDoc(
        "the same for all pieces of a flow and for every run over the same packets",
        {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    ),
    Column.COMMUNITY_ID: ColumnDoc(
        "Community ID version 1, seed 0, of the innermost addresses; none for ICMP and ICMPv6, whose identifier is "
        "made of message type and code, which a flow record does not keep",
        {"type": ["string", "null"], "pattern": "^1:[A-Za-z0-9+/]{27}=$"},
    ),
    Column.PROTO: ColumnDoc("IP protocol number", {"type": "integer", "minimum": 0, "maximum": 255}),
    Column.SRC: ColumnDoc(
        "address of the sender of the first packet seen; the innermost where a tunnel was opened", _ADDRESS
    ),
    Column.SPORT: ColumnDoc("its port; 0 where the protocol has none", _PORT),
    Column.DST: ColumnDoc("address of the other side", _ADDRESS),
    Column.DPORT: ColumnDoc("its port; 0 where the protocol has none", _PORT),
    Column.TUNNEL: ColumnDoc(
        "tunnel layers that were opened, outermost first, as name:id joined by '/', e.g. vlan:12/mpls:3/gtpu:0x1a2b; "
        "'+2' in the last place stands for two deeper layers; none where there was no tunnel",
        {"type": ["string", "null"]},
    ),
    Column.PACKETS: ColumnDoc("packets, both directions", {"type": "integer", "minimum": 1}),
    Column.BYTES: ColumnDoc("IP bytes on the wire, both directions", _COUNT, "byte"),
    Column.FWD_PACKETS: ColumnDoc("packets from src to dst", _COUNT),
    Column.REV_PACKETS: ColumnDoc("packets from dst to src", _COUNT),
    Column.FWD_BYTES: ColumnDoc("IP bytes from src to dst", _COUNT, "byte"),
    Column.REV_BYTES: ColumnDoc("IP bytes from dst to src", _COUNT, "byte"),
    Column.START: ColumnDoc(
        "time of the earliest packet since 1970-01-01 UTC, written with nine decimals; a reader that makes it a "
        "binary64 number keeps about 0.2 microseconds",
        {"type": "number"},
        "s",
    ),
    Column.DURATION_S: ColumnDoc("time from the earliest to the latest packet, nine decimals", {"type": "number"}, "s"),
    Column.END_REASON: ColumnDoc(
        "why the record was closed (IPFIX flowEndReason, RFC 7012)", {"enum": list(END_REASON_NAMES)}
    ),
    Column.APP: ColumnDoc("the application", {"enum": list(APP_NAMES)}),
    Column.KIND: ColumnDoc("what the flow is for", {"enum": list(KIND_NAMES)}),
    Column.CONFIDENCE: ColumnDoc(
        "calibrated probability that app is right, four decimals", {"type": "number", "minimum": 0, "maximum": 1}
    ),
    Column.CANDIDATES: ColumnDoc(
        "applications that remain possible, app among them", {"type": "array", "items": {"enum": list(APP_NAMES)}}
    ),
    Column.DECIDED_BY: ColumnDoc("what the verdict rests on", {"enum": list(DECIDED_BY_NAMES)}),
    Column.DECIDED_AT_PACKET: ColumnDoc(
        "packet of the flow, from 1, at which the verdict stood; 0 while it does not", _COUNT
    ),
    Column.REASONS: ColumnDoc(
        "evidence seen, as application.reason; of a model's verdict also the features that spoke loudest for it, as "
        "model.feature-state, where the state is usual for the class said, or low or high beside it; "
        "`flowclass explain` puts both in words",
        {"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9-]+\\.[a-z0-9-]+$"}},
    ),
    Column.VOICE_LIKE_S: ColumnDoc(
        "of a tunnel that evidence names: the seconds in which its small packets were like speech, both ways, by "
        "cadence and sizes alone; none for all other flows",
        {"type": ["integer", "null"], "minimum": 0},
        "s",
    ),
    Column.NETWORK: ColumnDoc(
        "with a prefix file: the client's network by it; other where neither side is in the file", {"type": "string"}
    ),
    Column.CLIENT: ColumnDoc(
        "with a prefix file: the side that network is of; none where neither side is in the file",
        {"enum": [*CLIENT_NAMES[1:], None]},
    ),
    Column.SRC_COUNTRY: ColumnDoc("with a country database: country of src (ISO 3166-1 alpha-2)", _COUNTRY),
    Column.DST_COUNTRY: ColumnDoc("country of dst", _COUNTRY),
    Column.SRC_ASN: ColumnDoc("with an AS database: autonomous system of src", _ASN),
    Column.DST_ASN: ColumnDoc("autonomous system of dst", _ASN),
}


def columns_with(enrichment: Enrichment | None) -> tuple[Column, ...]:
    """Return the columns of a record, in order: the fixed ones, and those that the settings' files give."""
    if enrichment is None:
        return FIXED_COLUMNS
    extra = [
        column for name, columns in EXTRA_COLUMNS.items() if getattr(enrichment.settings, name) for column in columns
    ]
    return (*FIXED_COLUMNS, *extra)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one flow record as the JSON Lines sink writes it."""
    properties: dict[str, Any] = {}
    for column, name in zip(Column, COLUMN_NAMES, strict=True):
        about = FLOW_COLUMNS[column]
        unit = f" [{about.unit}]" if about.unit else ""
        properties[name] = {**about.json, "description": about.doc + unit}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flowclass flow record",
        "type": "object",
        "properties": properties,
        "required": [COLUMN_NAMES[column] for column in FIXED_COLUMNS],
        "additionalProperties": False,
    }
