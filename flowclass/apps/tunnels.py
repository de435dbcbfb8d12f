"""Kernel module: tunnels: WireGuard, OpenVPN, IPsec, L2TP, PPTP, AnyConnect, Tailscale, SoftEther (FACTS §5.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.apps.app import Application, Reason, bits
from flowclass.apps.openvpn import (
    DATA_2_FIRST,
    DATA_2_LAST,
    OPCODES,
    is_openvpn,
    is_openvpn_data,
    is_openvpn_stream,
)
from flowclass.dissect.load import be16, be32, be64, le32, u8
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.WIREGUARD,
    "tunnels that hide what they carry; each Reason names its own",
    names=(),
)
LISTENS = (
    MessageKind.OTHER,
    MessageKind.DTLS,
    MessageKind.TCP_START,
    MessageKind.IP_OTHER,
    MessageKind.RTP,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "wireguard-handshake",
        Strength.CERTAIN,
        Kind.TUNNEL,
        "WireGuard handshake: type 1 of 148 bytes answered by type 2 of 92",
        "FACTS §2.2, §5.1: 15 flows, all WireGuard by design",
    ),
    Reason(
        "wireguard-data",
        Strength.STRONG,
        Kind.TUNNEL,
        "three WireGuard data packets: type 4, reserved bytes 0, length a multiple of 16",
        "FACTS §2.2, §5.1",
    ),
    Reason(
        "openvpn-reset",
        Strength.STRONG,
        Kind.TUNNEL,
        "OpenVPN hard reset and its answer over UDP or TCP, or two packets of one session",
        "FACTS §5.1",
        app=App.OPENVPN,
    ),
    Reason(
        "ike",
        Strength.CERTAIN,
        Kind.TUNNEL,
        "IKE header on UDP 500, or on 4500 behind four zero bytes",
        "RFC 7296 §3.1; FACTS §5.1",
        app=App.IPSEC,
    ),
    Reason(
        "esp",
        Strength.STRONG,
        Kind.TUNNEL,
        "two ESP packets in UDP 4500 with one SPI and rising numbers",
        "RFC 3948 §2.1",
        app=App.IPSEC,
    ),
    Reason(
        "ip-security",
        Strength.CERTAIN,
        Kind.TUNNEL,
        "IP protocol 50 (ESP) or 51 (AH)",
        "RFC 4303; RFC 4302",
        app=App.IPSEC,
    ),
    Reason(
        "l2tp",
        Strength.STRONG,
        Kind.TUNNEL,
        "L2TP control or data header on UDP 1701, or IP protocol 115",
        "RFC 2661 §3.1; RFC 3931",
        app=App.L2TP,
    ),
    Reason(
        "pptp",
        Strength.CERTAIN,
        Kind.TUNNEL,
        "PPTP control message on TCP 1723 with its magic cookie, or GRE version 1",
        "RFC 2637 §1.4, §4.1",
        app=App.PPTP,
    ),
    Reason(
        "anyconnect",
        Strength.CERTAIN,
        Kind.TUNNEL,
        "DTLS records of version 01 00, as Cisco AnyConnect sends",
        "FACTS §5.1; capture anyconnect",
        app=App.ANYCONNECT,
    ),
    Reason(
        "tailscale",
        Strength.CERTAIN,
        Kind.TUNNEL,
        "Tailscale disco packet: 54 53 F0 9F 92 AC",
        "FACTS §5.1",
        app=App.TAILSCALE,
    ),
    Reason(
        "softether",
        Strength.STRONG,
        Kind.TUNNEL,
        'SoftEther address question "A" and its answer "IP=" on UDP 5004',
        "FACTS §5.1; capture softether",
        app=App.SOFTETHER,
    ),
    Reason(
        "openvpn-data",
        Strength.STRONG,
        Kind.TUNNEL,
        "OpenVPN data packets in a row: opcode 9, one peer number, a counter that rises",
        "Linux drivers/net/ovpn/proto.h; FACTS §5.1",
        app=App.OPENVPN,
    ),
    Reason(
        "tailscale-relay",
        Strength.STRONG,
        Kind.TUNNEL,
        "server name of a Tailscale relay: derpN.tailscale.com",
        "tailscale.com/docs/reference/derp-servers; no capture",
        app=App.TAILSCALE,
    ),
    Reason(
        "openconnect",
        Strength.STRONG,
        Kind.TUNNEL,
        "DTLS ClientHello on UDP 443 that names a session of 32 bytes: AnyConnect and OpenConnect join their TLS so",
        "draft-mavrogiannopoulos-openconnect; pcaps/lab/anyconnect-call.pcap",
        app=App.ANYCONNECT,
    ),
)
(
    HANDSHAKE,
    DATA,
    OPENVPN,
    IKE,
    ESP,
    IPSEC,
    L2TP,
    PPTP,
    ANYCONNECT,
    TAILSCALE,
    SOFTETHER,
    OPENVPN_DATA,
    DERP,
    OPENCONNECT,
) = bits(REASONS)
STATE = (
    Field("spi", "u4", "SPI, WireGuard receiver or OpenVPN session, by direction", shape=(2,)),
    Field("last", "u4", "latest ESP number by direction", shape=(2,)),
    Field("seen", "u1", "data packets in a row, saturating"),
    Field("steps", "u1", "1 request, 2 answer of a handshake seen"),
)

DTLS, TCP_START, IP_OTHER = int(MessageKind.DTLS), int(MessageKind.TCP_START), int(MessageKind.IP_OTHER)
RTP, TLS_HELLO = int(MessageKind.RTP), int(MessageKind.TLS_HELLO)
DTLS_OLD = 0x0100
#: IP protocols: GRE, ESP, AH, L2TP version 3.
GRE_PROTOCOL, ESP_PROTOCOL, AH_PROTOCOL, L2TP_PROTOCOL = 47, 50, 51, 115
IKE_PORT, NAT_PORT, L2TP_PORT, PPTP_PORT, SOFTETHER_PORT = 500, 4500, 1701, 1723, 5004
#: WireGuard types 1, 2, 4 as first words, and lengths of the first two.
WG_INITIATION, WG_RESPONSE, WG_DATA, WG_INITIATION_BYTES, WG_RESPONSE_BYTES = (
    0x01000000,
    0x02000000,
    0x04000000,
    148,
    92,
)
PPTP_COOKIE = 0x1A2B3C4D
#: A DTLS ClientHello: record header, handshake header of 12 bytes, version, random, length of the session id.
DTLS_HANDSHAKE, DTLS_HEADER_BYTES, SESSION_LENGTH_AT, SESSION_BYTES, HTTPS_PORT = 22, 13, 13 + 12 + 34, 32, 443
TAILSCALE_HIGH, TAILSCALE_LOW = 0x5453F09F, 0x92AC
#: "derp", ".tai", "lsca", "le.c" in lower case: how the names of Tailscale's relays begin, and end but for "om".
DERP_WORD, TAILSCALE_WORDS, LOWER_CASE = 0x64657270, (0x2E746169, 0x6C736361, 0x6C652E63), 0x20202020
#: "derp1.tailscale.com" and a little more.
LEAST_RELAY_NAME, LONGEST_RELAY_NAME, RELAY_SUFFIX_BYTES = 19, 24, 14
ZERO = np.uint64(0)


@kernel
def _count(state: Any, in_a_row: int) -> int:
    """Count a data packet, from one again when it does not follow the one before; return the count."""
    seen = min(int64(state["seen"]) + 1, 255) if in_a_row else 1
    state["seen"] = seen
    return seen


@kernel
def _wireguard(data: Any, pkt: Any, word0: int, direction: int, state: Any) -> int:
    """Look for WireGuard's handshake and data."""
    lo = int64(pkt["payload_lo"])
    size = int64(pkt["payload_bytes"])
    if word0 == WG_INITIATION and size == WG_INITIATION_BYTES:
        state["steps"] = int64(state["steps"]) | 1
    elif word0 == WG_RESPONSE and size == WG_RESPONSE_BYTES:
        state["steps"] = int64(state["steps"]) | 2
    elif word0 == WG_DATA and size >= 32 and size & 15 == 0 and int64(pkt["payload_hi"]) - lo >= 16:
        receiver = le32(data, lo + 4)
        had = int64(state["spi"][direction])
        state["spi"][direction] = receiver
        return DATA if _count(state, had in (0, receiver)) >= 3 and le32(data, lo + 12) == 0 else 0
    return HANDSHAKE if state["steps"] == 3 else 0


@kernel
def _ipsec(data: Any, pkt: Any, word0: int, direction: int, state: Any) -> int:
    """Look for IKE and for ESP in UDP."""
    lo, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    size = int64(pkt["payload_bytes"])
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    on_nat = dport == NAT_PORT or sport == NAT_PORT
    at = lo
    if on_nat:
        if hi - lo < 12:
            return 0
        if word0 != 0:
            number = be32(data, lo + 4)
            step = (number - int64(state["last"][direction])) & 0xFFFFFFFF
            same = int64(state["spi"][direction]) == word0 and 1 <= step <= 64
            state["spi"][direction] = word0
            state["last"][direction] = number
            return ESP if _count(state, same) >= 2 else 0
        at += 4
    elif dport != IKE_PORT and sport != IKE_PORT:
        return 0
    if hi - at < 28:
        return 0
    version = u8(data, at + 17)
    fits = be32(data, at + 24) == size - (at - lo)
    return IKE if fits and (version == 0x10 or version == 0x20) and be64(data, at) != ZERO else 0


@kernel
def _l2tp(data: Any, pkt: Any, word0: int) -> int:
    """Look for an L2TP header: version 2 or 3, and the length it gives."""
    if pkt["dport"] != L2TP_PORT and pkt["sport"] != L2TP_PORT:
        return 0
    flags = word0 >> 16
    if flags & 0x000F not in (2, 3) or flags & 0x30F0:
        return 0
    has_length = flags & 0x4000
    return L2TP if not has_length or word0 & 0xFFFF == pkt["payload_bytes"] else 0


@kernel
def _other_protocol(data: Any, pkt: Any) -> int:
    """Look at IP protocols beside UDP and TCP."""
    proto = int64(pkt["proto"])
    if proto in (ESP_PROTOCOL, AH_PROTOCOL):
        return IPSEC
    if proto == L2TP_PROTOCOL:
        return L2TP
    lo = int64(pkt["payload_lo"])
    if proto == GRE_PROTOCOL and int64(pkt["payload_hi"]) - lo >= 4:
        return PPTP if be16(data, lo) & 7 == 1 and be16(data, lo + 2) == 0x880B else 0
    return 0


@kernel
def resumes_session(data: Any, lo: int, hi: int) -> bool:
    """Whether the DTLS record at ``lo`` is a ClientHello with a session id of full length (RFC 6347 §4.2)."""
    if hi - lo <= SESSION_LENGTH_AT or u8(data, lo) != DTLS_HANDSHAKE or u8(data, lo + DTLS_HEADER_BYTES) != 1:
        return False
    return bool(u8(data, lo + SESSION_LENGTH_AT) == SESSION_BYTES)


@kernel
def is_relay_name(data: Any, lo: int, hi: int) -> bool:
    """Whether the server name in [lo, hi) is that of a Tailscale relay."""
    if not LEAST_RELAY_NAME <= hi - lo <= LONGEST_RELAY_NAME or be32(data, lo) | LOWER_CASE != DERP_WORD:
        return False
    at = hi - RELAY_SUFFIX_BYTES
    for word in TAILSCALE_WORDS:
        if be32(data, at) | LOWER_CASE != word:
            return False
        at += 4
    return True


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == IP_OTHER:
        return _other_protocol(data, pkt)
    if kind == TLS_HELLO:
        return DERP if is_relay_name(data, int64(msg["sni_lo"]), int64(msg["sni_hi"])) else 0
    lo, hi = int64(pkt["payload_lo"]), int64(pkt["payload_hi"])
    if kind == DTLS:
        if msg["tls_version"] == DTLS_OLD:
            return ANYCONNECT
        return OPENCONNECT if pkt["dport"] == HTTPS_PORT and resumes_session(data, lo, hi) else 0
    word0 = int64(msg["word0"])
    if kind == TCP_START:
        is_port = pkt["dport"] == PPTP_PORT or pkt["sport"] == PPTP_PORT
        if is_openvpn_stream(data, pkt, word0, direction, state):
            return OPENVPN
        is_pptp = is_port and int64(msg["word1"]) == PPTP_COOKIE and word0 & 0xFFFF == 1
        return PPTP if is_pptp else 0
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    on_port = dport == IKE_PORT or dport == NAT_PORT or dport == L2TP_PORT
    on_port = on_port or sport == IKE_PORT or sport == NAT_PORT or sport == L2TP_PORT
    if kind == RTP:
        # Keys and security parameter indexes are random: any may look like RTP.
        return _ipsec(data, pkt, word0, direction, state) if on_port else 0
    if word0 == TAILSCALE_HIGH and int64(msg["word1"]) >> 16 == TAILSCALE_LOW:
        return TAILSCALE
    found = _wireguard(data, pkt, word0, direction, state) if word0 & 0xFFFFFF == 0 else 0
    first = word0 >> 24
    if first in OPCODES and is_openvpn(data, pkt, word0, direction, state):
        found |= OPENVPN
    if DATA_2_FIRST <= first <= DATA_2_LAST and is_openvpn_data(data, pkt, word0, direction, state):
        found |= OPENVPN_DATA
    if on_port:
        found |= _ipsec(data, pkt, word0, direction, state) | _l2tp(data, pkt, word0)
    if pkt["payload_bytes"] == 1 and pkt["dport"] == SOFTETHER_PORT and hi > lo and word0 >> 24 == 0x41:
        state["steps"] = int64(state["steps"]) | 16
    elif state["steps"] & 16 and word0 >> 8 == 0x49503D:
        found |= SOFTETHER
    return found
