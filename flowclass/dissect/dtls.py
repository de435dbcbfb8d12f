"""Kernel module: the DTLS record header (RFC 9147 §4, RFC 6347 §4.1; RFC 7983 for the first byte).

::

    content type 8 | version 16 | epoch 16 | sequence number 48 | length 16
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be16, u8
from flowclass.jit import kernel

HEADER_BYTES = 13
#: DTLS 1.0, 1.2, and the form before the standard that Cisco AnyConnect uses (FACTS §5.1).
DTLS_1_0, DTLS_1_2, DTLS_OLD = 0xFEFF, 0xFEFD, 0x0100
#: Content types change_cipher_spec .. heartbeat, and 25 for a connection id (RFC 9146).
FIRST_TYPE, LAST_TYPE = 20, 25


@kernel
def dtls_version(data: Any, lo: int, hi: int, wire_bytes: int) -> int:
    """Return the version word of the DTLS record at ``lo``, or 0 when there is none."""
    if hi - lo < HEADER_BYTES:
        return 0
    kind = u8(data, lo)
    if kind < FIRST_TYPE or kind > LAST_TYPE:
        return 0
    version = be16(data, lo + 1)
    if version not in (DTLS_1_0, DTLS_1_2, DTLS_OLD):
        return 0
    return version if be16(data, lo + 11) + HEADER_BYTES <= wire_bytes else 0
