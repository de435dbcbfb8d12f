"""Kernel module: the closed vocabularies of what can be wrong with a packet.

``Status`` other than OK means that the packet is not metered; every such packet is counted under its name, so that
packets read = metered + ignored holds. ``Anomaly`` is counted beside: the packet is metered all the same.
Both are label values of metrics: names never change meaning.
"""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Why a packet is not metered; OK when it is."""

    OK = 0
    LINK_UNSUPPORTED = 1  #: a link type without a dissector
    LINK_TRUNCATED = 2  #: the frame ends inside a link or tunnel header outside any IP packet
    NOT_IP = 3  #: ARP, LLDP, IS-IS…: a whole frame that carries no IP
    WLAN_PROTECTED = 4  #: 802.11 data frame that is encrypted
    WLAN_NOT_DATA = 5  #: 802.11 management or control frame
    IP_TRUNCATED = 6  #: the frame ends inside the IP header or its extension headers
    IP_MALFORMED = 7  #: header length, version or total length contradict each other
    TRANSPORT_TRUNCATED = 8  #: no room for both ports
    TRANSPORT_MALFORMED = 9  #: TCP data offset or UDP length is impossible
    FRAGMENT_ORPHAN = 10  #: a later fragment whose first has not been seen
    NESTING_TOO_DEEP = 11  #: more layers of tunnel than the limit
    FRAME_EMPTY = 12  #: no byte was captured
    FILTERED = 13  #: refused by the user's filter


class Anomaly(IntEnum):
    """Something odd about a packet that is metered all the same."""

    SNAPPED = 0  #: fewer bytes captured than were on the wire
    DUPLICATE = 1  #: the same packet was seen within 2 ms (port mirror)
    TIME_BACKWARD = 2  #: earlier than the packet before by more than a second
    FRAGMENT = 3  #: an IP fragment
    IP_LENGTH_ZERO = 4  #: total length 0 (TSO): the frame's length was taken
    IP_LENGTH_BEYOND_FRAME = 5  #: IP says more bytes than were on the wire
    UDP_LENGTH_MISMATCH = 6  #: UDP length differs from what IP leaves
    TUNNEL_UNOPENED = 7  #: a known tunnel whose content could not be read: metered as the outer flow


class EndReason(IntEnum):
    """Why a flow record was closed: IPFIX flowEndReason 136 (RFC 7012)."""

    OPEN = 0  #: not closed yet: an early snapshot
    IDLE_TIMEOUT = 1
    ACTIVE_TIMEOUT = 2
    END_OF_FLOW = 3  #: TCP FIN from both sides or RST
    FORCED_END = 4  #: the capture or the service ended
    LACK_OF_RESOURCES = 5  #: evicted from a full table
