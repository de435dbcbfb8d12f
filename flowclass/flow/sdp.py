"""Kernel module: session descriptions (RFC 8866): where a party will receive media, and by which codecs.

Called by ``flow.sipevents`` for each line of a SIP message's body.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.load import be32, u8
from flowclass.flow.siptext import COLON, LOWER, SPACE, number, skip_spaces, word_of
from flowclass.jit import kernel
from flowclass.record.packet import IPV4_MAPPED

DOT, EQUALS = 0x2E, 0x3D
UPPER_A, UPPER_Z = 0x41, 0x5A
LETTER_A, LETTER_C, LETTER_M = 0x61, 0x63, 0x6D
AUDIO, VIDEO, IN_IP = word_of("audi"), word_of("vide"), word_of("IN I")
DIGIT_0, DIGIT_9, LETTER_F, IP6 = 0x30, 0x39, 0x66, 0x36
#: Of an IPv6 address: groups of hexadecimal digits, the most of these in one, and the bits of a group and of a word.
GROUPS, GROUP_DIGITS = 8, 4
_GROUP, _WORD = np.uint64(16), np.uint64(64)
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
def hex_digit(letter: int) -> int:
    """Return what a hexadecimal digit counts, -1 for another letter."""
    if DIGIT_0 <= letter <= DIGIT_9:
        return letter - DIGIT_0
    small = letter | LOWER
    return small - LETTER_A + 10 if LETTER_A <= small <= LETTER_F else -1


@kernel
def longer(high: Any, low: Any, group: int) -> tuple[Any, Any]:
    """Return two words, moved left by a group of an IPv6 address, with that group at their end."""
    return high << _GROUP | low >> (_WORD - _GROUP), low << _GROUP | np.uint64(group)


@kernel
def ipv6(data: Any, at: int, hi: int) -> tuple[Any, Any]:
    """Return the two words of the IPv6 address at ``at`` (RFC 4291 §2.2, without a dotted end), zeros for none."""
    high, low, front_high, front_low = NO_ADDRESS, NO_ADDRESS, NO_ADDRESS, NO_ADDRESS
    groups, gap, digits, group = 0, -1, 0, 0
    while True:
        letter = u8(data, at) if at < hi else SPACE
        digit = hex_digit(letter)
        at += 1
        if digit >= 0 and digits < GROUP_DIGITS:
            group = group << 4 | digit
            digits += 1
            continue
        if digits:
            high, low = longer(high, low, group)
            groups += 1
            digits, group = 0, 0
        if letter != COLON or groups > GROUPS:
            break
        if at < hi and u8(data, at) == COLON:
            if gap >= 0:
                return NO_ADDRESS, NO_ADDRESS
            gap, front_high, front_low = groups, high, low
            high, low = NO_ADDRESS, NO_ADDRESS
            at += 1
    if groups != GROUPS and (gap < 0 or groups > GROUPS):
        return NO_ADDRESS, NO_ADDRESS
    for _ in range(GROUPS - gap if gap >= 0 else 0):
        front_high, front_low = longer(front_high, front_low, 0)
    return high | front_high, low | front_low


@kernel
def read_address(data: Any, at: int, hi: int, is_new: bool, out: Any) -> None:
    """Read ``address type, address`` in [at, hi) of a line ``c=IN``; ``is_new`` says whether one known is replaced."""
    if out["media_hi"] | out["media_lo"] != NO_ADDRESS and not is_new:
        return
    value = skip_spaces(data, at + 3, hi)
    if u8(data, at + 2) == IP6:
        high, low = ipv6(data, value, hi)
    else:
        address = ipv4(data, value, hi)
        high, low = NO_ADDRESS, np.uint64(IPV4_MAPPED | address) if address else NO_ADDRESS
    if high | low != NO_ADDRESS:
        out["media_hi"] = high
        out["media_lo"] = low


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
    """Read one line [lo, hi) of a session description: ``c=IN`` with an address, ``m=audio port`` or ``a=rtpmap:``."""
    if hi - lo < 9 or u8(data, lo + 1) != EQUALS:
        return
    word = be32(data, lo + 2)
    if u8(data, lo) == LETTER_C and word == IN_IP:
        # That of the first medium overrides the session's (RFC 8866 §5.7); those of others are seldom others.
        is_audios = out["ports"][0] != 0 and out["ports"][1] == 0
        read_address(data, lo + 5, hi, is_audios, out)
    elif u8(data, lo) == LETTER_M and (word == AUDIO or word == VIDEO):
        port, _ = number(data, skip_spaces(data, lo + 7, hi), hi)
        place = 0 if word == AUDIO else 1
        # Port 0 refuses a medium that was offered twice, by two profiles (RFC 3264 §6).
        if port <= 0xFFFF and out["ports"][place] == 0:
            out["ports"][place] = port
    elif u8(data, lo) == LETTER_A and word == RTPM and hi - lo > MAP_NAME_AT:
        if be32(data, lo + 6) & 0xFFFFFF00 == AP_COLON:
            read_map(data, lo + MAP_NAME_AT, hi, out["codecs"])
