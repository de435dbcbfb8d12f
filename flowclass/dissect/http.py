"""Kernel module: the first line of HTTP/1 messages (RFC 9112 §2), SSDP (UPnP) and RTSP (RFC 2326)."""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be32, u8
from flowclass.jit import kernel
from flowclass.record.message import Text


def _word(text: str) -> int:
    """Return four ASCII characters as a big-endian integer."""
    return int.from_bytes(text.encode(), "big")


#: First four characters of the methods of HTTP (RFC 9110 §9), WebDAV and HTTP/2's preface.
METHODS = tuple(
    _word(text)
    for text in ("GET ", "POST", "HEAD", "PUT ", "DELE", "CONN", "OPTI", "TRAC", "PATC", "PROP", "PRI ", "MKCO", "REPO")
)
RESPONSE, RTSP = _word("HTTP"), _word("RTSP")
#: SSDP's methods; methods that only RTSP has (DESCRIBE, SETUP, PLAY, TEARDOWN, ANNOUNCE).
MSEARCH, NOTIFY = _word("M-SE"), _word("NOTI")
RTSP_METHODS = tuple(_word(text) for text in ("DESC", "SETU", "PLAY", "TEAR", "ANNO"))
NONE, REQUEST, REPLY = int(Text.NONE), int(Text.HTTP_REQUEST), int(Text.HTTP_RESPONSE)
SSDP_TEXT, RTSP_TEXT = int(Text.SSDP), int(Text.RTSP)
#: Bytes of the first line in which a method ends.
MAX_METHOD = 12


@kernel
def http_text(data: Any, lo: int, hi: int, word: int) -> int:
    """Return HTTP_REQUEST, HTTP_RESPONSE, SSDP, RTSP or NONE; ``word`` is the payload's first four bytes."""
    if hi - lo < 8:
        return NONE
    if word == RESPONSE:
        return REPLY if u8(data, lo + 4) == 0x2F else NONE
    if word == RTSP:
        return RTSP_TEXT if u8(data, lo + 4) == 0x2F else NONE
    if word == MSEARCH or word == NOTIFY:
        return SSDP_TEXT if _target(data, lo, hi) == 0x2A else NONE
    if word in METHODS:
        target = _target(data, lo, hi)
        # A path, "*", or a URI or authority that starts with a letter or digit; RTSP's say "rtsp".
        if target in (0x72, 0x52) and _is_rtsp(data, lo, hi):
            return RTSP_TEXT
        return REQUEST if target > 0x20 and target < 0x7F else NONE
    if word in RTSP_METHODS:
        return RTSP_TEXT if _is_rtsp(data, lo, hi) else NONE
    return NONE


@kernel
def _space(data: Any, lo: int, hi: int) -> int:
    """Return where the first space of the line is, or ``hi`` when there is none in reach."""
    at = lo + 3
    end = min(hi, lo + MAX_METHOD)
    while at < end:
        if u8(data, at) == 0x20:
            return at
        at += 1
    return hi


@kernel
def _target(data: Any, lo: int, hi: int) -> int:
    """Return the byte after the method's space, or 0."""
    at = _space(data, lo, hi) + 1
    return u8(data, at) if at < hi else 0


@kernel
def _is_rtsp(data: Any, lo: int, hi: int) -> bool:
    """Whether the word after the method is "rtsp"."""
    at = _space(data, lo, hi) + 1
    return at + 4 <= hi and be32(data, at) | 0x20202020 == 0x72747370
