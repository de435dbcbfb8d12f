"""Kernel module: Community ID version 1, the flow identifier that Zeek, Suricata and Arkime share.

``"1:" + base64(SHA-1(seed | one address | other address | protocol | 0 | one port | other port))``, the lesser endpoint
first. Written from the specification (github.com/corelight/community-id-spec). SHA-1 (FIPS 180-4) is here because a
record needs one short block: the library call and its Python objects would cost more than all other columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.jit import kernel
from flowclass.sinks.values import Value

#: The specification's default; part of what is hashed, so that sites may choose their own.
SEED = 0
ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132
MASK = 0xFFFFFFFF
#: SHA-1 initial value and round constants (FIPS 180-4 §5.3.1, §4.2.1).
H0, H1, H2, H3, H4 = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
K0, K1, K2, K3 = 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6
#: Words of a SHA-1 block; the schedule is kept in a ring of as many.
BLOCK_WORDS = 16
BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8)
#: Length of the text: "1:" and 28 characters of base64.
COMMUNITY_ID_BYTES = 30


@kernel
def rotate_left(value: int, bits: int) -> int:
    """Rotate a 32-bit value kept in int64."""
    return ((value << bits) | (value >> (32 - bits))) & MASK


@kernel
def sha1_block(block: Any) -> None:
    """Replace ``block`` (int64[16], one padded 32-bit word each) by its SHA-1 digest in the first five words."""
    a, b, c, d, e = H0, H1, H2, H3, H4
    for step in range(80):
        at = step & 15
        if step >= BLOCK_WORDS:
            mixed = block[(at + 13) & 15] ^ block[(at + 8) & 15] ^ block[(at + 2) & 15] ^ block[at]
            block[at] = rotate_left(mixed, 1)
        if step < 20:
            chosen = ((b & c) | (~b & d)) + K0
        elif step < 40:
            chosen = (b ^ c ^ d) + K1
        elif step < 60:
            chosen = ((b & c) | (b & d) | (c & d)) + K2
        else:
            chosen = (b ^ c ^ d) + K3
        mixed = (rotate_left(a, 5) + chosen + e + block[at]) & MASK
        a, b, c, d, e = mixed, a, rotate_left(b, 30), c, d
    block[0] = (H0 + a) & MASK
    block[1] = (H1 + b) & MASK
    block[2] = (H2 + c) & MASK
    block[3] = (H3 + d) & MASK
    block[4] = (H4 + e) & MASK


@kernel
def put_half(block: Any, half: int, value: int) -> int:
    """Put 16 bits into half word number ``half`` of the block; return the next number."""
    block[half >> 1] |= value << (16 if half & 1 == 0 else 0)
    return half + 1


@kernel
def put_endpoint(block: Any, half: int, version: int, high: int, low: int) -> int:
    """Put an address in network order."""
    if version != 4:
        for shift in (48, 32, 16, 0):
            half = put_half(block, half, (high >> shift) & 0xFFFF)
        for shift in (48, 32):
            half = put_half(block, half, (low >> shift) & 0xFFFF)
    for shift in (16, 0):
        half = put_half(block, half, (low >> shift) & 0xFFFF)
    return half


@kernel
def fill_block(values: Any, row: int, block: Any) -> None:
    """Lay out the message of a flow, SHA-1 padding included (at most 40 bytes: one block).

    ``values`` is int64[VALUES, n] of ``flowclass.sinks.values``, ``row`` the flow.
    """
    block[:] = 0
    version, proto, forward = values[Value.VERSION, row], values[Value.PROTO, row], values[Value.LESSER_FIRST, row] != 0
    half = put_half(block, 0, SEED)
    if forward:
        half = put_endpoint(block, half, version, values[Value.SRC_HI, row], values[Value.SRC_LO, row])
    half = put_endpoint(block, half, version, values[Value.DST_HI, row], values[Value.DST_LO, row])
    if not forward:
        half = put_endpoint(block, half, version, values[Value.SRC_HI, row], values[Value.SRC_LO, row])
    half = put_half(block, half, proto << 8)
    if proto in (TCP, UDP, SCTP):
        half = put_half(block, half, values[Value.SPORT, row] if forward else values[Value.DPORT, row])
        half = put_half(block, half, values[Value.DPORT, row] if forward else values[Value.SPORT, row])
    bits = half * 16
    put_half(block, half, 0x8000)
    block[15] = bits


@kernel
def has_community_id(proto: int) -> bool:
    """Whether the identifier can be made from a flow record: not for ICMP, which needs message type and code."""
    return proto != ICMP and proto != ICMP6


@kernel
def put_community_id(out: Any, pos: int, values: Any, row: int, block: Any) -> int:
    """Write the identifier of flow ``row`` (30 bytes); ``block`` is int64[16] scratch."""
    fill_block(values, row, block)
    sha1_block(block)
    out[pos] = 49  # "1"
    out[pos + 1] = 58  # ":"
    pos += 2
    block[5] = 0  # the 21st byte, which base64 needs to see as zero
    for group in range(7):
        value = 0
        for byte in range(3 * group, 3 * group + 3):
            value = (value << 8) | ((block[byte >> 2] >> (24 - 8 * (byte & 3))) & 255)
        for index in range(4):
            out[pos + index] = BASE64[(value >> (18 - 6 * index)) & 63]
        pos += 4
    out[pos - 1] = 61  # "=": the last group held two bytes
    return pos
