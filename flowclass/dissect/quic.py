"""Kernel module: the QUIC long header (RFC 9000 §17.2, RFC 9369, and the drafts and Google versions before them).

::

    1 | 1 | type 2 | specific 4 | version 32 | DCID length 8 | DCID | SCID length 8 | SCID ...

Google's QUIC up to Q043 has a public header instead: flags with bit 0 set, 8 bytes of connection id, then "Q0nn".
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be32, u8
from flowclass.jit import kernel

VERSION_1, VERSION_2 = 0x00000001, 0x6B3343CF
#: Draft versions 0xFF0000nn, Facebook's mvfst 0xFACEB00n, Google's "Qnnn" and "Tnnn".
DRAFTS, FACEBOOK = 0xFF0000, 0xFACEB0
#: Longest connection id (RFC 9000 §17.2).
MAX_CONNECTION_ID = 20


@kernel
def _is_version(version: int) -> bool:
    """Whether this is a QUIC version that somebody speaks."""
    high = version >> 8
    if version == VERSION_1 or version == VERSION_2 or high == DRAFTS or high == FACEBOOK:
        return True
    # "Q" or "T", "0", two digits; or the reserved 0x?a?a?a?a of version negotiation (RFC 9000 §15).
    letter = version >> 16
    return letter in (0x5130, 0x5430) or version & 0x0F0F0F0F == 0x0A0A0A0A


@kernel
def quic_version(data: Any, lo: int, hi: int, wire_bytes: int) -> int:
    """Return the version of the QUIC long header (or of Google's public header) at ``lo``, 0 when there is none."""
    if hi - lo < 7:
        return 0
    first = u8(data, lo)
    if first & 0x80:
        version = be32(data, lo + 1)
        if not _is_version(version):
            return 0
        destination = u8(data, lo + 5)
        if version >> 16 == 0x5130:
            return version  # Q046 and its kin put both lengths into one byte
        source_at = lo + 6 + destination
        if destination > MAX_CONNECTION_ID or source_at >= hi or u8(data, source_at) > MAX_CONNECTION_ID:
            return 0
        return version if source_at + 1 + u8(data, source_at) - lo <= wire_bytes else 0
    # Public header: version flag 0x01, 8-byte connection id 0x08, and nothing above 0x3F.
    if first & 0xC9 == 0x09 and hi - lo >= 13:
        version = be32(data, lo + 9)
        if version >> 16 == 0x5130:
            return version
    return 0
