"""Kernel module: the straight road for most frames of most links: Ethernet, up to two VLAN tags, IPv4 without options
or IPv6 without extension headers, UDP or TCP.

Called by ``packet`` before anything else. A frame that is odd in any way (snapped, a fragment, a length that does not
fit, a port of a tunnel; padding is not odd) is left to the general walk, which gives the same answer for the frames
taken here: ``tests/dissect`` holds the two together.

    0         12     14                0    2     4    6     8   9     12       16       20
    +---------+------+- - - - -+------+     +--+--+-----+-----+-----+---+-----+--+--------+--------+------------
    | two MACs| 8100 | tag     | 0800 |     |45|  |total|  id |frag.|TTL|proto|  | source | target | UDP or TCP
    |         | or none         | 86DD |     +--+--+-----+-----+-----+---+-----+--+--------+--------+------------
    +---------+------+- - - - -+------+     IPv6: length at 4, next header at 6, hop limit at 7, addresses at 8 and 24
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.ethertype import IPV4, IPV6, VLAN, VLAN_SERVICE
from flowclass.dissect.hash import biflow_hash, hash_endpoints
from flowclass.dissect.ip import IPV4_FRAGMENT_BITS, IPV4_HEADER, IPV6_HEADER
from flowclass.dissect.link import ETHERNET_HEADER, ETHERTYPE_AT, LINK_ETHERNET, VLAN_TAG
from flowclass.dissect.load import be16, be32, be64, u8
from flowclass.dissect.transport import TCP, TCP_HEADER, UDP, UDP_HEADER
from flowclass.dissect.tunnel import is_tunnel_port
from flowclass.jit import fused
from flowclass.record.packet import IPV4_MAPPED, TUNNEL_PATH_LENGTH, TunnelKind

_MAPPED = np.uint64(IPV4_MAPPED)
_ZERO = np.uint64(0)
_VLAN = int(TunnelKind.VLAN)
#: Version 4, header of five words.
_IPV4_PLAIN = 0x45
#: Tags taken here; frames with more go the general way.
_TAGS = 2
#: No frame that ends before this is plain: Ethernet, IPv4, UDP.
_SHORTEST = ETHERNET_HEADER + IPV4_HEADER + UDP_HEADER


@fused
def dissect_plain(data: Any, ref: Any, pkt: Any, seed: Any) -> bool:
    """Dissect a plain frame.

    Parameters
    ----------
    data, ref, pkt, seed : as ``flowclass.dissect.packet.dissect_packet``

    Returns
    -------
    False when the frame is not plain; ``pkt`` is then unchanged.

    Notes
    -----
    The packet's end lies within the frame, all of which has been captured, and its length has room for the headers.
    """
    lo = int(ref["offset"])
    caplen = int(ref["caplen"])
    if caplen < _SHORTEST or caplen != int(ref["wirelen"]) or int(ref["linktype"]) != LINK_ETHERNET:
        return False
    hi = lo + caplen
    code = be16(data, lo + ETHERTYPE_AT)
    ip = lo + ETHERNET_HEADER
    depth = 0
    while code == VLAN or code == VLAN_SERVICE:
        if depth == _TAGS or ip + VLAN_TAG > hi:
            return False
        code = be16(data, ip + 2)
        ip += VLAN_TAG
        depth += 1
    if code == IPV4:
        if ip + IPV4_HEADER > hi or u8(data, ip) != _IPV4_PLAIN or be16(data, ip + 6) & IPV4_FRAGMENT_BITS:
            return False
        total, proto, transport = be16(data, ip + 2), u8(data, ip + 9), ip + IPV4_HEADER
    elif code == IPV6:
        if ip + IPV6_HEADER > hi or u8(data, ip) >> 4 != 6:
            return False
        total, proto, transport = IPV6_HEADER + be16(data, ip + 4), u8(data, ip + 6), ip + IPV6_HEADER
    else:
        return False
    end = ip + total
    if end > hi or transport + UDP_HEADER > end:
        return False
    sport, dport = be16(data, transport), be16(data, transport + 2)
    sequence = flags = 0
    if proto == UDP:
        if transport + be16(data, transport + 4) != end or is_tunnel_port(sport, dport):
            return False
        payload_lo = transport + UDP_HEADER
        checksum = be16(data, transport + 6)
    elif proto == TCP and transport + TCP_HEADER <= end:
        header = (u8(data, transport + 12) >> 4) * 4
        payload_lo = transport + header
        if header < TCP_HEADER or payload_lo > end:
            return False
        sequence, flags = be32(data, transport + 4), u8(data, transport + 13)
        checksum = be16(data, transport + 16)
    else:
        return False
    if code == IPV4:
        source, target = np.uint64(be32(data, ip + 12)) | _MAPPED, np.uint64(be32(data, ip + 16)) | _MAPPED
        pkt["hash"] = hash_endpoints(source, target, sport, dport, proto, seed[0], seed[1])
        pkt["src_hi"] = _ZERO
        pkt["src_lo"] = source
        pkt["dst_hi"] = _ZERO
        pkt["dst_lo"] = target
        pkt["ip_id"] = be16(data, ip + 4)
        pkt["hop_limit"] = u8(data, ip + 8)
        pkt["version"] = 4
    else:
        source_hi, source, target_hi, target = (
            be64(data, ip + 8), be64(data, ip + 16), be64(data, ip + 24), be64(data, ip + 32),
        )  # fmt: skip
        pkt["hash"] = biflow_hash(source_hi, source, target_hi, target, sport, dport, proto, seed)
        pkt["src_hi"] = source_hi
        pkt["src_lo"] = source
        pkt["dst_hi"] = target_hi
        pkt["dst_lo"] = target
        pkt["ip_id"] = 0
        pkt["hop_limit"] = u8(data, ip + 7)
        pkt["version"] = 6
    pkt["ts_ns"] = ref["ts_ns"]
    pkt["payload_lo"] = payload_lo
    pkt["payload_hi"] = end
    pkt["payload_bytes"] = end - payload_lo
    pkt["ip_bytes"] = total
    pkt["wirelen"] = caplen
    pkt["tcp_seq"] = sequence
    pkt["sport"] = sport
    pkt["dport"] = dport
    pkt["checksum"] = checksum
    pkt["proto"] = proto
    pkt["tcp_flags"] = flags
    pkt["fragment"] = 0
    pkt["status"] = 0
    pkt["anomalies"] = 0
    pkt["depth"] = depth
    for layer in range(TUNNEL_PATH_LENGTH):
        pkt["tunnel_kind"][layer] = 0
        pkt["tunnel_id"][layer] = 0
    for layer in range(depth):
        pkt["tunnel_kind"][layer] = _VLAN
        pkt["tunnel_id"][layer] = be16(data, lo + ETHERNET_HEADER + layer * VLAN_TAG) & 0xFFF
    return True
