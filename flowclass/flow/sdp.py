"""Kernel module: session descriptions (RFC 8866): where a party will receive media, and by which codecs.

Called by ``flow.sipevents`` for each line of a SIP message's body.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.load import be32, u8
from flowclass.flow.siptext import LOWER, number, skip_spaces, word_of
from flowclass.jit import kernel
from flowclass.record.packet import IPV4_MAPPED

DOT, EQUALS = 0x2E, 0x3D
UPPER_A, UPPER_Z = 0x41, 0x5A
LETTER_A, LETTER_C, LETTER_M = 0x61, 0x63, 0x6D
AUDIO, VIDEO, IN_IP4 = word_of("audi"), word_of("vide"), word_of("IN I")
NO_ADDRESS = np.uint64(0)
#: ``a=rtpmap:98 iLBC/8000`` (RFC 8866 §6.6), from the third letter on.
RTPM, AP_COLON = word_of("rtpm"), word_of("ap:") << 8
MAP_NAME_AT = 9
SLASH = 0x2F
#: Payload types that mean nothing by themselves (RFC 3551 §3).
FIRST_DYNAMIC, DYNAMIC_TYPES = 96, 32
#: Codecs of calls that go by such types, as IANA's registry of RTP media types spells them; what comes with them
#: (tones, comfort noise, redundancy) is none.
CODECS = (
    "opus", "AMR", "AMR-WB", "AMR-WB+", "EVS", "iLBC", "speex", "SILK", "isac", "G722", "G7221", "G726-16", "G726-24",
    "G726-32", "G726-40", "G729", "GSM", "GSM-EFR", "BV16", "BV32", "L16", "PCMU", "PCMA", "MP4A-LATM", "VP8", "VP9",
    "AV1", "H261", "H264", "H265", "H263", "MP4V-ES", "LYRA", "SIREN",
)  # fmt: skip
#: Letters by which a codec is told from the others.
NAME_LETTERS = 8
_NAMES = np.array([word_of(name[:NAME_LETTERS].lower().ljust(NAME_LETTERS, "\0")) for name in CODECS], np.uint64)
_BYTE = np.uint64(8)


@kernel
def ipv4(data: Any, at: int, hi: int) -> int:
    """Return the dotted IPv4 address at ``at``, 0 when there is none."""
    value = 0
    for part in range(4):
        start = at
        octet, at = number(data, at, hi)
        if at == start or octet > 255:
            return 0
        value = value << 8 | octet
        if part < 3:
            if at >= hi or u8(data, at) != DOT:
                return 0
            at += 1
    return value


@kernel
def read_map(data: Any, lo: int, hi: int, codecs: Any) -> None:
    """Read ``payload type, codec/clock`` in [lo, hi) of a line a=rtpmap."""
    kind, at = number(data, skip_spaces(data, lo, hi), hi)
    if kind < FIRST_DYNAMIC or kind >= FIRST_DYNAMIC + DYNAMIC_TYPES:
        return
    at = skip_spaces(data, at, hi)
    name = np.uint64(0)
    for _ in range(NAME_LETTERS):
        letter = 0
        if at < hi and u8(data, at) != SLASH:
            letter = u8(data, at)
            if UPPER_A <= letter <= UPPER_Z:
                letter |= LOWER
            at += 1
        name = name << _BYTE | np.uint64(letter)
    for place in range(_NAMES.size):
        if _NAMES[place] == name:
            codecs[kind - FIRST_DYNAMIC] = place + 1


@kernel
def read_sdp(data: Any, lo: int, hi: int, out: Any) -> None:
    """Read one line [lo, hi) of a session description: ``c=IN IP4 address``, ``m=audio port`` or ``a=rtpmap:``."""
    if hi - lo < 9 or u8(data, lo + 1) != EQUALS:
        return
    word = be32(data, lo + 2)
    if u8(data, lo) == LETTER_C and word == IN_IP4 and out["media_lo"] == NO_ADDRESS:
        address = ipv4(data, skip_spaces(data, lo + 8, hi), hi)
        if address:
            out["media_lo"] = np.uint64(IPV4_MAPPED | address)
    elif u8(data, lo) == LETTER_M and (word == AUDIO or word == VIDEO):
        port, _ = number(data, skip_spaces(data, lo + 7, hi), hi)
        if port <= 0xFFFF:
            out["ports"][0 if word == AUDIO else 1] = port
    elif u8(data, lo) == LETTER_A and word == RTPM and hi - lo > MAP_NAME_AT:
        if be32(data, lo + 6) & 0xFFFFFF00 == AP_COLON:
            read_map(data, lo + MAP_NAME_AT, hi, out["codecs"])
