"""Kernel module: Zoom: media servers on UDP 8801-8810 with a header of their own, STUN without cookie (FACTS §1.9)."""

from __future__ import annotations

from typing import Any

from flowclass.apps.app import Application, Reason, bits, mask
from flowclass.dissect.rtp import ssrc
from flowclass.jit import int64, kernel
from flowclass.record.field import Field
from flowclass.record.message import MessageKind, StunAttribute
from flowclass.record.verdict import App, Kind, Strength

APP = Application(
    App.ZOOM,
    "Zoom: media over UDP 8801-8810, peer to peer in calls of two, control over TLS",
    names=("zoom.us", "zoom.com", "zoomgov.com"),
)
LISTENS = (
    MessageKind.STUN,
    MessageKind.STUN_CLASSIC,
    MessageKind.DTLS,
    MessageKind.OTHER,
    MessageKind.PREFIXED_RTP,
    MessageKind.TLS_HELLO,
)

REASONS = (
    Reason(
        "server-hello",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "handshake 01 00 02/03 or 02 00 02/03 on UDP 8801-8810",
        "FACTS §1.9, §2.2: 15 flows, no false firing",
    ),
    Reason(
        "server-media",
        Strength.CERTAIN,
        Kind.CALL_MEDIA,
        "two media datagrams on UDP 8801-8810: type 05, a media header, RTP or RTCP where it says",
        "FACTS §1.9; zoom-analysis (Michel et al., IMC 2022)",
    ),
    Reason(
        "server-frame",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "keep-alive or control datagram of the media server protocol on UDP 8801-8810",
        "FACTS §1.9; captures Zoom 2020-2023",
    ),
    Reason(
        "peer-hello",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "opening 1F 02 01 00 of a call between two peers",
        "FACTS §1.9, §2.2: 4 flows, no false firing",
    ),
    Reason(
        "peer-media",
        Strength.STRONG,
        Kind.CALL_MEDIA,
        "three datagrams with a media header of Zoom's and one RTP source, whatever the port",
        "FACTS §1.9; zoom-analysis (Michel et al., IMC 2022)",
    ),
    Reason(
        "own-stun",
        Strength.CERTAIN,
        Kind.CALL_SIGNALLING,
        "STUN without cookie whose one attribute is 0x0101 or 0x0103",
        "FACTS §1.9, §2.2",
    ),
    Reason(
        "server-name",
        Strength.CERTAIN,
        Kind.MESSAGING,
        "TLS server name of Zoom",
        "suffix list above",
    ),
    Reason(
        "web-client",
        Strength.STRONG,
        Kind.CALL_SIGNALLING,
        "ICE or DTLS with a media server on UDP 8801-8810, as the client in a browser speaks",
        "FACTS §1.9: capture stun_zoom",
    ),
)
HELLO, SERVER_MEDIA, FRAME, PEER_HELLO, PEER_MEDIA, OWN_STUN, NAME, WEB = bits(REASONS)
STATE = (
    Field("ssrc", "u4", "SSRC of the latest media packet"),
    Field("media", "u1", "media datagrams, saturating"),
)

APP_NUMBER = int(App.ZOOM)
STUN, STUN_CLASSIC = int(MessageKind.STUN), int(MessageKind.STUN_CLASSIC)
TLS_HELLO, PREFIXED_RTP = int(MessageKind.TLS_HELLO), int(MessageKind.PREFIXED_RTP)
DTLS = int(MessageKind.DTLS)
OWN_BITS = mask(StunAttribute.ZOOM_101, StunAttribute.ZOOM_103)
FIRST_PORT, LAST_PORT = 8801, 8810
MEDIA_TYPE = 5
#: 72 bytes and the peer's address in text.
PEER_HELLO_LEAST, PEER_HELLO_MOST = 79, 111
SERVER_MEDIA_NEEDED, PEER_MEDIA_NEEDED = 2, 3


@kernel
def is_server_port(pkt: Any) -> bool:
    """Whether either port is a media server's."""
    sport, dport = int64(pkt["sport"]), int64(pkt["dport"])
    return FIRST_PORT <= dport <= LAST_PORT or FIRST_PORT <= sport <= LAST_PORT


@kernel
def _media(data: Any, pkt: Any, msg: Any, state: Any) -> int:
    """Count datagrams with a media header."""
    if msg["media_lo"] == pkt["payload_lo"] + 2:
        return 0
    is_server = int64(msg["word0"]) >> 24 == MEDIA_TYPE and is_server_port(pkt)
    source = ssrc(data, int64(msg["media_lo"])) if msg["media_header"] else int64(state["ssrc"])
    same = is_server or source == int64(state["ssrc"])
    seen = min(int64(state["media"]) + 1, 255) if same else 1
    state["ssrc"] = source
    state["media"] = seen
    if is_server:
        return SERVER_MEDIA | FRAME if seen >= SERVER_MEDIA_NEEDED else FRAME
    return PEER_MEDIA if seen >= PEER_MEDIA_NEEDED else 0


@kernel
def _datagram(pkt: Any, msg: Any, state: Any) -> int:
    """Look for the handshake, keep-alives and control of the media servers, and for the peers' opening."""
    word0 = int64(msg["word0"])
    size = int64(pkt["payload_bytes"])
    if word0 == 0x1F020100 and PEER_HELLO_LEAST <= size <= PEER_HELLO_MOST:
        return PEER_HELLO
    if not is_server_port(pkt):
        return 0
    kind, rest = word0 >> 24, word0 & 0xFFFFFF
    if 1 <= kind <= 2 and 2 <= rest >> 8 <= 3 and size >= 16:
        return HELLO | FRAME
    is_keepalive = 3 <= kind <= 4 and rest >> 16 == 0 and size >= 13
    is_control = kind == 7 and rest >> 8 == 0 and size >= 10
    is_media = kind == MEDIA_TYPE and size >= 24
    return FRAME if is_keepalive or is_control or is_media else 0


@kernel
def observe(data: Any, pkt: Any, msg: Any, direction: int, state: Any) -> int:
    """Look at one packet; return the bits of the Reasons it shows."""
    kind = int64(msg["kind"])
    if kind == PREFIXED_RTP:
        return _media(data, pkt, msg, state)
    if kind == STUN_CLASSIC or kind == STUN:
        if kind == STUN:
            return WEB if is_server_port(pkt) else 0
        is_own = int64(msg["stun_attributes"]) & OWN_BITS and msg["stun_count"] <= 2
        return OWN_STUN if is_own else 0
    if kind == TLS_HELLO:
        return NAME if msg["name_app"] == APP_NUMBER else 0
    if kind == DTLS:
        return WEB if is_server_port(pkt) else 0
    return _datagram(pkt, msg, state)
