"""Kernel module: PACKET_REF, where a frame lies, and PACKET, what dissection found in it.

An IP address is two 64-bit words in network order; IPv4 is written IPv4-mapped (RFC 4291 §2.5.5.2:
high = 0, low = 0x0000ffff_aabbccdd), so both families share one key.
"""

from __future__ import annotations

from enum import IntEnum

from flowclass.record.field import Field, dtype_of

#: Tunnel layers remembered by kind and id; deeper ones are walked (to ``MAX_LAYERS``) but not written down.
TUNNEL_PATH_LENGTH = 4
#: Limit on link, tunnel and IP headers walked in one frame.
MAX_LAYERS = 16
#: High bits of the low word of an IPv4-mapped address.
IPV4_MAPPED = 0x0000FFFF00000000


class TunnelKind(IntEnum):
    """A layer of encapsulation; the record's ``tunnel`` text is ``name:id`` joined by ``/``."""

    NONE = 0
    VLAN = 1  #: id = VLAN id
    MPLS = 2  #: id = label
    PPPOE = 3  #: id = session id
    GRE = 4  #: id = key, or 0
    PPTP = 5  #: id = call id
    ERSPAN = 6  #: id = session id
    VXLAN = 7  #: id = VNI
    GENEVE = 8  #: id = VNI
    GTPU = 9  #: id = TEID, written in hexadecimal
    IPIP = 10  #: IPv4 in IPv4
    IP6IN4 = 11
    IP4IN6 = 12
    IP6IN6 = 13
    L2TP = 14  #: id = tunnel id << 16 | session id
    VNTAG = 15
    PSEUDOWIRE = 16  #: Ethernet over MPLS


class Fragment(IntEnum):
    """Which piece of a fragmented IP packet this is."""

    NONE = 0
    FIRST = 1
    LATER = 2


PACKET_REF_FIELDS = (
    Field("ts_ns", "i8", "capture time since 1970", "ns"),
    Field("offset", "i8", "first byte of the frame in PacketBlock.data", "byte"),
    Field("caplen", "i4", "bytes captured", "byte"),
    Field("wirelen", "i4", "bytes on the wire", "byte"),
    Field("linktype", "i4", "LINKTYPE_ value of the frame's interface"),
    Field("interface", "i4", "index of the interface within the capture"),
)

PACKET_FIELDS = (
    Field("ts_ns", "i8", "capture time since 1970", "ns"),
    Field("hash", "u8", "keyed hash of the biflow key, the same in both directions"),
    Field("src_hi", "u8", "source address, high word"),
    Field("src_lo", "u8", "source address, low word"),
    Field("dst_hi", "u8", "destination address, high word"),
    Field("dst_lo", "u8", "destination address, low word"),
    Field("payload_lo", "i8", "first byte of the transport payload in the block", "byte"),
    Field("payload_hi", "i8", "end of the captured payload; equal to payload_lo when there is none", "byte"),
    Field("payload_bytes", "i4", "length of the transport payload on the wire, by the IP length", "byte"),
    Field("ip_bytes", "i4", "length of the innermost IP packet on the wire", "byte"),
    Field("wirelen", "i4", "length of the frame on the wire", "byte"),
    Field("flow", "i4", "index of the packet's flow, set by the meter"),
    Field("tcp_seq", "u4", "TCP sequence number"),
    Field("ip_id", "u4", "IPv4 identification; for IPv6 that of the fragment header, else 0"),
    Field("sport", "u2", "source port, 0 where the protocol has none"),
    Field("dport", "u2", "destination port, 0 where the protocol has none"),
    Field("checksum", "u2", "transport checksum as sent (UDP, TCP), else 0"),
    Field("proto", "u1", "IP protocol number of the innermost packet"),
    Field("version", "u1", "4 or 6"),
    Field("tcp_flags", "u1", "TCP flags byte"),
    Field("hop_limit", "u1", "TTL or hop limit"),
    Field("fragment", "u1", "a Fragment"),
    Field("status", "u1", "a Status; only OK packets are metered"),
    Field("anomalies", "u2", "bit set of Anomaly"),
    Field("depth", "u1", "tunnel layers walked"),
    Field("tunnel_kind", "u1", "a TunnelKind a layer, outermost first", shape=(TUNNEL_PATH_LENGTH,)),
    Field("tunnel_id", "u4", "the layer's id", shape=(TUNNEL_PATH_LENGTH,)),
)

PACKET_REF = dtype_of(PACKET_REF_FIELDS)
PACKET = dtype_of(PACKET_FIELDS)
