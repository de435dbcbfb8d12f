"""Kernel module: one frame to one PACKET row: the walk over link, tunnel and IP layers down to the innermost packet.

Called by the meter for every frame. Each step reads one header and says what comes next: an EtherType, or one of the
smaller ``NEXT_`` codes of ``flowclass.dissect.ethertype``. A tunnel whose content cannot be read leaves the packet
around it as the result, so addresses and ports are written only when the walk has ended.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.ethertype import IPV4, IPV6, NO_KIND, NOTHING
from flowclass.dissect.fragment import join_first, remember_first
from flowclass.dissect.hash import biflow_hash
from flowclass.dissect.ip import read_ipv4, read_ipv6
from flowclass.dissect.link import (
    ETHERNET_HEADER,
    ETHERTYPE_AT,
    LINK_ETHERNET,
    open_layer,
    open_link,
    type_or_length,
)
from flowclass.dissect.load import be16, be32, be64, u8
from flowclass.dissect.plain import dissect_plain
from flowclass.dissect.transport import TCP, UDP, read_transport
from flowclass.dissect.tunnel import open_tunnel
from flowclass.jit import fused, kernel
from flowclass.record.packet import IPV4_MAPPED, MAX_LAYERS, TUNNEL_PATH_LENGTH, Fragment
from flowclass.record.status import Anomaly, Status

_MAPPED = np.uint64(IPV4_MAPPED)
_ZERO = np.uint64(0)
_OK = int(Status.OK)
_EMPTY = int(Status.FRAME_EMPTY)
_ORPHAN = int(Status.FRAGMENT_ORPHAN)
_TOO_DEEP = int(Status.NESTING_TOO_DEEP)
_SNAPPED = 1 << Anomaly.SNAPPED
_UNOPENED = 1 << Anomaly.TUNNEL_UNOPENED
_WHOLE = int(Fragment.NONE)
_FIRST = int(Fragment.FIRST)
_LATER = int(Fragment.LATER)
#: Longest IPv4 packet: the end assumed for what lies inside the first fragment of a tunnel's packet.
_LONGEST = 65535


@fused
def dissect_packet(data: Any, ref: Any, pkt: Any, fragments: Any, seed: Any) -> int:
    """Dissect one frame.

    Parameters
    ----------
    data : uint8[:], the block
    ref : PACKET_REF, where the frame lies in ``data``
    pkt : PACKET, filled; every field but ``flow`` is set, whatever the row held before
    fragments : FRAGMENT[2**n] from ``new_fragments``
    seed : uint64[2] from ``new_seed``

    Returns
    -------
    a Status, which is also ``pkt["status"]``. When it is not OK the row has the frame's time, length, anomalies and
    status, and zeros.

    Notes
    -----
    The innermost packet that reads as IP is described. What its header claims and the frame lacks is an anomaly.
    """
    if dissect_plain(data, ref, pkt, seed):
        return _OK
    return dissect_any(data, ref, pkt, fragments, seed)


@kernel
def dissect_any(data: Any, ref: Any, pkt: Any, fragments: Any, seed: Any) -> int:
    """Dissect one frame, whatever it is, by the general walk; parameters and result as ``dissect_packet``."""
    lo = int(ref["offset"])
    hi = lo + int(ref["caplen"])
    wire_hi = lo + max(int(ref["caplen"]), int(ref["wirelen"]))
    if hi <= lo:
        return _refuse(ref, pkt, _EMPTY)
    if int(ref["linktype"]) == LINK_ETHERNET and lo + ETHERNET_HEADER <= hi:
        code, position = type_or_length(be16(data, lo + ETHERTYPE_AT)), lo + ETHERNET_HEADER
    else:
        code, position = open_link(data, int(ref["linktype"]), lo, hi)
    depth = 0
    status = _OK
    # The innermost packet so far; version 0 while there is none.
    version, ip_lo, ip_hi, ip_depth = 0, 0, 0, 0
    ip = (0, 0, 0, 0, 0, 0, 0, 0)
    transport = (0, 0, 0, 0, 0, 0)
    for _ in range(MAX_LAYERS):
        if code == IPV4 or code == IPV6:
            if code == IPV4:
                header = read_ipv4(data, position, hi, wire_hi)
            else:
                header = read_ipv6(data, position, hi, wire_hi)
            status, proto, content_lo, end, fragment, _, _, _ = header
            if status != _OK:
                break
            hi = min(hi, end)
            ports = (_OK, 0, 0, content_lo, end, 0)
            if fragment != _LATER:
                ports = read_transport(data, content_lo, hi, end, proto, fragment)
                status = ports[0]
                if status != _OK:
                    break
            version, ip_lo, ip_hi, ip_depth = (4 if code == IPV4 else 6), position, hi, depth
            ip, transport = header, ports
            if proto == TCP or fragment == _LATER:
                break
            content_lo, wire_hi = ports[3], ports[4]
            hi = min(hi, wire_hi)
            if fragment == _FIRST:
                wire_hi = content_lo + _LONGEST
            code, position, kind, number = open_tunnel(
                data, content_lo, hi, wire_hi, version, proto, ports[1], ports[2]
            )
            if code == NOTHING:
                break
        else:
            code, position, kind, number = open_layer(data, code, position, hi, wire_hi)
        if code < 0:
            status = -code
            break
        if kind != NO_KIND:
            depth = _note_layer(pkt, depth, kind, number)
    else:
        return _refuse(ref, pkt, _TOO_DEEP)
    if version == 0:
        return _refuse(ref, pkt, status)
    _write_frame(ref, pkt, ip_depth)
    anomalies = ip[7] | transport[5] | int(pkt["anomalies"])
    pkt["anomalies"] = anomalies if status == _OK else anomalies | _UNOPENED
    _write_ip(data, pkt, version, ip_lo, ip)
    _write_transport(data, pkt, ip[2], ip_hi, ip[1], transport)
    if ip[4] != _WHOLE and not _place_fragment(pkt, ip[4], ip[5], fragments, seed):
        return _refuse(ref, pkt, _ORPHAN)
    pkt["hash"] = biflow_hash(
        pkt["src_hi"],
        pkt["src_lo"],
        pkt["dst_hi"],
        pkt["dst_lo"],
        int(pkt["sport"]),
        int(pkt["dport"]),
        int(pkt["proto"]),
        seed,
    )
    pkt["status"] = _OK
    return _OK


@fused
def _note_layer(pkt: Any, depth: int, kind: int, number: int) -> int:
    """Write a tunnel layer into the row's path, where it has room; return the new depth."""
    if depth < TUNNEL_PATH_LENGTH:
        pkt["tunnel_kind"][depth] = kind
        pkt["tunnel_id"][depth] = number
    return depth + 1


@fused
def _write_frame(ref: Any, pkt: Any, depth: int) -> None:
    """Write what concerns the frame as a whole; forget tunnel layers beyond ``depth``."""
    pkt["ts_ns"] = ref["ts_ns"]
    pkt["wirelen"] = ref["wirelen"]
    pkt["anomalies"] = _SNAPPED if ref["caplen"] < ref["wirelen"] else 0
    pkt["depth"] = depth
    for layer in range(depth, TUNNEL_PATH_LENGTH):
        pkt["tunnel_kind"][layer] = 0
        pkt["tunnel_id"][layer] = 0


@kernel
def _refuse(ref: Any, pkt: Any, status: int) -> int:
    """Write the row of a frame that is not metered; return ``status``."""
    _write_frame(ref, pkt, 0)
    pkt["hash"] = _ZERO
    pkt["src_hi"] = _ZERO
    pkt["src_lo"] = _ZERO
    pkt["dst_hi"] = _ZERO
    pkt["dst_lo"] = _ZERO
    pkt["payload_lo"] = ref["offset"]
    pkt["payload_hi"] = ref["offset"]
    pkt["payload_bytes"] = 0
    pkt["ip_bytes"] = 0
    pkt["tcp_seq"] = 0
    pkt["ip_id"] = 0
    pkt["sport"] = 0
    pkt["dport"] = 0
    pkt["checksum"] = 0
    pkt["proto"] = 0
    pkt["version"] = 0
    pkt["tcp_flags"] = 0
    pkt["hop_limit"] = 0
    pkt["fragment"] = 0
    pkt["status"] = status
    return status


@fused
def _write_ip(data: Any, pkt: Any, version: int, lo: int, ip: tuple[int, int, int, int, int, int, int, int]) -> None:
    """Write the IP fields of the packet at ``lo``, whose header has been read as ``ip``."""
    if version == 4:
        pkt["src_hi"] = _ZERO
        pkt["src_lo"] = np.uint64(be32(data, lo + 12)) | _MAPPED
        pkt["dst_hi"] = _ZERO
        pkt["dst_lo"] = np.uint64(be32(data, lo + 16)) | _MAPPED
        pkt["hop_limit"] = u8(data, lo + 8)
    else:
        pkt["src_hi"] = be64(data, lo + 8)
        pkt["src_lo"] = be64(data, lo + 16)
        pkt["dst_hi"] = be64(data, lo + 24)
        pkt["dst_lo"] = be64(data, lo + 32)
        pkt["hop_limit"] = u8(data, lo + 7)
    pkt["version"] = version
    pkt["proto"] = ip[1]
    pkt["ip_bytes"] = ip[3] - lo
    pkt["fragment"] = ip[4]
    pkt["ip_id"] = ip[6]


@fused
def _write_transport(
    data: Any, pkt: Any, lo: int, hi: int, proto: int, transport: tuple[int, int, int, int, int, int]
) -> None:
    """Write ports, payload and TCP fields; ``lo`` is the transport header, ``hi`` the packet's captured end."""
    _, sport, dport, payload_lo, payload_end, _ = transport
    pkt["sport"] = sport
    pkt["dport"] = dport
    pkt["payload_bytes"] = max(0, payload_end - payload_lo)
    pkt["payload_lo"] = min(payload_lo, hi)
    pkt["payload_hi"] = max(min(payload_lo, hi), min(payload_end, hi))
    sequence = flags = checksum = 0
    if pkt["fragment"] == _LATER:
        pkt["payload_hi"] = pkt["payload_lo"]
    elif proto == UDP:
        if lo + 8 <= hi:
            checksum = be16(data, lo + 6)
    elif proto == TCP:
        if lo + 18 <= hi:
            sequence, flags, checksum = be32(data, lo + 4), u8(data, lo + 13), be16(data, lo + 16)
        elif lo + 14 <= hi:
            sequence, flags = be32(data, lo + 4), u8(data, lo + 13)
        elif lo + 8 <= hi:
            sequence = be32(data, lo + 4)
    pkt["tcp_seq"] = sequence
    pkt["tcp_flags"] = flags
    pkt["checksum"] = checksum


@kernel
def _place_fragment(pkt: Any, fragment: int, key_proto: int, fragments: Any, seed: Any) -> bool:
    """Remember a first fragment, or give a later one its first's ports; False when a later one has no first."""
    if fragment == _FIRST:
        remember_first(pkt, key_proto, fragments, seed)
        return True
    return join_first(pkt, key_proto, fragments, seed)
