"""Kernel module: transport headers: ports, and where the payload lies.

Called by ``packet`` once an IP header has been read. ``hi`` is the captured end of the IP packet, ``wire_hi`` its end
by the IP length (a position in the block that need not have been captured).

UDP (RFC 768)                               TCP (RFC 9293 §3.1)

    0      7 8     15 16    23 24    31         0                   16              31
    +--------+--------+--------+--------+      +-------------------+----------------+
    |   source port   |    dest port    |      |    source port    |   dest port    |
    +--------+--------+--------+--------+      +-------------------+----------------+
    |     length      |    checksum     |      |            sequence number         |
    +--------+--------+--------+--------+      |         acknowledgement number      |
                                               +------+-----+------+----------------+
UDP-Lite (RFC 3828) has the checksum           |offset| rsv |flags |    window      |
coverage in place of the length; SCTP          +------+-----+------+----------------+
(RFC 9260 §3) has 12 bytes, ports first;       |     checksum      | urgent pointer |
DCCP (RFC 4340 §5.1) the data offset, in       +-------------------+----------------+
words, in byte 4.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be16, u8
from flowclass.jit import fused
from flowclass.record.packet import Fragment
from flowclass.record.status import Anomaly, Status

# IP protocol numbers (IANA).
TCP = 6
UDP = 17
DCCP = 33
SCTP = 132
UDP_LITE = 136

UDP_HEADER = 8
TCP_HEADER = 20
SCTP_HEADER = 12
DCCP_HEADER = 12
PORTS = 4
#: The byte whose high nibble is the TCP header length in words.
TCP_OFFSET_AT = 12

_OK = int(Status.OK)
_TRUNCATED = int(Status.TRANSPORT_TRUNCATED)
_MALFORMED = int(Status.TRANSPORT_MALFORMED)
_UDP_LENGTH_MISMATCH = 1 << Anomaly.UDP_LENGTH_MISMATCH
_WHOLE = int(Fragment.NONE)


@fused
def read_transport(
    data: Any, lo: int, hi: int, wire_hi: int, proto: int, fragment: int
) -> tuple[int, int, int, int, int, int]:
    """Read the ports of a transport header and find its payload.

    Parameters
    ----------
    data : uint8[:], the block
    lo, hi : captured bytes of the IP payload
    wire_hi : its end by the IP length
    proto : IP protocol
    fragment : NONE or FIRST; the payload of a FIRST is longer than this packet, so lengths are not compared

    Returns
    -------
    status, source port, destination port, payload's first position, payload's end on the wire, anomaly bits

    Notes
    -----
    Only the ports need to have been captured. Protocols without ports: (OK, 0, 0, lo, wire_hi, 0).
    """
    if lo + PORTS > hi:
        if proto == UDP or proto == TCP or proto == SCTP or proto == DCCP or proto == UDP_LITE:
            return _TRUNCATED, 0, 0, lo, lo, 0
        return _OK, 0, 0, lo, wire_hi, 0
    if proto == UDP:
        return _read_udp(data, lo, hi, wire_hi, fragment)
    if proto == TCP:
        header = TCP_HEADER
        if lo + TCP_OFFSET_AT < hi:
            header = (u8(data, lo + TCP_OFFSET_AT) >> 4) * 4
            if header < TCP_HEADER or (fragment == _WHOLE and lo + header > wire_hi):
                return _MALFORMED, 0, 0, lo, lo, 0
    elif proto == SCTP:
        header = SCTP_HEADER
    elif proto == UDP_LITE:
        header = UDP_HEADER
    elif proto == DCCP:
        header = DCCP_HEADER
        if lo + PORTS < hi:
            header = u8(data, lo + PORTS) * 4
    else:
        return _OK, 0, 0, lo, wire_hi, 0
    return _OK, be16(data, lo), be16(data, lo + 2), lo + header, wire_hi, 0


@fused
def _read_udp(data: Any, lo: int, hi: int, wire_hi: int, fragment: int) -> tuple[int, int, int, int, int, int]:
    """Read a UDP header whose ports have been captured; returns as ``read_transport``."""
    end = wire_hi
    anomalies = 0
    if fragment == _WHOLE and lo + UDP_HEADER <= hi:
        length = be16(data, lo + 4)
        if lo + length != wire_hi:
            anomalies = _UDP_LENGTH_MISMATCH
            if UDP_HEADER <= length < wire_hi - lo:
                end = lo + length  # what follows are UDP options (RFC 9868) or filler, no payload
    return _OK, be16(data, lo), be16(data, lo + 2), lo + UDP_HEADER, end, anomalies
