"""Kernel module: the first line of SIP messages (RFC 3261 §7)."""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be24, be32, u8
from flowclass.jit import kernel
from flowclass.record.message import Text

#: Bytes of the first line that are searched for the URI scheme or the version.
MAX_LINE = 160


def _word(text: str) -> int:
    """Return four ASCII characters as a big-endian integer."""
    return int.from_bytes(text.encode(), "big")


#: First four characters of the methods of RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086.
METHODS = tuple(
    _word(text)
    for text in (
        "INVI", "ACK ", "BYE ", "CANC", "REGI", "OPTI", "SUBS", "NOTI", "PUBL", "INFO", "REFE", "MESS", "PRAC", "UPDA",
    )
)  # fmt: skip
RESPONSE = _word("SIP/")
SIP_COLON = _word("\0sip") & 0xFFFFFF
TEL_COLON = _word("\0tel") & 0xFFFFFF
NONE, REQUEST, REPLY = int(Text.NONE), int(Text.SIP_REQUEST), int(Text.SIP_RESPONSE)


@kernel
def sip_text(data: Any, lo: int, hi: int, word: int) -> int:
    """Return SIP_REQUEST, SIP_RESPONSE or NONE; ``word`` is the payload's first four bytes."""
    if word == RESPONSE:
        return REPLY if hi - lo >= 8 and u8(data, lo + 4) == 0x32 else NONE  # "SIP/2"
    if word not in METHODS:
        return NONE
    # A method, then a URI: other protocols share the methods, but not "sip:", "sips:" and "tel:".
    at = lo + 4
    end = min(hi, lo + MAX_LINE) - 4
    while at < end and u8(data, at) != 0x20 and at < lo + 10:
        at += 1
    if word & 0xFF == 0x20:
        at = lo + 3
    at += 1
    if at >= end:
        return NONE
    scheme = be24(data, at) | 0x202020
    after = u8(data, at + 3)
    is_sip = scheme == SIP_COLON and (after == 0x3A or after | 0x20 == 0x73)
    return REQUEST if is_sip or (scheme == TEL_COLON and after == 0x3A) else NONE


@kernel
def first_word(data: Any, lo: int) -> int:
    """Return the first four bytes, big-endian."""
    return be32(data, lo)
