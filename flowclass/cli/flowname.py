"""Host module: how a user names one flow: by ``flow_id`` or as ``src:sport-dst:dport/proto``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from flowclass.errors import UsageError
from flowclass.record.packet import IPV4_MAPPED

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "icmp6": 58, "sctp": 132}
HIGHEST_PORT, HIGHEST_PROTOCOL = 65535, 255
_FLOW_ID = re.compile(r"[0-9a-fA-F]{16}")
_TUPLE = re.compile(r"(?P<src>.+):(?P<sport>\d+)-(?P<dst>.+):(?P<dport>\d+)/(?P<proto>\w+)")
EXPECTED = (
    "a flow_id of 16 hexadecimal digits, or src:sport-dst:dport/proto such as 192.0.2.1:5000-[2001:db8::1]:443/udp"
)


@dataclass(frozen=True)
class FlowName:
    """What to look for: ``flow_id``, or both endpoints as (high word, low word, port) and the protocol number."""

    flow_id: int | None = None
    endpoints: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None
    proto: int = 0

    def matches(self, flows: Any) -> Any:
        """Return bool[n] for FLOW[n]; a tuple matches in either direction."""
        if self.endpoints is None:
            return flows["flow_id"] == self.flow_id
        one, other = self.endpoints
        either = _is_pair(flows, one, other) | _is_pair(flows, other, one)
        return either & (flows["proto"] == self.proto)


def _is_pair(flows: Any, src: tuple[int, int, int], dst: tuple[int, int, int]) -> Any:
    wanted = zip(("src_hi", "src_lo", "sport", "dst_hi", "dst_lo", "dport"), (*src, *dst), strict=True)
    name, value = next(wanted)
    result = flows[name] == value
    for name, value in wanted:
        result = result & (flows[name] == value)
    return result


def parse(text: str) -> FlowName:
    """Return the flow that ``text`` names.

    Raises
    ------
    UsageError
        The text is neither form, or an address, port or protocol in it is wrong.
    """
    if _FLOW_ID.fullmatch(text):
        return FlowName(flow_id=int(text, 16))
    match = _TUPLE.fullmatch(text)
    if match is None:
        raise UsageError(f"cannot read the flow {text!r}: expected {EXPECTED}")
    src = (*_address(match["src"]), _port(match["sport"]))
    dst = (*_address(match["dst"]), _port(match["dport"]))
    return FlowName(endpoints=(src, dst), proto=_protocol(match["proto"]))


def _address(text: str) -> tuple[int, int]:
    """Return an address as the two words that PACKET keeps."""
    try:
        address = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError as error:
        raise UsageError(f"{text!r} is no IP address: expected {EXPECTED}") from error
    number = int(address)
    if address.version == 4:
        return 0, IPV4_MAPPED | number
    return number >> 64, number & (1 << 64) - 1


def _port(text: str) -> int:
    if int(text) > HIGHEST_PORT:
        raise UsageError(f"{text} is no port: the highest is {HIGHEST_PORT}")
    return int(text)


def _protocol(text: str) -> int:
    number = int(text) if text.isdecimal() else PROTOCOLS.get(text.lower(), -1)
    if not 0 <= number <= HIGHEST_PROTOCOL:
        raise UsageError(f"{text!r} is no protocol: give a number or one of {', '.join(PROTOCOLS)}")
    return number
