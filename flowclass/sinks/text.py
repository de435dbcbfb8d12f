"""Kernel module: numbers and addresses become text.

Every function writes at ``out[pos]`` and returns the position behind what it wrote; the caller has made room
(``flowclass.sinks.format`` knows the longest row). They are called for every record, so nothing is allocated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.jit import kernel

NS_PER_S = 1_000_000_000
#: Digits of a nanosecond fraction.
NS_DIGITS = 9
#: Digits written of a confidence, and the factor that makes them an integer.
CONFIDENCE_DIGITS = 4
CONFIDENCE_SCALE = 10_000
#: Longest text an address takes: eight groups of four digits and seven colons.
ADDRESS_BYTES = 39
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
ZERO, DOT, COLON, MINUS = 48, 46, 58, 45
#: Groups of an IPv6 address, and the longest run of zero groups that is not shortened (RFC 5952 §4.2.2).
GROUPS = 8
LONE_ZERO = 1
#: First 96 bits of an IPv4-mapped IPv6 address in its low word (RFC 4291 §2.5.5.2), shifted down.
MAPPED_PREFIX = 0xFFFF


@kernel
def put_bytes(out: Any, pos: int, text: Any, lo: int, hi: int) -> int:
    """Copy ``text[lo:hi]``; unsigned indexes spare the test for negative ones, which costs more than the copy."""
    to, fro = np.uint64(pos), np.uint64(lo)
    for index in range(np.uint64(hi - lo)):
        out[to + index] = text[fro + index]
    return pos + hi - lo


@kernel
def put_digits(out: Any, pos: int, value: int, digits: int) -> int:
    """Write ``value`` >= 0 in exactly ``digits`` decimal digits, zeros in front."""
    for index in range(pos + digits - 1, pos - 1, -1):
        out[index] = ZERO + value % 10
        value //= 10
    return pos + digits


@kernel
def put_decimal(out: Any, pos: int, value: int) -> int:
    """Write an int64 in decimal."""
    if value < 0:
        out[pos] = MINUS
        pos += 1
        value = -value
    digits, rest = 1, value // 10
    while rest > 0:
        digits += 1
        rest //= 10
    return put_digits(out, pos, value, digits)


@kernel
def put_seconds(out: Any, pos: int, ns: int) -> int:
    """Write a time in ns as seconds with nine decimals, exactly."""
    if ns < 0:
        out[pos] = MINUS
        pos += 1
        ns = -ns
    pos = put_decimal(out, pos, ns // NS_PER_S)
    out[pos] = DOT
    return put_digits(out, pos + 1, ns % NS_PER_S, NS_DIGITS)


@kernel
def put_ratio(out: Any, pos: int, scaled: int) -> int:
    """Write a number of 0 to 1, given as ``CONFIDENCE_SCALE`` parts, with four decimals."""
    out[pos] = ZERO + scaled // CONFIDENCE_SCALE
    out[pos + 1] = DOT
    return put_digits(out, pos + 2, scaled % CONFIDENCE_SCALE, CONFIDENCE_DIGITS)


@kernel
def put_hex(out: Any, pos: int, value: int) -> int:
    """Write an integer >= 0 in hexadecimal without leading zeros."""
    digits, rest = 1, value >> 4
    while rest > 0:
        digits += 1
        rest >>= 4
    for index in range(digits):
        out[pos + index] = HEX[(value >> (4 * (digits - 1 - index))) & 15]
    return pos + digits


@kernel
def put_hex64(out: Any, pos: int, word: int) -> int:
    """Write the 64 bits of ``word`` in exactly 16 hexadecimal digits."""
    for index in range(16):
        out[pos + index] = HEX[(word >> (60 - 4 * index)) & 15]
    return pos + 16


@kernel
def put_ipv4(out: Any, pos: int, address: int) -> int:
    """Write a 32-bit address as dotted decimal."""
    for shift in (24, 16, 8):
        pos = put_decimal(out, pos, (address >> shift) & 255)
        out[pos] = DOT
        pos += 1
    return put_decimal(out, pos, address & 255)


@kernel
def group_of(high: int, low: int, index: int) -> int:
    """Return 16-bit group ``index`` (0 first on the wire) of an IPv6 address."""
    word = high if index < GROUPS // 2 else low
    return (word >> (48 - 16 * (index & 3))) & 0xFFFF


@kernel
def put_ipv6(out: Any, pos: int, high: int, low: int) -> int:
    """Write an IPv6 address in the canonical form of RFC 5952; IPv4-mapped ones in the mixed form of its §5."""
    if high == 0 and low >> 32 == MAPPED_PREFIX:
        out[pos] = out[pos + 1] = out[pos + 6] = COLON
        for index in range(pos + 2, pos + 6):
            out[index] = HEX[15]
        return put_ipv4(out, pos + 7, low & 0xFFFFFFFF)
    longest, longest_at, run = LONE_ZERO, -1, 0
    for index in range(GROUPS):
        run = run + 1 if group_of(high, low, index) == 0 else 0
        if run > longest:  # the first of equals wins (RFC 5952 §4.2.3)
            longest, longest_at = run, index - run + 1
    index = 0
    while index < GROUPS:
        if index == longest_at:
            out[pos] = out[pos + 1] = COLON
            pos += 2
            index += longest
            continue
        if index > 0 and index != longest_at + longest:  # the double colon brought its own
            out[pos] = COLON
            pos += 1
        pos = put_hex(out, pos, group_of(high, low, index))
        index += 1
    return pos


@kernel
def put_address(out: Any, pos: int, version: int, high: int, low: int) -> int:
    """Write the address of two 64-bit words (bits kept in int64) as the packets carried it."""
    if version == 4:
        return put_ipv4(out, pos, low & 0xFFFFFFFF)
    return put_ipv6(out, pos, high, low)
