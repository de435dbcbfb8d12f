"""Kernel module: STUN, RTP and RTCP behind a 2-byte length on TCP (RFC 4571).

::

    length 16 | that many bytes of one packet | length 16 | ...

Messenger, Teams and others fall back to it on port 443 when UDP is closed (FACTS §0). A segment is looked at only
where a frame starts at its first byte; the frames behind the first are left alone.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be16, be32
from flowclass.dissect.stun import COOKIE, HEADER_BYTES
from flowclass.jit import kernel

LENGTH_BYTES = 2


@kernel
def framed_bytes(data: Any, lo: int, hi: int, wire_bytes: int) -> int:
    """Return the length of the packet framed at ``lo``, or 0 when the length does not fit the segment."""
    if hi - lo < LENGTH_BYTES + 8:
        return 0
    length = be16(data, lo)
    return length if 8 <= length <= wire_bytes - LENGTH_BYTES else 0


@kernel
def bare_stun_bytes(data: Any, lo: int, hi: int, wire_bytes: int) -> int:
    """Return the length of a STUN message that starts at ``lo`` without framing (RFC 8489 §6.2.2), or 0."""
    if hi - lo < HEADER_BYTES or be32(data, lo + 4) != COOKIE:
        return 0
    word = be32(data, lo)
    length = (word & 0xFFFF) + HEADER_BYTES
    return length if word >> 30 == 0 and word & 3 == 0 and length <= wire_bytes else 0
