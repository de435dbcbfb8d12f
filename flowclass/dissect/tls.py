"""Kernel module: TLS records and the ClientHello (RFC 8446 §4.1.2, §5.1; RFC 6066 §3; RFC 7301).

::

    record: content type 8 | version 16 | length 16
    handshake: type 8 | length 24
    ClientHello: version 16 | random 256 | session id <0..32> | suites <2..> | compression <1..> | extensions <0..>

A hello may be cut by the snap length or spread over segments: everything that lies within the range is used.
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.load import be16, be24, u8
from flowclass.jit import kernel
from flowclass.record.message import Alpn

RECORD_BYTES = 5
HANDSHAKE_BYTES = 4
#: change_cipher_spec 20 .. heartbeat 24.
FIRST_TYPE, HANDSHAKE, LAST_TYPE = 20, 22, 24
CLIENT_HELLO = 1
#: A record holds 2^14 bytes, and 2^8 or in old versions 2^11 more when encrypted (RFC 8446 §5.2).
MAX_RECORD = 0x4000 + 2048
#: A longer hello is no hello: post-quantum ones have some 2 kB.
MAX_HELLO = 16384
EXTENSION_SERVER_NAME, EXTENSION_ALPN = 0, 16
MAX_EXTENSIONS = 64
MAX_PROTOCOLS = 16
#: Longest host name (RFC 1035 §2.3.4).
MAX_NAME = 255
ALPN_H2, ALPN_HTTP11, ALPN_H3, ALPN_OTHER = (
    1 << int(Alpn.H2),
    1 << int(Alpn.HTTP11),
    1 << int(Alpn.H3),
    1 << int(Alpn.OTHER),
)


@kernel
def is_record(data: Any, lo: int, hi: int) -> bool:
    """Whether a TLS record of SSL 3.0 or later starts at ``lo``."""
    if hi - lo < RECORD_BYTES:
        return False
    kind = u8(data, lo)
    if kind < FIRST_TYPE or kind > LAST_TYPE:
        return False
    version = be16(data, lo + 1)
    length = be16(data, lo + 3)
    return 0x0300 <= version <= 0x0304 and 0 < length <= MAX_RECORD


@kernel
def hello_bytes_needed(data: Any, lo: int, hi: int) -> int:
    """Return how many bytes from ``lo`` a whole ClientHello takes, record headers included; 0 when none starts here.

    Nine bytes have to be there to tell. A hello longer than its first record is assumed to go on in records as long
    as the first.
    """
    if hi - lo < RECORD_BYTES + HANDSHAKE_BYTES or u8(data, lo) != HANDSHAKE or not is_record(data, lo, hi):
        return 0
    if u8(data, lo + RECORD_BYTES) != CLIENT_HELLO:
        return 0
    wanted = be24(data, lo + RECORD_BYTES + 1) + HANDSHAKE_BYTES
    record = be16(data, lo + 3)
    if wanted > MAX_HELLO or wanted < 38 + HANDSHAKE_BYTES or record < HANDSHAKE_BYTES:
        return 0
    records = (wanted + record - 1) // record
    return wanted + records * RECORD_BYTES


@kernel
def _server_name(data: Any, lo: int, hi: int, msg: Any) -> None:
    """Note the host name of a server_name extension whose content is [lo, hi)."""
    if hi - lo < 5 or u8(data, lo + 2) != 0:
        return
    length = be16(data, lo + 3)
    if 0 < length <= MAX_NAME and lo + 5 + length <= hi:
        msg["sni_lo"] = lo + 5
        msg["sni_hi"] = lo + 5 + length


@kernel
def _alpn(data: Any, lo: int, hi: int) -> int:
    """Return the Alpn bits of an ALPN extension whose content is [lo, hi)."""
    found = 0
    at = lo + 2
    for _ in range(MAX_PROTOCOLS):
        if at >= hi:
            break
        length = u8(data, at)
        at += 1
        if length == 0 or at + length > hi:
            break
        if length == 2 and be16(data, at) == 0x6832:  # "h2"
            found |= ALPN_H2
        elif length == 8 and be24(data, at) == 0x687474:  # "htt" of "http/1.1"
            found |= ALPN_HTTP11
        elif length == 2 and be16(data, at) == 0x6833:  # "h3"
            found |= ALPN_H3
        else:
            found |= ALPN_OTHER
        at += length
    return found


@kernel
def client_hello(data: Any, lo: int, hi: int, msg: Any) -> int:
    """Read the ClientHello in the contiguous range [lo, hi); return 1 when it was whole, 2 when cut, 0 when none.

    Sets ``tls_version``, ``alpn``, ``sni_lo`` and ``sni_hi``: positions in ``data``, equal when no name was found.

    Notes
    -----
    Only a hello within its first record is understood beyond that record; none larger was seen in the corpus.
    """
    msg["sni_lo"] = lo
    msg["sni_hi"] = lo
    msg["alpn"] = 0
    needed = hello_bytes_needed(data, lo, hi)
    if needed == 0:
        return 0
    body = lo + RECORD_BYTES + HANDSHAKE_BYTES
    end = min(lo + RECORD_BYTES + be16(data, lo + 3), body + be24(data, lo + RECORD_BYTES + 1))
    whole = 1 if lo + needed <= hi else 2
    end = min(end, hi)
    if body + 35 > end:
        return 2
    msg["tls_version"] = be16(data, body)
    at = body + 34
    at += 1 + u8(data, at)
    if at + 2 > end:
        return 2
    at += 2 + be16(data, at)
    if at + 1 > end:
        return 2
    at += 1 + u8(data, at)
    if at + 2 > end:
        return whole
    at += 2
    for _ in range(MAX_EXTENSIONS):
        if at + 4 > end:
            break
        kind = be16(data, at)
        stop = min(at + 4 + be16(data, at + 2), end)
        if kind == EXTENSION_SERVER_NAME:
            _server_name(data, at + 4, stop, msg)
        elif kind == EXTENSION_ALPN:
            msg["alpn"] = _alpn(data, at + 4, stop)
        at = at + 4 + be16(data, at + 2)
    return whole
