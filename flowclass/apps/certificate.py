"""Kernel module: the name in a DTLS certificate: whose server a browser's call goes to (RFC 6347 §4.2, RFC 5280 §4.1).

Before DTLS 1.3 a handshake shows both certificates in clear. Browsers make theirs up ("WebRTC"), servers of an
application carry its host name or its own word, and the first certificate of the chain is the server's. Nothing is
parsed but common names: their object identifier is searched for, wherever a fragment of the message begins.
"""

from __future__ import annotations

from typing import Any

from flowclass.apps.names import app_of_name
from flowclass.dissect.dtls import HEADER_BYTES
from flowclass.dissect.load import be16, be32, u8
from flowclass.jit import kernel

#: Content type of a handshake (RFC 6347 §4.1).
HANDSHAKE = 22
#: OBJECT IDENTIFIER 2.5.4.3 in DER: tag, length, then the identifier (RFC 5280 §A.1, id-at-commonName).
COMMON_NAME = 0x06035504
COMMON_NAME_LAST = 0x03
#: Tags of the strings a name may be: UTF8String, PrintableString, TeletexString, IA5String.
STRINGS = (0x0C, 0x13, 0x14, 0x16)
#: A common name is no longer (RFC 5280 §A.1, ub-common-name).
LONGEST_NAME = 64


@kernel
def app_of_certificate(data: Any, lo: int, hi: int) -> int:
    """Return the App of a common name in the DTLS payload [lo, hi), 0 when there is none or it is nobody's."""
    if hi - lo < HEADER_BYTES or u8(data, lo) != HANDSHAKE or be16(data, lo + 3) != 0:
        return 0
    for at in range(lo + HEADER_BYTES, hi - 7):
        if u8(data, at) != COMMON_NAME >> 24 or be32(data, at) != COMMON_NAME or u8(data, at + 4) != COMMON_NAME_LAST:
            continue
        length = u8(data, at + 6)
        end = at + 7 + length
        if u8(data, at + 5) in STRINGS and length <= LONGEST_NAME and end <= hi:
            app = app_of_name(data, at + 7, end)
            if app:
                return app
    return 0
