"""The slow twin of flowclass.dissect.packet: recursion over slices, written from the RFCs and not from the kernels.

``Dissector().dissect(frame, linktype, wirelen, ts_ns)`` returns a dictionary of PACKET fields (addresses as bytes), of
which ``status`` is always there. Nesting beyond ``SHALLOW`` gives None: the limit itself is tested elsewhere.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from flowclass.record.packet import Fragment, TunnelKind
from flowclass.record.status import Anomaly, Status

SHALLOW = 9
ETHERTYPES_VLAN = {0x8100, 0x88A8, 0x9100, 0x9200}
WITH_PORTS = {6, 17, 33, 132, 136}
EXTENSIONS = {0, 43, 44, 51, 60, 135}


class Refused(Exception):
    """The frame, or what is inside a tunnel, is not metered."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


class TooDeep(Exception):
    """Deeper than the twin cares for."""


@dataclass
class Piece:
    """What is left of a frame: captured bytes, and how many there were on the wire."""

    data: bytes
    wire: int
    offset: int

    def skip(self, count: int) -> Piece:
        """Return the rest behind ``count`` bytes."""
        return Piece(self.data[count:], self.wire - count, self.offset + count)

    def upto(self, wire: int) -> Piece:
        """Return the part that is ``wire`` bytes long on the wire."""
        return Piece(self.data[: max(wire, 0)], wire, self.offset)

    def need(self, count: int, status: Status = Status.LINK_TRUNCATED) -> None:
        """Refuse when fewer bytes were captured."""
        if len(self.data) < count:
            raise Refused(status)

    def u16(self, at: int) -> int:
        """Return a big-endian 16-bit number."""
        return int.from_bytes(self.data[at : at + 2], "big")

    def u32(self, at: int) -> int:
        """Return a big-endian 32-bit number."""
        return int.from_bytes(self.data[at : at + 4], "big")


Path = tuple[tuple[TunnelKind, int], ...]


@dataclass
class Dissector:
    """Dissects frames one after another; remembers first fragments for good."""

    firsts: dict[Any, Any] = field(default_factory=dict)

    def dissect(self, frame: bytes, linktype: int, wirelen: int, ts_ns: int = 0) -> dict[str, Any] | None:
        """Return the PACKET fields of a frame."""
        if not frame:
            return {"status": Status.FRAME_EMPTY}
        piece = Piece(frame, max(wirelen, len(frame)), 0)
        try:
            packet = self.link(piece, linktype)
        except Refused as refusal:
            return {"status": refusal.status}
        except TooDeep:
            return None
        if packet["fragment"] != Fragment.NONE and not self.place(packet, ts_ns):
            return {"status": Status.FRAGMENT_ORPHAN}
        if wirelen > len(frame):
            packet["anomalies"] |= 1 << Anomaly.SNAPPED
        packet["status"] = Status.OK
        return packet

    def place(self, packet: dict[str, Any], ts_ns: int) -> bool:
        """Keep a first fragment's ports, or give them to a later one."""
        key = (packet["src"], packet["dst"], packet["ip_id"], packet["key_proto"])
        if packet["fragment"] == Fragment.FIRST:
            self.firsts[key] = (packet["proto"], packet["sport"], packet["dport"], ts_ns)
            return True
        proto, sport, dport, first_ns = self.firsts.get(key, (0, 0, 0, -(10**30)))
        packet.update(proto=proto, sport=sport, dport=dport)
        return abs(ts_ns - first_ns) <= 30 * 10**9

    # Links

    def link(self, piece: Piece, linktype: int) -> dict[str, Any]:  # noqa: C901  a list of link types
        """Dissect by link type."""
        if linktype == 192:
            piece.need(8)
            length = int.from_bytes(piece.data[2:4], "little")
            linktype = int.from_bytes(piece.data[4:8], "little")
            piece = piece.skip(max(8, length))
        if linktype == 1:
            return self.ethernet(piece, ())
        if linktype in (12, 14, 101):
            return self.either_ip(piece, ())
        if linktype == 228:
            return self.ip4(piece, ())
        if linktype == 229:
            return self.ip6(piece, ())
        if linktype in (113, 276):
            size, type_at, kind_at = (16, 14, 2) if linktype == 113 else (20, 0, 8)
            piece.need(size)
            code = piece.u16(type_at)
            if piece.u16(kind_at) == 824 or (code < 0x600 and code != 4):
                raise Refused(Status.NOT_IP)
            return self.llc(piece.skip(size), ()) if code == 4 else self.by_type(piece.skip(size), code, ())
        if linktype in (0, 108):
            piece.need(4)
            family = min(struct.unpack_from(">I", piece.data)[0], struct.unpack_from("<I", piece.data)[0])
            if family == 2:
                return self.ip4(piece.skip(4), ())
            if family in (10, 23, 24, 28, 30):
                return self.ip6(piece.skip(4), ())
            raise Refused(Status.NOT_IP)
        if linktype == 51:
            return self.by_type(piece, 0x8864, ())
        if linktype in (9, 50, 104):
            if piece.data[0] in (0x0F, 0x8F):
                piece.need(4)
                return self.by_type(piece.skip(4), piece.u16(2), ())
            if linktype == 104:
                raise Refused(Status.NOT_IP)
            return self.ppp(piece, ())
        if linktype == 239:
            return self.nflog(piece)
        if linktype == 105:
            return self.wlan(piece, False)
        if linktype == 127:
            return self.radiotap(piece)
        raise Refused(Status.LINK_UNSUPPORTED)

    def nflog(self, piece: Piece) -> dict[str, Any]:
        """Netfilter log: type-length-values until the payload."""
        piece = piece.skip(4)
        while True:
            piece.need(4)
            length, kind = struct.unpack_from("<HH", piece.data)
            if kind & 0x7FFF > 255:
                length, kind = struct.unpack_from(">HH", piece.data)
            if kind & 0x7FFF == 9:
                return self.either_ip(piece.skip(4), ())
            if length < 4:
                raise Refused(Status.NOT_IP)
            piece = piece.skip((length + 3) // 4 * 4)

    def radiotap(self, piece: Piece) -> dict[str, Any]:
        """Radiotap, of which only the length and the padding flag matter."""
        piece.need(8)
        length, present = struct.unpack_from("<2xHI", piece.data)
        if length < 8 or length > len(piece.data):
            raise Refused(Status.LINK_TRUNCATED)
        at, word = 8, present
        while word >> 31 and at + 4 <= length:
            word = int.from_bytes(piece.data[at : at + 4], "little")
            at += 4
        if present & 1:
            at = (at + 7) // 8 * 8 + 8
        padded = bool(present & 2) and at < length and bool(piece.data[at] & 0x20)
        return self.wlan(piece.skip(length), padded)

    def wlan(self, piece: Piece, padded: bool) -> dict[str, Any]:
        """802.11."""
        piece.need(2)
        control, flags = piece.data[:2]
        if (control >> 2) & 3 != 2 or (control >> 4) & 4:
            raise Refused(Status.WLAN_NOT_DATA)
        if flags & 0x40:
            raise Refused(Status.WLAN_PROTECTED)
        size = 30 if flags & 3 == 3 else 24
        aggregated = False
        if (control >> 4) & 8:
            piece.need(size + 2)
            aggregated = bool(piece.data[size] & 0x80)
            size += 6 if flags & 0x80 else 2
        if padded:
            size = (size + 3) // 4 * 4
        return self.llc(piece.skip(size + (14 if aggregated else 0)), ())

    def ethernet(self, piece: Piece, path: Path) -> dict[str, Any]:
        """Ethernet II or 802.3."""
        piece.need(14)
        return self.typed(piece.skip(14), piece.u16(12), path)

    def typed(self, piece: Piece, code: int, path: Path) -> dict[str, Any]:
        """What follows a type-or-length field."""
        return self.by_type(piece, code, path) if code >= 0x600 else self.llc(piece, path)

    def llc(self, piece: Piece, path: Path) -> dict[str, Any]:
        """802.2, SNAP."""
        piece.need(3)
        if piece.data[:3] == b"\x06\x06\x03":
            return self.either_ip(piece.skip(3), path)
        if piece.data[:3] != b"\xaa\xaa\x03":
            raise Refused(Status.NOT_IP)
        piece.need(8)
        if piece.data[3:6] not in (b"\0\0\0", b"\0\0\xf8") or piece.u16(6) < 0x600:
            raise Refused(Status.NOT_IP)
        return self.by_type(piece.skip(8), piece.u16(6), path)

    def by_type(self, piece: Piece, code: int, path: Path) -> dict[str, Any]:
        """What an EtherType announces."""
        if len(path) > SHALLOW:
            raise TooDeep
        if code == 0x0800:
            return self.ip4(piece, path)
        if code == 0x86DD:
            return self.ip6(piece, path)
        if code in ETHERTYPES_VLAN:
            piece.need(4)
            return self.typed(piece.skip(4), piece.u16(2), (*path, (TunnelKind.VLAN, piece.u16(0) & 0xFFF)))
        if code == 0x8926:
            piece.need(6)
            return self.typed(piece.skip(6), piece.u16(4), (*path, (TunnelKind.VNTAG, piece.u16(0) & 0x3FFF)))
        if code in (0x8847, 0x8848):
            return self.mpls(piece, path)
        if code == 0x8864:
            piece.need(6)
            return self.ppp(piece.skip(6), (*path, (TunnelKind.PPPOE, piece.u16(2))))
        if code == 0x6558:
            return self.ethernet(piece, path)
        if code == 0x8870:
            return self.llc(piece, path)
        raise Refused(Status.NOT_IP)

    def mpls(self, piece: Piece, path: Path) -> dict[str, Any]:
        """One label, then another, IP, or a pseudowire."""
        piece.need(5)
        entry, inner = piece.u32(0), piece.skip(4)
        path = (*path, (TunnelKind.MPLS, entry >> 12))
        if not entry & 0x100:
            return self.by_type(inner, 0x8847, path)
        nibble = inner.data[0] >> 4
        if nibble == 6 or (nibble == 4 and len(inner.data) >= 4 and inner.u16(2) <= inner.wire):
            return self.either_ip(inner, path)
        known = {0x0800, 0x86DD, 0x0806, 0x8100, 0x88A8, 0x8847, 0x8864}
        for skip in [4, 0] if nibble == 0 else [0]:
            frame = inner.skip(skip)
            if len(frame.data) >= 14 and frame.u16(12) in known:
                return self.ethernet(frame, (*path, (TunnelKind.PSEUDOWIRE, 0)))
        raise Refused(Status.NOT_IP)

    def ppp(self, piece: Piece, path: Path) -> dict[str, Any]:
        """PPP with optional address and control and optional protocol compression."""
        if piece.data[:2] == b"\xff\x03":
            piece = piece.skip(2)
        piece.need(1)
        protocol, size = piece.data[0], 1
        if protocol % 2 == 0:
            piece.need(2)
            protocol, size = piece.u16(0), 2
        code = {0x21: 0x0800, 0x57: 0x86DD, 0x281: 0x8847, 0x283: 0x8847}.get(protocol)
        if code is None:
            raise Refused(Status.NOT_IP)
        return self.by_type(piece.skip(size), code, path)

    # IP

    def either_ip(self, piece: Piece, path: Path) -> dict[str, Any]:
        """IP of the version that the first nibble says."""
        piece.need(1)
        version = piece.data[0] >> 4
        if version not in (4, 6):
            raise Refused(Status.NOT_IP)
        return self.ip4(piece, path) if version == 4 else self.ip6(piece, path)

    def ip4(self, piece: Piece, path: Path) -> dict[str, Any]:
        """RFC 791."""
        piece.need(20, Status.IP_TRUNCATED)
        if piece.data[0] >> 4 != 4 or (size := (piece.data[0] & 15) * 4) < 20:
            raise Refused(Status.IP_MALFORMED)
        piece.need(size, Status.IP_TRUNCATED)
        total, anomalies = piece.u16(2), 0
        if total == 0:
            total, anomalies = piece.wire, 1 << Anomaly.IP_LENGTH_ZERO
        elif total < size:
            raise Refused(Status.IP_MALFORMED)
        elif total > piece.wire:
            total, anomalies = piece.wire, 1 << Anomaly.IP_LENGTH_BEYOND_FRAME
        bits = piece.u16(6) & 0x3FFF
        fragment = Fragment.NONE if not bits else Fragment.LATER if bits & 0x1FFF else Fragment.FIRST
        packet = {
            "version": 4,
            "src": piece.data[12:16],
            "dst": piece.data[16:20],
            "proto": piece.data[9],
            "key_proto": piece.data[9],
            "hop_limit": piece.data[8],
            "ip_id": piece.u16(4),
            "ip_bytes": total,
            "fragment": fragment,
            "anomalies": anomalies,
        }
        content = piece.upto(total).skip(size)
        if packet["proto"] == 51 and fragment != Fragment.LATER:
            content = self.extensions(packet, content)
        return self.content(packet, content, path)

    def ip6(self, piece: Piece, path: Path) -> dict[str, Any]:
        """RFC 8200."""
        piece.need(40, Status.IP_TRUNCATED)
        if piece.data[0] >> 4 != 6:
            raise Refused(Status.IP_MALFORMED)
        length, anomalies, following = piece.u16(4), 0, piece.data[6]
        if length == 0 and following != 59 and piece.wire > 40:
            if following == 0 and len(piece.data) >= 48 and piece.data[42:44] == b"\xc2\x04":
                length = piece.u32(44)
            else:
                length, anomalies = piece.wire - 40, 1 << Anomaly.IP_LENGTH_ZERO
        if length + 40 > piece.wire:
            length, anomalies = piece.wire - 40, 1 << Anomaly.IP_LENGTH_BEYOND_FRAME
        packet = {
            "version": 6,
            "src": piece.data[8:24],
            "dst": piece.data[24:40],
            "proto": following,
            "key_proto": following,
            "hop_limit": piece.data[7],
            "ip_id": 0,
            "ip_bytes": length + 40,
            "fragment": Fragment.NONE,
            "anomalies": anomalies,
        }
        content = self.extensions(packet, piece.upto(40 + length).skip(40))
        return self.content(packet, content, path)

    def extensions(self, packet: dict[str, Any], piece: Piece) -> Piece:
        """Walk extension headers; at most ten."""
        for _ in range(10):
            kind = packet["proto"]
            if kind not in EXTENSIONS:
                return piece
            piece.need(8, Status.IP_TRUNCATED)
            following, size = piece.data[0], (piece.data[1] + 1) * 8
            if kind == 44:
                size = 8
                packet.update(key_proto=following, ip_id=piece.u32(4))
                if piece.u16(2) & 0xFFF8:
                    packet.update(proto=following, fragment=Fragment.LATER)
                    return piece.skip(8)
                if piece.u16(2) & 1:
                    packet["fragment"] = Fragment.FIRST
            elif kind == 51:
                size = (piece.data[1] + 2) * 4
            elif kind == 135 and following == 59:
                return piece
            packet["proto"] = following
            piece = piece.skip(size)
        raise Refused(Status.IP_MALFORMED)

    def content(self, packet: dict[str, Any], piece: Piece, path: Path) -> dict[str, Any]:
        """Transport header, then perhaps a tunnel."""
        packet.update(path=path, sport=0, dport=0, checksum=0, tcp_seq=0, tcp_flags=0)
        payload = piece
        if packet["fragment"] != Fragment.NONE:
            packet["anomalies"] |= 1 << Anomaly.FRAGMENT
        if packet["fragment"] == Fragment.LATER:
            packet.update(payload=(piece.offset, b"", max(piece.wire, 0)))
            return packet
        if packet["proto"] in WITH_PORTS:
            payload = self.transport(packet, piece)
        packet["payload"] = (payload.offset, payload.data, max(payload.wire, 0))
        if packet["fragment"] == Fragment.FIRST:
            payload = Piece(payload.data, 65535, payload.offset)
        try:
            inner = self.tunnel(packet, payload, path)
        except Refused as refusal:
            if refusal.status is Status.NESTING_TOO_DEEP:
                raise
            packet["anomalies"] |= 1 << Anomaly.TUNNEL_UNOPENED
            return packet
        return inner or packet

    def transport(self, packet: dict[str, Any], piece: Piece) -> Piece:
        """Ports, and what follows the header."""
        piece.need(4, Status.TRANSPORT_TRUNCATED)
        packet.update(sport=piece.u16(0), dport=piece.u16(2))
        proto, whole, captured = packet["proto"], packet["fragment"] == Fragment.NONE, len(piece.data)
        if proto == 17:
            if captured >= 8:
                packet["checksum"] = piece.u16(6)
                length = piece.u16(4)
                if whole and length != piece.wire:
                    packet["anomalies"] |= 1 << Anomaly.UDP_LENGTH_MISMATCH
                    if 8 <= length < piece.wire:
                        piece = piece.upto(length)
            return piece.skip(8)
        if proto == 6:
            size = (piece.data[12] >> 4) * 4 if captured > 12 else 20
            if size < 20 or (whole and captured > 12 and size > piece.wire):
                raise Refused(Status.TRANSPORT_MALFORMED)
            packet["tcp_seq"] = piece.u32(4) if captured >= 8 else 0
            packet["tcp_flags"] = piece.data[13] if captured >= 14 else 0
            packet["checksum"] = piece.u16(16) if captured >= 18 else 0
            return piece.skip(size)
        if proto == 33:
            return piece.skip(piece.data[4] * 4 if captured > 4 else 12)
        return piece.skip(12 if proto == 132 else 8)

    # Tunnels

    def tunnel(self, packet: dict[str, Any], piece: Piece, path: Path) -> dict[str, Any] | None:
        """Return what is inside, None when this is no tunnel."""
        proto, version = packet["proto"], packet["version"]
        if proto == 4:
            return self.ip4(piece, (*path, (TunnelKind.IPIP if version == 4 else TunnelKind.IP4IN6, 0)))
        if proto == 41:
            return self.ip6(piece, (*path, (TunnelKind.IP6IN4 if version == 4 else TunnelKind.IP6IN6, 0)))
        if proto == 137:
            return self.mpls(piece, path)
        if proto == 47:
            return self.gre(piece, path)
        if proto != 17:
            return None
        if 2152 in (packet["sport"], packet["dport"]):
            return self.gtpu(piece, path)
        if packet["dport"] in (4789, 4790, 8472):
            piece.need(8)
            following = piece.data[3] if piece.data[0] & 4 else 3
            if not piece.data[0] & 8 or following not in (1, 2, 3):
                raise Refused(Status.NOT_IP)
            inside = (self.ip4, self.ip6, self.ethernet)[following - 1]
            return inside(piece.skip(8), (*path, (TunnelKind.VXLAN, piece.u32(4) >> 8)))
        if packet["dport"] == 6081:
            piece.need(8)
            if piece.data[0] >> 6 or piece.u16(2) < 0x600:
                raise Refused(Status.NOT_IP)
            inner = piece.skip(8 + (piece.data[0] & 63) * 4)
            return self.by_type(inner, piece.u16(2), (*path, (TunnelKind.GENEVE, piece.u32(4) >> 8)))
        if 1701 in (packet["sport"], packet["dport"]):
            return self.l2tp(piece, path)
        return None

    def gre(self, piece: Piece, path: Path) -> dict[str, Any]:
        """RFC 2784, 2890, 2637 and ERSPAN."""
        piece.need(4)
        flags, code = piece.u16(0), piece.u16(2)
        key_at = 8 if flags & 0x8000 else 4
        size = key_at + (4 if flags & 0x2000 else 0) + (4 if flags & 0x1000 else 0)
        if flags & 7 == 1:
            if code != 0x880B or flags & 0x3000 != 0x3000:
                raise Refused(Status.NOT_IP)
            size += 4 if flags & 0x80 else 0
            piece.need(size)
            return self.ppp(piece.skip(size), (*path, (TunnelKind.PPTP, piece.u16(key_at + 2))))
        if flags & 7 or flags & 0x4000:
            raise Refused(Status.NOT_IP)
        piece.need(size + 1)
        inner = piece.skip(size)
        if code in (0x88BE, 0x22EB):
            return self.erspan(inner, path, code, bool(flags & 0x1000))
        path = (*path, (TunnelKind.GRE, piece.u32(key_at) if flags & 0x2000 else 0))
        if code == 0x880B:
            return self.ppp(inner, path)
        if code == 0x883E:
            return self.either_ip(inner if inner.data[0] >> 4 == 4 else inner.skip(4), path)
        return self.by_type(inner, code, path)

    def erspan(self, piece: Piece, path: Path, code: int, numbered: bool) -> dict[str, Any]:
        """Types I, II and III."""
        if code == 0x88BE and not numbered:
            return self.ethernet(piece, (*path, (TunnelKind.ERSPAN, 0)))
        size = 8 if code == 0x88BE else 12
        piece.need(size)
        path = (*path, (TunnelKind.ERSPAN, piece.u16(2) & 0x3FF))
        if code == 0x22EB:
            bits = piece.u16(10)
            size += 8 if bits & 1 else 0
            if (bits >> 10) & 31 == 2:
                return self.either_ip(piece.skip(size), path)
        return self.ethernet(piece.skip(size), path)

    def gtpu(self, piece: Piece, path: Path) -> dict[str, Any]:
        """3GPP TS 29.281."""
        piece.need(8)
        if piece.data[0] >> 4 != 3 or piece.data[1] != 255 or piece.u16(2) + 8 > piece.wire:
            raise Refused(Status.NOT_IP)
        path = (*path, (TunnelKind.GTPU, piece.u32(4)))
        inner = piece.skip(8)
        if piece.data[0] & 7:
            inner.need(4)
            following = inner.data[3] if piece.data[0] & 4 else 0
            inner = inner.skip(4)
            walked = 0
            while following:
                inner.need(1)
                size = inner.data[0] * 4
                if size == 0 or walked == 8:
                    raise Refused(Status.NOT_IP)
                inner.need(size)
                following, inner, walked = inner.data[size - 1], inner.skip(size), walked + 1
        return self.either_ip(inner, path)

    def l2tp(self, piece: Piece, path: Path) -> dict[str, Any]:
        """RFC 2661 data message."""
        piece.need(2)
        flags = piece.u16(0)
        if flags & 0x8000 or flags & 15 != 2:
            raise Refused(Status.NOT_IP)
        ids_at = 4 if flags & 0x4000 else 2
        size = ids_at + (8 if flags & 0x0800 else 4)
        if flags & 0x0200:
            piece.need(size + 2)
            size += 2 + piece.u16(size)
        piece.need(size)
        return self.ppp(piece.skip(size), (*path, (TunnelKind.L2TP, piece.u32(ids_at))))
