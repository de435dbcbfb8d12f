"""Kernel module: DNS messages (RFC 1035 §4.1), also of mDNS (RFC 6762) and LLMNR (RFC 4795).

::

    id 16 | QR 1 opcode 4 AA TC RD RA Z 3 RCODE 4 | QDCOUNT 16 | ANCOUNT 16 | NSCOUNT 16 | ARCOUNT 16
    question: name, type 16, class 16     record: name, type 16, class 16, TTL 32, length 16, data

Names are walked, never followed through pointers: the question's name is never compressed, and of the answers only
the addresses matter. So no loop is possible.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.load import be16, be32, be64, u8
from flowclass.jit import fused, kernel
from flowclass.record.message import DNS_ADDRESSES
from flowclass.record.packet import IPV4_MAPPED

HEADER_BYTES = 12
RESPONSE = 0x8000
#: opcode and Z bits that no ordinary message sets; opcodes 0 query, 4 notify, 5 update (RFC 2136).
MAX_OPCODE = 5
#: Records counted in a section; more is no sane message.
MAX_COUNT = 256
TYPE_A, TYPE_AAAA, TYPE_OPT = 1, 28, 41
MAX_LABELS = 40
#: Answers walked.
MAX_RECORDS = 32


@fused
def is_port(port: int) -> bool:
    """Whether DNS, mDNS or LLMNR is spoken on this UDP port."""
    return port in (53, 5353, 5355)


@kernel
def skip_name(data: Any, lo: int, hi: int) -> int:
    """Return the position after the name at ``lo``, or 0 when it is malformed or runs out of [lo, hi)."""
    at = lo
    for _ in range(MAX_LABELS):
        if at >= hi:
            return 0
        length = u8(data, at)
        if length == 0:
            return at + 1
        if length >= 0xC0:
            return at + 2 if at + 2 <= hi else 0
        if length > 63:
            return 0
        at += 1 + length
    return 0


@kernel
def dns_shape(data: Any, lo: int, hi: int) -> int:
    """Return 1 when [lo, hi) starts with a plausible DNS header, 2 when a well-formed question follows it."""
    if hi - lo < HEADER_BYTES:
        return 0
    flags = be16(data, lo + 2)
    questions, answers = be16(data, lo + 4), be16(data, lo + 6)
    authorities, additional = be16(data, lo + 8), be16(data, lo + 10)
    if (flags >> 11) & 15 > MAX_OPCODE or flags & 0x0040 or questions > MAX_COUNT or answers > MAX_COUNT:
        return 0
    if authorities > MAX_COUNT or additional > MAX_COUNT or questions + answers + authorities + additional == 0:
        return 0
    if questions == 0:
        return 1
    after = skip_name(data, lo + HEADER_BYTES, hi)
    if after == 0 or after + 4 > hi or u8(data, lo + HEADER_BYTES) >= 0xC0:
        return 1
    # Class IN, CH, ANY, or IN with mDNS's top bit.
    return 2 if be16(data, after + 2) & 0x7FFF in (1, 3, 255) else 1


@kernel
def read_dns(data: Any, lo: int, hi: int, msg: Any) -> None:
    """Note flags, the question's name and, of a response, the addresses answered."""
    flags = be16(data, lo + 2)
    questions, answers = be16(data, lo + 4), be16(data, lo + 6)
    msg["dns_flags"] = flags
    msg["dns_answers"] = 0
    msg["dns_name_lo"] = 0
    if questions == 0:
        return
    msg["dns_name_lo"] = lo + HEADER_BYTES
    if not flags & RESPONSE or questions != 1:
        return
    at = skip_name(data, lo + HEADER_BYTES, hi)
    if at == 0:
        return
    at += 4
    found = 0
    for _ in range(min(answers, MAX_RECORDS)):
        at = skip_name(data, at, hi)
        if at == 0 or at + 10 > hi or found == DNS_ADDRESSES:
            break
        kind, length = be16(data, at), be16(data, at + 8)
        at += 10
        if at + length > hi:
            break
        if kind == TYPE_A and length == 4:
            msg["dns_hi"][found] = 0
            msg["dns_lo"][found] = np.uint64(IPV4_MAPPED | be32(data, at))
            found += 1
        elif kind == TYPE_AAAA and length == 16:
            msg["dns_hi"][found] = be64(data, at)
            msg["dns_lo"][found] = be64(data, at + 8)
            found += 1
        at += length
    msg["dns_answers"] = found
