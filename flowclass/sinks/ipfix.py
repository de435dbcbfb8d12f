"""Host module: flow records as IPFIX (RFC 7011) to a collector over UDP or TCP, as biflows (RFC 5103).

Two templates, for IPv4 and IPv6. What IANA's registry has no element for is exported under the enterprise number that
RFC 5612 sets aside for documentation, because flowclass has none of its own: docs/reference/ipfix.md.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from flowclass.errors import SinkError, UsageError
from flowclass.networks.geo import COUNTRY_CODES
from flowclass.networks.prefixfile import LONGEST_NAME
from flowclass.privacy.policy import RecordPolicy
from flowclass.record.packet import IPV4_MAPPED
from flowclass.record.status import EndReason
from flowclass.record.verdict import APP_NAMES, DECIDED_BY_NAMES, KIND_NAMES
from flowclass.sinks.columns import Column, columns_with
from flowclass.sinks.ipfix_options import anonymization_set, options_template_set
from flowclass.sinks.values import client_network

#: IPFIX version and IANA's port (RFC 7011 §3.1, §10.3.4).
VERSION, PORT = 10, 4739
TEMPLATE_SET, FIRST_TEMPLATE = 2, 256
#: Enterprise numbers: of reverse elements (RFC 5103 §6.1), and of ours (RFC 5612).
REVERSE, OURS = 29_305, 32_473
ENTERPRISE_BIT = 0x8000
#: Bytes of a message: fits an Ethernet frame behind IPv6 and UDP.
LARGEST_MESSAGE = 1_400
#: Over UDP templates are sent again after this long (RFC 7011 §8.1).
TEMPLATE_EVERY_S = 60.0
#: A collector that takes longer to take bytes is treated as one that is down: the packet loop must not wait for it.
PATIENCE_S = 0.5
NS_PER_MS = 1_000_000
NAME_BYTES = 16
CONFIDENCE_SCALE = 10_000
MESSAGE_HEAD, SET_HEAD = struct.Struct("!HHIII"), struct.Struct("!HH")


@dataclass(frozen=True)
class Element:
    """One information element of a template.

    Attributes
    ----------
    name : as in IANA's registry, reverse ones with the prefix of RFC 5103, ours with ``flowclass``
    number, enterprise : its id; enterprise 0 is IANA
    dtype : numpy type of the value on the wire
    doc : what it holds
    """

    name: str
    number: int
    enterprise: int
    dtype: str
    doc: str


#: Elements that hold addresses, source and destination, by their bytes.
_ADDRESS_ELEMENTS = {4: (8, 12), 16: (27, 28)}
#: Elements beyond, by the column that they hold.
_EXTRA = {
    Column.NETWORK: Element("flowclassNetwork", 6, OURS, f"S{LONGEST_NAME}", "string: the client's network"),
    Column.CLIENT: Element(
        "flowclassClient", 7, OURS, "u1", "unsigned8: 1 the source is the client, 2 the destination"
    ),
    Column.SRC_COUNTRY: Element("flowclassSourceCountry", 8, OURS, "S2", "string: ISO 3166-1 alpha-2, or two zeros"),
    Column.DST_COUNTRY: Element("flowclassDestinationCountry", 9, OURS, "S2", "string: the same of the destination"),
    Column.SRC_ASN: Element("bgpSourceAsNumber", 16, 0, ">u4", "autonomous system of the source, 0 for none"),
    Column.DST_ASN: Element("bgpDestinationAsNumber", 17, 0, ">u4", "autonomous system of the destination"),
}


def _elements(address_bytes: int, columns: Sequence[Column]) -> tuple[Element, ...]:
    source, target = _ADDRESS_ELEMENTS[address_bytes]
    version = 4 if address_bytes == 4 else 6
    return (
        Element("flowId", 148, 0, ">u8", "the same for all pieces of a flow"),
        Element("flowStartMilliseconds", 152, 0, ">u8", "first packet"),
        Element("flowEndMilliseconds", 153, 0, ">u8", "last packet"),
        Element(f"sourceIPv{version}Address", source, 0, f"V{address_bytes}", "source"),
        Element(f"destinationIPv{version}Address", target, 0, f"V{address_bytes}", "destination"),
        Element("sourceTransportPort", 7, 0, ">u2", "source port"),
        Element("destinationTransportPort", 11, 0, ">u2", "destination port"),
        Element("protocolIdentifier", 4, 0, "u1", "IP protocol"),
        Element("flowEndReason", 136, 0, "u1", "1 idle, 2 active timeout, 3 end, 4 forced, 5 lack of resources"),
        Element("octetDeltaCount", 1, 0, ">u8", "IP bytes from source to destination"),
        Element("packetDeltaCount", 2, 0, ">u8", "packets from source to destination"),
        Element("reverseOctetDeltaCount", 1, REVERSE, ">u8", "IP bytes the other way"),
        Element("reversePacketDeltaCount", 2, REVERSE, ">u8", "packets the other way"),
        Element("applicationName", 96, 0, f"S{NAME_BYTES}", "the application, filled up with zeros"),
        Element("flowclassKind", 1, OURS, f"S{NAME_BYTES}", "string: what the flow is for"),
        Element("flowclassDecidedBy", 2, OURS, f"S{NAME_BYTES}", "string: evidence, model, correlation or nothing"),
        Element("flowclassConfidence", 3, OURS, ">u2", "unsigned16: probability that the label is right, in 1/10,000"),
        Element("flowclassCandidates", 4, OURS, ">u8", "unsigned64: bit set of applications that remain possible"),
        Element("flowclassVoiceLikeSeconds", 5, OURS, ">u4", "unsigned32: seconds in which a tunnel was like speech"),
        *(element for column, element in _EXTRA.items() if column in columns),
    )


Templates = dict[int, tuple[Element, ...]]


def templates_with(columns: Sequence[Column]) -> Templates:
    """Return the two templates, for IPv4 and IPv6, of records with these columns."""
    return {FIRST_TEMPLATE: _elements(4, columns), FIRST_TEMPLATE + 1: _elements(16, columns)}


TEMPLATES = templates_with(tuple(Column))


def _record_dtype(elements: tuple[Element, ...]) -> np.dtype:
    return np.dtype([(element.name, element.dtype) for element in elements])


_COUNTRIES = np.array([code.encode() for code in COUNTRY_CODES], "S2")
_NAMES = {
    "applicationName": ("app", np.array([name.encode() for name in APP_NAMES], f"S{NAME_BYTES}")),
    "flowclassKind": ("kind", np.array([name.encode() for name in KIND_NAMES], f"S{NAME_BYTES}")),
    "flowclassDecidedBy": ("decided_by", np.array([name.encode() for name in DECIDED_BY_NAMES], f"S{NAME_BYTES}")),
}


def template_set(templates: Templates) -> bytes:
    """Return the set that defines both templates (RFC 7011 §3.4.1)."""
    body = b""
    for number, elements in templates.items():
        body += struct.pack("!HH", number, len(elements))
        for element in elements:
            length = np.dtype(element.dtype).itemsize
            if element.enterprise:
                body += struct.pack("!HHI", element.number | ENTERPRISE_BIT, length, element.enterprise)
            else:
                body += struct.pack("!HH", element.number, length)
    return SET_HEAD.pack(TEMPLATE_SET, SET_HEAD.size + len(body)) + body


def records_of(
    flows: Any, verdicts: Any, template: int, elements: tuple[Element, ...], networks: Sequence[str]
) -> np.ndarray:
    """Return the data records of FLOW[n] with VERDICT[n], all of the template's IP version."""
    out = np.zeros(len(flows), _record_dtype(elements))
    for column, source in (
        ("flowId", "flow_id"), ("sourceTransportPort", "sport"), ("destinationTransportPort", "dport"),
        ("protocolIdentifier", "proto"),
    ):  # fmt: skip
        out[column] = flows[source]
    out["flowStartMilliseconds"] = flows["first_ns"] // NS_PER_MS
    out["flowEndMilliseconds"] = flows["last_ns"] // NS_PER_MS
    for side, element in (("src", "source"), ("dst", "destination")):
        out[f"{element}IPv{4 if template == FIRST_TEMPLATE else 6}Address"] = _addresses(flows, side, template)
    # RFC 7012 has no "still open"; a snapshot counts as an active timeout.
    reasons = np.maximum(flows["end_reason"], 1)
    out["flowEndReason"] = np.where(flows["end_reason"] == EndReason.OPEN, EndReason.ACTIVE_TIMEOUT, reasons)
    for direction, prefix in ((0, ""), (1, "reverse")):
        octets, packets = (("octetDeltaCount", "packetDeltaCount") if not prefix
                           else ("reverseOctetDeltaCount", "reversePacketDeltaCount"))  # fmt: skip
        out[octets] = flows["bytes"][:, direction]
        out[packets] = flows["packets"][:, direction]
    for element, (column, names) in _NAMES.items():
        out[element] = names[verdicts[column]]
    out["flowclassConfidence"] = np.rint(verdicts["confidence"] * CONFIDENCE_SCALE)
    out["flowclassCandidates"] = verdicts["candidates"]
    out["flowclassVoiceLikeSeconds"] = np.maximum(flows["voice_like_s"], 0)
    present = out.dtype.names or ()
    if "flowclassNetwork" in present:
        # Cut to whole characters: a name may be of letters that take several bytes.
        texts = [name.encode()[:LONGEST_NAME].decode(errors="ignore").encode() for name in networks]
        out["flowclassNetwork"] = np.array(texts, f"S{LONGEST_NAME}")[client_network(flows)]
        out["flowclassClient"] = flows["client"]
    for way, side in enumerate(("Source", "Destination")):
        if f"flowclass{side}Country" in present:
            out[f"flowclass{side}Country"] = _COUNTRIES[flows["country"][:, way]]
        if f"bgp{side}AsNumber" in present:
            out[f"bgp{side}AsNumber"] = flows["asn"][:, way]
    return out


def _addresses(flows: Any, side: str, template: int) -> np.ndarray:
    """Return addresses as the bytes of the wire."""
    if template == FIRST_TEMPLATE:
        return np.asarray((flows[f"{side}_lo"] & np.uint64(0xFFFFFFFF)).astype(">u4").view("V4"))
    words = np.stack([flows[f"{side}_hi"], flows[f"{side}_lo"]], axis=1).astype(">u8")
    return np.ascontiguousarray(words).view("V16").reshape(-1)


def parse_collector(address: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a collector's address.

    Raises
    ------
    UsageError
        It is none.

    Examples
    --------
    >>> parse_collector("udp://192.0.2.1")
    ('udp', '192.0.2.1', 4739)
    """
    parts = urlsplit(address)
    try:
        port = parts.port or PORT
    except ValueError:
        port = 0
    if parts.scheme not in ("udp", "tcp") or not parts.hostname or not port:
        raise UsageError(f"{address} is no collector: write udp://host:port or tcp://host:port")
    return parts.scheme, parts.hostname, port


class IpfixSink:
    """Sends flow records to a collector.

    Parameters
    ----------
    address : ``udp://host:port`` or ``tcp://host:port``; without a port IANA's 4739
    domain : observation domain id (RFC 7011 §3.1)
    policy : what adds elements, and whether addresses are anonymised, which options records then say

    Raises
    ------
    UsageError
        The address is none of these.
    SinkError
        The collector cannot be reached, when it is opened or later.
    """

    def __init__(self, address: str, domain: int = 1, policy: RecordPolicy | None = None) -> None:
        self._policy = policy or RecordPolicy()
        self._templates = templates_with(columns_with(self._policy.enrichment))
        scheme, host, port = parse_collector(address)
        self._address, self._domain = address, domain
        self._sequence = 0
        self._templates_at: float | None = None
        self._is_udp = scheme == "udp"
        kind = socket.SOCK_DGRAM if self._is_udp else socket.SOCK_STREAM
        try:
            family, _, _, _, where = socket.getaddrinfo(host, port, type=kind)[0]
            self._socket = socket.socket(family, kind)
        except OSError as error:
            raise SinkError(f"cannot reach the collector {address}: {error}") from error
        try:
            self._socket.settimeout(PATIENCE_S)
            self._socket.connect(where)
        except OSError as error:
            self._socket.close()
            raise SinkError(f"cannot reach the collector {address}: {error}") from error

    def write(self, flows: Any, verdicts: Any, capture: str) -> None:
        """Send FLOW[n] with VERDICT[n]; ``capture`` has no place in IPFIX but the domain."""
        if not len(flows):
            return
        self._send_templates()
        is_ipv4 = (flows["src_hi"] == 0) & (flows["src_lo"] >> np.uint64(32) == np.uint64(IPV4_MAPPED >> 32))
        for template, chosen in ((FIRST_TEMPLATE, is_ipv4), (FIRST_TEMPLATE + 1, ~is_ipv4)):
            networks = () if self._policy.enrichment is None else self._policy.enrichment.names
            records = records_of(flows[chosen], verdicts[chosen], template, self._templates[template], networks)
            room = (LARGEST_MESSAGE - MESSAGE_HEAD.size - SET_HEAD.size) // records.itemsize
            for start in range(0, len(records), room):
                part = records[start : start + room]
                body = part.tobytes()
                self._send(SET_HEAD.pack(template, SET_HEAD.size + len(body)) + body)
                self._sequence = (self._sequence + len(part)) & 0xFFFFFFFF

    def close(self) -> None:
        """End the session."""
        self._socket.close()

    def _send_templates(self) -> None:
        now, sent = time.monotonic(), self._templates_at
        if sent is None or (self._is_udp and now - sent >= TEMPLATE_EVERY_S):
            self._send(template_set(self._templates))
            self._templates_at = now
            if self._policy.hides:
                elements = dict(zip(self._templates, _ADDRESS_ELEMENTS.values(), strict=True))
                options, count = anonymization_set(elements)
                self._send(options_template_set() + options)
                self._sequence = (self._sequence + count) & 0xFFFFFFFF

    def _send(self, sets: bytes) -> None:
        """Send one message."""
        size = MESSAGE_HEAD.size + len(sets)
        head = MESSAGE_HEAD.pack(VERSION, size, int(time.time()) & 0xFFFFFFFF, self._sequence, self._domain)
        try:
            self._socket.sendall(head + sets)
        except OSError as error:
            self._socket.close()
            raise SinkError(f"the collector {self._address} takes no records: {error}") from error
