"""Kernel module: what a transport payload is; fills MESSAGE for one packet.

The order follows RFC 7983 and RFC 9443 with what real applications need besides (FACTS §0): the STUN cookie is tested
before the first byte, for WhatsApp's types 0x0800-0x0805 start with a byte that the RFC would drop.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.dns import dns_shape, is_port, read_dns
from flowclass.dissect.dtls import dtls_version
from flowclass.dissect.http import http_text
from flowclass.dissect.load import be16, be32, u8
from flowclass.dissect.quic import quic_version
from flowclass.dissect.rtcp import rtcp_shape
from flowclass.dissect.rtp import rtp_shape
from flowclass.dissect.sip import sip_text
from flowclass.dissect.stun import COOKIE, has_classic_form, has_cookie_form, read_inner, read_message
from flowclass.dissect.tcp_framing import LENGTH_BYTES, bare_stun_bytes, framed_bytes
from flowclass.dissect.tls import HANDSHAKE, client_hello, hello_bytes_needed, is_record
from flowclass.jit import fused, int64, kernel
from flowclass.record.message import MessageKind

TCP, UDP = 6, 17

EMPTY, OTHER = int(MessageKind.EMPTY), int(MessageKind.OTHER)
STUN, STUN_CLASSIC = int(MessageKind.STUN), int(MessageKind.STUN_CLASSIC)
CHANNEL_DATA, MS_TURN = int(MessageKind.CHANNEL_DATA), int(MessageKind.MS_TURN)
RTP, RTCP = int(MessageKind.RTP), int(MessageKind.RTCP)
DTLS, QUIC, DNS = int(MessageKind.DTLS), int(MessageKind.QUIC), int(MessageKind.DNS)
TLS_HELLO, TLS = int(MessageKind.TLS_HELLO), int(MessageKind.TLS)
SIP, HTTP = int(MessageKind.SIP), int(MessageKind.HTTP)
PREFIXED_RTP = int(MessageKind.PREFIXED_RTP)
#: Viber's second half of the first word: 90 6B or 90 EB (PT 107), 90 62 or 90 E2 (PT 98), in its lower 16 bits.
VIBER_PREFIX, VIBER_MASK, VIBER_AUDIO, VIBER_SILENCE = 2, 0xFF7F, 0x906B, 0x9062
#: Header extension of one-byte elements (RFC 8285 §4.2).
ONE_BYTE_EXTENSION = 0xBEDE
#: Zoom's type of a datagram that carries media, the length of that header, and media types (FACTS §1.9).
ZOOM_SERVER_MEDIA, ZOOM_SERVER_BYTES, ZOOM_AUDIO, ZOOM_VIDEO = 5, 8, 15, 16
#: Header in front of the content of Microsoft's multiplexed TURN (FACTS §0).
MS_TURN_BYTES = 12
#: Channel and length in front of ChannelData (RFC 8656 §12.4).
CHANNEL_BYTES = 4
TCP_START, TCP_MORE, IP_OTHER = int(MessageKind.TCP_START), int(MessageKind.TCP_MORE), int(MessageKind.IP_OTHER)


@fused
def media(data: Any, lo: int, hi: int, wire_bytes: int, msg: Any) -> int:
    """Look for RTP or RTCP at ``lo``; fill ``media_*`` and return RTP, RTCP or OTHER."""
    if hi - lo < 2 or u8(data, lo) >> 6 != 2:
        return OTHER
    kind = OTHER
    header = 0
    if rtcp_shape(data, lo, hi, wire_bytes):
        kind = RTCP
    else:
        header = rtp_shape(data, lo, hi, wire_bytes)
        if header:
            kind = RTP
    if kind != OTHER:
        msg["media_lo"] = lo
        msg["media_hi"] = hi
        msg["media_bytes"] = wire_bytes
        msg["media_header"] = header
    return kind


@kernel
def media_at(data: Any, lo: int, hi: int, wire_bytes: int, msg: Any) -> int:
    """Do what ``media`` does, as a call: for the rarer ways to media."""
    return media(data, lo, hi, wire_bytes, msg)


@kernel
def prefixed_media(data: Any, lo: int, hi: int, wire_bytes: int, msg: Any) -> int:
    """Look for RTP behind the headers of Viber and Zoom; fill ``media_*`` and return PREFIXED_RTP or OTHER.

    Viber: 2 bytes of flow id, then RTP of payload type 107 or 98 with a one-byte-header extension (FACTS §1.5).
    Zoom: 8 bytes to or from its media server, first 05, then a media header whose type says where RTP starts; between
    peers only the media header (FACTS §1.9).
    """
    word0 = int64(msg["word0"])
    if word0 & VIBER_MASK == VIBER_AUDIO or word0 & VIBER_MASK == VIBER_SILENCE:
        at = lo + VIBER_PREFIX
        has_extension = hi >= at + 14 and be16(data, at + 12) == ONE_BYTE_EXTENSION
        if has_extension and media_at(data, at, hi, wire_bytes - VIBER_PREFIX, msg) == RTP:
            return PREFIXED_RTP
    first = word0 >> 24
    at = lo
    if first == ZOOM_SERVER_MEDIA:
        at += ZOOM_SERVER_BYTES
    elif first != ZOOM_AUDIO and first != ZOOM_VIDEO:
        return OTHER
    if hi - at < 40:
        return OTHER
    kind = u8(data, at)
    if kind == ZOOM_AUDIO:
        at += 19
    elif kind == ZOOM_VIDEO:
        at += 24
    elif kind == 13 or kind == 30:
        at += 27 if first == ZOOM_SERVER_MEDIA else 20
    elif 33 <= kind <= 35:
        at += 16
    else:
        return OTHER
    return PREFIXED_RTP if media_at(data, at, hi, wire_bytes - (at - lo), msg) != OTHER else OTHER


@kernel
def inner(data: Any, lo: int, hi: int, wire_bytes: int, msg: Any) -> None:
    """Say what a relay message carries: STUN, RTP, RTCP or something else."""
    msg["media_lo"] = lo
    msg["media_hi"] = lo
    if wire_bytes <= 0 or hi <= lo:
        msg["inner_kind"] = EMPTY
    elif has_cookie_form(data, lo, hi, wire_bytes):
        read_inner(data, lo, hi, msg)
        # An ICE check holds no DATA; one that does would be a relay in a relay, which is not followed.
        msg["media_lo"] = lo
        msg["media_hi"] = lo
        msg["inner_kind"] = STUN
    else:
        msg["inner_kind"] = media_at(data, lo, hi, wire_bytes, msg)


@kernel
def stun(data: Any, lo: int, hi: int, msg: Any) -> None:
    """Read a STUN message whose form has been checked, and what it relays."""
    read_message(data, lo, hi, msg)
    if msg["media_hi"] > msg["media_lo"]:
        inner(data, int64(msg["media_lo"]), int64(msg["media_hi"]), int64(msg["media_bytes"]), msg)


@fused
def datagram(data: Any, lo: int, hi: int, wire_bytes: int, pkt: Any, msg: Any) -> int:  # noqa: C901
    """Return the MessageKind of one UDP payload of at least one captured byte."""
    word0, word1 = int64(msg["word0"]), int64(msg["word1"])
    first = word0 >> 24
    if word1 == COOKIE and first < 0x40 and has_cookie_form(data, lo, hi, wire_bytes):
        stun(data, lo, hi, msg)
        return STUN
    if is_port(int64(pkt["dport"])) or is_port(int64(pkt["sport"])):
        if dns_shape(data, lo, hi):
            read_dns(data, lo, hi, msg)
            return DNS
    elif (word1 >> 16 == 1 or word1 >> 16 == 0) and dns_shape(data, lo, hi) == 2:
        read_dns(data, lo, hi, msg)
        return DNS
    if word0 & VIBER_MASK == VIBER_AUDIO or word0 & VIBER_MASK == VIBER_SILENCE or first == 5 or 15 <= first <= 16:
        kind = prefixed_media(data, lo, hi, wire_bytes, msg)
        if kind != OTHER:
            return kind
    if first >> 6 == 2:
        return media(data, lo, hi, wire_bytes, msg)
    if first <= 1 and has_classic_form(data, lo, hi, wire_bytes):
        stun(data, lo, hi, msg)
        return STUN_CLASSIC
    if first >= 0xC0 or first & 0xC9 == 0x09:
        if first == 0xFF and hi - lo >= 12 and word0 >> 16 == 0xFF10 and (word0 & 0xFFFF) + 4 == wire_bytes:
            inner(data, lo + MS_TURN_BYTES, hi, wire_bytes - MS_TURN_BYTES, msg)
            return MS_TURN
        version = quic_version(data, lo, hi, wire_bytes)
        if version:
            msg["quic_version"] = version
            return QUIC
        return OTHER
    if 0x40 <= first < 0x80:
        if first < 0x5B:
            text = sip_text(data, lo, hi, word0)
            if text:
                msg["text"] = text
                return SIP
            text = http_text(data, lo, hi, word0)
            if text:
                msg["text"] = text
                return HTTP
        # ChannelData: channel, length, content, on UDP with or without padding (RFC 8656 §12.4).
        length = word0 & 0xFFFF
        if hi - lo >= 4 and 0 <= wire_bytes - 4 - length <= 3:
            msg["channel"] = word0 >> 16
            inner(data, lo + 4, min(hi, lo + 4 + length), length, msg)
            return CHANNEL_DATA
        return OTHER
    if 20 <= first <= 25:
        version = dtls_version(data, lo, hi, wire_bytes)
        if version:
            msg["tls_version"] = version
            return DTLS
    return OTHER


@kernel
def is_channel_stream(data: Any, lo: int, hi: int, wire_bytes: int, word0: int) -> bool:
    """Whether a TCP segment is ChannelData: one message that fills it, or several of one channel.

    On TCP they are padded to four bytes (RFC 8656 §12.5).
    """
    total = CHANNEL_BYTES + (((word0 & 0xFFFF) + 3) & 0x1FFFC)
    if total == wire_bytes:
        return True
    at = lo + total
    return bool(total < wire_bytes and at + 2 <= hi and be16(data, at) == word0 >> 16)


@kernel
def segment(data: Any, lo: int, hi: int, wire_bytes: int, pkt: Any, msg: Any) -> int:
    """Return the MessageKind of one TCP payload of at least one captured byte."""
    word0 = int64(msg["word0"])
    first = word0 >> 24
    if 20 <= first <= 24 and is_record(data, lo, hi):
        if first == HANDSHAKE and hello_bytes_needed(data, lo, hi):
            whole = client_hello(data, lo, hi, msg)
            if whole == 1 or msg["sni_hi"] > msg["sni_lo"]:
                return TLS_HELLO
        msg["tls_version"] = (word0 >> 8) & 0xFFFF
        return TLS
    framed = framed_bytes(data, lo, hi, wire_bytes)
    if framed:
        inner_hi = min(hi, lo + LENGTH_BYTES + framed)
        if be32(data, lo + LENGTH_BYTES + 4) == COOKIE and has_cookie_form(data, lo + LENGTH_BYTES, inner_hi, framed):
            msg["stream_framed"] = 1
            stun(data, lo + LENGTH_BYTES, inner_hi, msg)
            return STUN
        kind = media_at(data, lo + LENGTH_BYTES, inner_hi, framed, msg)
        if kind != OTHER:
            msg["stream_framed"] = 1
            return kind
    length = bare_stun_bytes(data, lo, hi, wire_bytes)
    if length:
        stun(data, lo, min(hi, lo + length), msg)
        return STUN
    if 0x40 <= first <= 0x4F and is_channel_stream(data, lo, hi, wire_bytes, word0):
        size = word0 & 0xFFFF
        msg["channel"] = word0 >> 16
        inner(data, lo + CHANNEL_BYTES, min(hi, lo + CHANNEL_BYTES + size), size, msg)
        return CHANNEL_DATA
    if 0x41 <= first < 0x5B:
        text = sip_text(data, lo, hi, word0)
        if text:
            msg["text"] = text
            return SIP
        text = http_text(data, lo, hi, word0)
        if text:
            msg["text"] = text
            return HTTP
    return TCP_START if msg["head_new"] else TCP_MORE


@kernel
def inspect(data: Any, pkt: Any, msg: Any) -> None:
    """Fill MESSAGE for the payload of one packet.

    Parameters
    ----------
    data : uint8[:]
        The block.
    pkt : PACKET
        A dissected packet; ``payload_lo``, ``payload_hi``, ``payload_bytes``, ``proto`` and the ports are read.
    msg : MESSAGE
        For TCP the caller has set ``head``, ``head_bytes`` and ``head_new``; all else is written here.
    """
    lo = int64(pkt["payload_lo"])
    hi = int64(pkt["payload_hi"])
    msg["media_lo"] = lo
    msg["media_hi"] = lo
    msg["media_bytes"] = 0
    msg["inner_kind"] = EMPTY
    msg["name_app"] = 0
    msg["stream_framed"] = 0
    captured = hi - lo
    if captured <= 0:
        msg["word0"] = 0
        msg["word1"] = 0
        msg["kind"] = EMPTY
        return
    word0 = 0
    word1 = 0
    if captured >= 8:
        word0 = be32(data, lo)
        word1 = be32(data, lo + 4)
    else:
        for index in range(4):
            word0 = (word0 << 8) | (u8(data, lo + index) if index < captured else 0)
            word1 = (word1 << 8) | (u8(data, lo + 4 + index) if 4 + index < captured else 0)
    msg["word0"] = word0
    msg["word1"] = word1
    wire_bytes = max(int64(pkt["payload_bytes"]), captured)
    if pkt["proto"] == UDP:
        msg["kind"] = datagram(data, lo, hi, wire_bytes, pkt, msg)
    elif pkt["proto"] == TCP:
        msg["kind"] = segment(data, lo, hi, wire_bytes, pkt, msg)
    else:
        msg["kind"] = IP_OTHER
