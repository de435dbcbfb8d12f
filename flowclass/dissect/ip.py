"""Kernel module: IPv4 and IPv6 headers with their extension headers.

Called by ``packet`` for each IP layer of a frame. Lengths are judged by the IP header, reads by what was captured.

IPv4 (RFC 791 §3.1)

    0                   1                   2                   3
    +-------+-------+---------------+-------------------------------+
    |Version|  IHL  |Type of Service|          Total Length         |
    +-------+-------+---------------+-----+-------------------------+
    |         Identification        |0 D M|     Fragment Offset     |
    +---------------+---------------+-----+-------------------------+
    |  Time to Live |    Protocol   |        Header Checksum        |
    +---------------+---------------+-------------------------------+
    |             Source Address, Destination Address, Options      |
    +---------------------------------------------------------------+

IPv6 (RFC 8200 §3)                        Fragment header (§4.5)

    +-------+--------+--------------+      +--------+--------+-------------+--+-+
    |Version| Class  |  Flow Label  |      |  Next  |Reserved|Fragm. Offset|Rs|M|
    +-------+--------+------+-------+      +--------+--------+-------------+--+-+
    | Payload Length |Next H|  Hop  |      |            Identification          |
    +----------------+------+-------+      +------------------------------------+
    | Source (16), Destination (16) |      other extension headers: next header,
    +-------------------------------+      length beyond the first 8 bytes / 8 (AH: beyond 8, / 4)
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be16, be32, u8
from flowclass.dissect.transport import TCP, UDP
from flowclass.jit import fused, kernel
from flowclass.record.packet import Fragment
from flowclass.record.status import Anomaly, Status

IPV4_HEADER = 20
IPV6_HEADER = 40
#: Flags and offset of an IPv4 packet that is whole: MF clear, offset 0; DF may be set.
IPV4_FRAGMENT_BITS = 0x3FFF
IPV4_OFFSET = 0x1FFF
IPV6_OFFSET = 0xFFF8
IPV6_MORE = 1

# Next header values (IANA; RFC 7045 §4).
HOP_BY_HOP = 0
ROUTING = 43
FRAGMENT_HEADER = 44
AUTHENTICATION = 51
NO_NEXT_HEADER = 59
DESTINATION = 60
MOBILITY = 135
FRAGMENT_HEADER_BYTES = 8
#: Extension headers walked in one packet; more are hostile.
MAX_EXTENSIONS = 10
#: Option type and length of a jumbogram's length, first in its hop-by-hop header (RFC 2675 §2).
JUMBO_OPTION = 0xC204

_OK = int(Status.OK)
_TRUNCATED = int(Status.IP_TRUNCATED)
_MALFORMED = int(Status.IP_MALFORMED)
_WHOLE = int(Fragment.NONE)
_FIRST = int(Fragment.FIRST)
_LATER = int(Fragment.LATER)
_FRAGMENT = 1 << Anomaly.FRAGMENT
_LENGTH_ZERO = 1 << Anomaly.IP_LENGTH_ZERO
_BEYOND_FRAME = 1 << Anomaly.IP_LENGTH_BEYOND_FRAME


@fused
def read_ipv4(data: Any, lo: int, hi: int, wire_hi: int) -> tuple[int, int, int, int, int, int, int, int]:
    """Read an IPv4 header.

    Parameters
    ----------
    data : uint8[:], the block
    lo, hi : captured bytes from the header on, lower layers' trailers included
    wire_hi : end of the frame, or of the packet around this one, on the wire

    Returns
    -------
    status, protocol, first position after the header, the packet's end on the wire, Fragment, protocol that all
    fragments of the datagram show, identification, anomaly bits
    """
    if lo + IPV4_HEADER > hi:
        return _TRUNCATED, 0, lo, lo, _WHOLE, 0, 0, 0
    first = u8(data, lo)
    header = (first & 15) * 4
    if first >> 4 != 4 or header < IPV4_HEADER:
        return _MALFORMED, 0, lo, lo, _WHOLE, 0, 0, 0
    if lo + header > hi:
        return _TRUNCATED, 0, lo, lo, _WHOLE, 0, 0, 0
    total = be16(data, lo + 2)
    anomalies = 0
    end = lo + total
    if end > wire_hi:
        anomalies = _BEYOND_FRAME
        end = wire_hi
    if total < header:
        if total != 0:
            return _MALFORMED, 0, lo, lo, _WHOLE, 0, 0, 0
        anomalies = _LENGTH_ZERO
        end = wire_hi
    proto = u8(data, lo + 9)
    position = lo + header
    fragment = _WHOLE
    key_proto = proto
    bits = be16(data, lo + 6) & IPV4_FRAGMENT_BITS
    if bits != 0:
        fragment = _LATER if bits & IPV4_OFFSET else _FIRST
        anomalies |= _FRAGMENT
    if proto == AUTHENTICATION and fragment != _LATER:
        status, proto, position, _, _, _ = _walk_extensions(data, position, min(hi, end), proto)
        if status != _OK:
            return status, 0, lo, lo, _WHOLE, 0, 0, 0
    return _OK, proto, position, end, fragment, key_proto, be16(data, lo + 4), anomalies


@kernel
def read_ipv6(data: Any, lo: int, hi: int, wire_hi: int) -> tuple[int, int, int, int, int, int, int, int]:
    """Read an IPv6 header and its extension headers; parameters and results as ``read_ipv4``.

    Notes
    -----
    Payload length 0 is a jumbogram (RFC 2675) when a hop-by-hop header says so, no payload when nothing follows, and
    else a segment that the sender's card had still to cut: the frame's length is taken.
    """
    if lo + IPV6_HEADER > hi:
        return _TRUNCATED, 0, lo, lo, _WHOLE, 0, 0, 0
    if u8(data, lo) >> 4 != 6:
        return _MALFORMED, 0, lo, lo, _WHOLE, 0, 0, 0
    length = be16(data, lo + 4)
    proto = u8(data, lo + 6)
    position = lo + IPV6_HEADER
    anomalies = 0
    if length == 0 and proto != NO_NEXT_HEADER and position < wire_hi:
        if proto == HOP_BY_HOP and position + 8 <= hi and be16(data, position + 2) == JUMBO_OPTION:
            length = be32(data, position + 4)
        else:
            length = wire_hi - position
            anomalies = _LENGTH_ZERO
    end = position + length
    if end > wire_hi:
        anomalies = _BEYOND_FRAME
        end = wire_hi
    fragment = _WHOLE
    key_proto = proto
    ip_id = 0
    if proto != UDP and proto != TCP:
        status, proto, position, fragment, key_proto, ip_id = _walk_extensions(data, position, min(hi, end), proto)
        if status != _OK:
            return status, 0, lo, lo, _WHOLE, 0, 0, 0
        if fragment != _WHOLE:
            anomalies |= _FRAGMENT
    return _OK, proto, position, end, fragment, key_proto, ip_id, anomalies


@kernel
def _is_extension(proto: int) -> bool:
    """Whether the next header is one that is walked through."""
    return (
        proto == HOP_BY_HOP
        or proto == ROUTING
        or proto == FRAGMENT_HEADER
        or proto == DESTINATION
        or proto == AUTHENTICATION
        or proto == MOBILITY
    )


@kernel
def _walk_extensions(data: Any, lo: int, hi: int, proto: int) -> tuple[int, int, int, int, int, int]:
    """Walk extension headers from ``lo``.

    Returns
    -------
    status, transport protocol, its position, Fragment, protocol that all fragments show, identification

    Notes
    -----
    A mobility header that nothing follows is the packet's content (RFC 6275 §6.1), so its protocol stands.
    A packet with a fragment header that is nevertheless whole is not a fragment (RFC 6946).
    """
    position = lo
    fragment = _WHOLE
    key_proto = proto
    ip_id = 0
    for _ in range(MAX_EXTENSIONS):
        if not _is_extension(proto):
            return _OK, proto, position, fragment, key_proto, ip_id
        if position + FRAGMENT_HEADER_BYTES > hi:
            return _TRUNCATED, 0, lo, _WHOLE, 0, 0
        following = u8(data, position)
        if proto == FRAGMENT_HEADER:
            bits = be16(data, position + 2)
            key_proto = following
            ip_id = be32(data, position + 4)
            if bits & IPV6_OFFSET:
                return _OK, following, position + FRAGMENT_HEADER_BYTES, _LATER, key_proto, ip_id
            if bits & IPV6_MORE:
                fragment = _FIRST
            position += FRAGMENT_HEADER_BYTES
        elif proto == AUTHENTICATION:
            position += (u8(data, position + 1) + 2) * 4
        elif proto == MOBILITY and following == NO_NEXT_HEADER:
            return _OK, proto, position, fragment, key_proto, ip_id
        else:
            position += (u8(data, position + 1) + 1) * 8
        proto = following
    return _MALFORMED, 0, lo, _WHOLE, 0, 0
