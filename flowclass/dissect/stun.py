"""Kernel module: STUN and TURN messages (RFC 8489, RFC 8656, RFC 3489; Microsoft's dialect: MS-TURN, MS-ICE2).

::

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |0 0|     STUN message type     |         message length        |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                   magic cookie = 2112A442                     |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                 transaction id (96 bits)                      |

followed by attributes: type 16, length 16, value padded to 4 bytes. Lengths are judged by the wire, bytes are read
only as far as they were captured.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.dissect.load import be16, be32, be64, u8
from flowclass.dissect.stun_attributes import ATTRIBUTE_BIT, ATTRIBUTE_PAGE
from flowclass.jit import int64, kernel
from flowclass.record.message import ANNOUNCED_SOURCES, Realm, Software, StunAttribute
from flowclass.record.packet import IPV4_MAPPED

COOKIE = 0x2112A442
#: Content of Microsoft's MAGIC-COOKIE attribute (MS-TURN §2.2.1).
MS_COOKIE = 0x72C64BC6
HEADER_BYTES = 20
#: Attributes walked in one message; the longest seen has 14.
MAX_ATTRIBUTES = 32
#: Bytes of USERNAME, REALM or SOFTWARE that are hashed.
MAX_TEXT = 128
FNV_OFFSET, FNV_PRIME = 0x811C9DC5, 0x01000193  # 32-bit FNV-1a


def fnv1a(text: bytes) -> int:
    """Return the 32-bit FNV-1a hash of ``text``: the value that ``text_hash`` computes in a kernel."""
    value = FNV_OFFSET
    for byte in text:
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return value


REALM_FACEBOOK = fnv1a(b"turner.facebook")
REALM_VIBER = fnv1a(b"viber.com")
REALM_TELEGRAM = fnv1a(b"telegram.org")
REALM_SIGNAL = fnv1a(b"signal.org")
REALM_WHISPER_SYSTEMS = fnv1a(b"whispersystems.org")
REALM_MICROSOFT = fnv1a(b"rtcmedia")
REALM_GOOGLE = fnv1a(b"google.com")
SOFTWARE_NONE = fnv1a(b"None")

MAPPED_ADDRESS, USERNAME, ERROR_CODE = (
    int(StunAttribute.MAPPED_ADDRESS),
    int(StunAttribute.USERNAME),
    int(StunAttribute.ERROR_CODE),
)
CHANNEL_NUMBER, LIFETIME, XOR_PEER = (
    int(StunAttribute.CHANNEL_NUMBER),
    int(StunAttribute.LIFETIME),
    int(StunAttribute.XOR_PEER),
)
DATA, REALM, XOR_RELAYED = int(StunAttribute.DATA), int(StunAttribute.REALM), int(StunAttribute.XOR_RELAYED)
XOR_MAPPED, META_STREAM = int(StunAttribute.XOR_MAPPED), int(StunAttribute.META_STREAM)
META_TOKEN, META_TOKEN_ALT = int(StunAttribute.META_TOKEN), int(StunAttribute.META_TOKEN_ALT)
META_CLOCK, MS_VERSION = int(StunAttribute.META_CLOCK), int(StunAttribute.MS_VERSION)
MS_IMPLEMENTATION, SOFTWARE = int(StunAttribute.MS_IMPLEMENTATION), int(StunAttribute.SOFTWARE)
NETWORK_INFO, MS_MAGIC_COOKIE = int(StunAttribute.NETWORK_INFO), int(StunAttribute.MS_MAGIC_COOKIE)


@kernel
def text_hash(data: Any, lo: int, hi: int) -> int:
    """Return the 32-bit FNV-1a hash of the bytes [lo, hi)."""
    value = FNV_OFFSET
    for index in range(lo, hi):
        value = ((value ^ u8(data, index)) * FNV_PRIME) & 0xFFFFFFFF
    return value


@kernel
def _username(data: Any, lo: int, hi: int, msg: Any) -> None:
    """Hash both parts of an ICE USERNAME ``remote:local`` (RFC 8445 §7.2.2); hi is the captured end."""
    colon = lo
    while colon < hi and u8(data, colon) != 0x3A:
        colon += 1
    msg["ufrag_bytes"][0] = min(colon - lo, 255)
    msg["ufrag"][0] = text_hash(data, lo, colon)
    after = min(colon + 1, hi)
    msg["ufrag_bytes"][1] = min(hi - after, 255)
    msg["ufrag"][1] = text_hash(data, after, hi)


@kernel
def _realm(data: Any, lo: int, hi: int) -> int:
    """Return the Realm of the text [lo, hi)."""
    # coturn may send the text with its terminating zero.
    if hi > lo and u8(data, hi - 1) == 0:
        hi -= 1
    value = text_hash(data, lo, hi)
    if value == REALM_FACEBOOK:
        return int(Realm.FACEBOOK.value)
    if value == REALM_VIBER:
        return int(Realm.VIBER.value)
    if value == REALM_TELEGRAM:
        return int(Realm.TELEGRAM.value)
    if value == REALM_SIGNAL or value == REALM_WHISPER_SYSTEMS:
        return int(Realm.SIGNAL.value)
    if value == REALM_MICROSOFT:
        return int(Realm.MICROSOFT.value)
    if value == REALM_GOOGLE:
        return int(Realm.GOOGLE.value)
    return int(Realm.OTHER.value)


@kernel
def _address(data: Any, bit: int, lo: int, hi: int, message_lo: int, msg: Any) -> None:
    """Decode the value [lo, hi) of an address attribute into ``mapped``, ``peer`` or ``relayed``."""
    if hi - lo < 8:
        return
    xored = bit != MAPPED_ADDRESS
    family = u8(data, lo + 1)
    port = be16(data, lo + 2)
    if xored:
        port ^= COOKIE >> 16
    if family == 1:
        word = be32(data, lo + 4)
        if xored:
            word ^= COOKIE
        high, low = np.uint64(0), np.uint64(IPV4_MAPPED | word)
    elif family == 2 and hi - lo >= 20:
        high, low = be64(data, lo + 4), be64(data, lo + 12)
        if xored:
            # The key is the cookie and the transaction id (RFC 8489 §14.2): bytes 4-19 of the message.
            high, low = high ^ be64(data, message_lo + 4), low ^ be64(data, message_lo + 12)
    else:
        return
    if bit == XOR_MAPPED or bit == MAPPED_ADDRESS:
        msg["mapped_hi"], msg["mapped_lo"], msg["mapped_port"] = high, low, port
    elif bit == XOR_PEER:
        msg["peer_hi"], msg["peer_lo"], msg["peer_port"] = high, low, port
    else:
        msg["relayed_hi"], msg["relayed_lo"], msg["relayed_port"] = high, low, port


@kernel
def _value(data: Any, bit: int, lo: int, hi: int, length: int, message_lo: int, msg: Any) -> None:
    """Keep what one attribute says: value captured in [lo, hi), ``length`` bytes on the wire."""
    captured = hi - lo
    if bit == USERNAME:
        msg["username_bytes"] = length
        _username(data, lo, min(hi, lo + MAX_TEXT), msg)
    elif bit == XOR_MAPPED or bit == MAPPED_ADDRESS or bit == XOR_PEER or bit == XOR_RELAYED:
        _address(data, bit, lo, hi, message_lo, msg)
    elif bit == META_TOKEN or bit == META_TOKEN_ALT:
        msg["token_bytes"] = length
    elif bit == META_STREAM:
        # 14-16 bytes: 03, then the SSRC of a stream of the call (FACTS §1.3); 8 bytes are a reservation token.
        count = int64(msg["announced_count"])
        if captured >= 5 and length > 8 and u8(data, lo) == 3 and count < ANNOUNCED_SOURCES:
            msg["announced"][count] = be32(data, lo + 1)
            msg["announced_count"] = count + 1
    elif bit == REALM:
        msg["realm"] = _realm(data, lo, min(hi, lo + MAX_TEXT)) if captured == length else int(Realm.NONE.value)
    elif bit == SOFTWARE:
        is_none = captured == length and length <= 5 and text_hash(data, lo, min(hi, lo + 4)) == SOFTWARE_NONE
        msg["software"] = int(Software.COTURN_HIDDEN.value) if is_none else int(Software.OTHER.value)
    elif captured >= 8 and bit == META_CLOCK:
        msg["relay_clock_ms"] = be64(data, lo)
    elif captured >= 4:
        word = be32(data, lo)
        if bit == MS_IMPLEMENTATION:
            msg["implementation"] = word
        elif bit == MS_VERSION:
            msg["ms_version"] = word
        elif bit == NETWORK_INFO:
            msg["network_cost"] = word & 0xFFFF
        elif bit == LIFETIME:
            msg["lifetime_s"] = word
        elif bit == ERROR_CODE:
            msg["error_code"] = ((word >> 8) & 7) * 100 + (word & 0xFF)
        elif bit == CHANNEL_NUMBER:
            msg["channel"] = word >> 16


@kernel
def walk(data: Any, lo: int, hi: int, wire_end: int, msg: Any) -> np.uint64:
    """Walk the attributes of the STUN message at ``lo`` and keep what they say.

    Parameters
    ----------
    data : uint8[:]
    lo, hi : int
        Captured range of the message, at least 20 bytes.
    wire_end : int
        Where the message ends on the wire (header plus length field).
    msg : MESSAGE
        Numbers are written here; ``stun_count``, ``stun_whole`` and, for a DATA attribute, ``media_lo``,
        ``media_hi`` and ``media_bytes`` too.

    Returns
    -------
    uint64
        Bit set of StunAttribute.
    """
    attributes = np.uint64(0)
    one = np.uint64(1)
    at = lo + HEADER_BYTES
    readable = min(hi, wire_end)
    # A message whose length is no multiple of 4 is Microsoft's and leaves its attributes unpadded (MS-TURN §2.2).
    padding = 3 if (wire_end - lo) & 3 == 0 else 0
    count = 0
    whole = 1
    while at < wire_end:
        if at + 4 > wire_end or count == MAX_ATTRIBUTES:
            whole = 0
            break
        if at + 4 > readable:
            whole = 0
            break
        number = be16(data, at)
        length = be16(data, at + 2)
        value_end = at + 4 + length
        if value_end > wire_end:
            whole = 0
            break
        bit = int64(ATTRIBUTE_BIT[ATTRIBUTE_PAGE[number >> 8], number & 0xFF])
        attributes |= one << np.uint64(bit)
        value_hi = min(value_end, readable)
        if bit == DATA:
            msg["media_lo"] = at + 4
            msg["media_hi"] = value_hi
            msg["media_bytes"] = length
        elif bit:
            _value(data, bit, at + 4, value_hi, length, lo, msg)
        count += 1
        at = (((value_end - lo) + padding) & ~padding) + lo
    msg["stun_count"] = count
    msg["stun_whole"] = whole
    return attributes


@kernel
def clear(msg: Any) -> None:
    """Forget what an earlier message left in the fields that are read without asking for their attribute bit."""
    msg["stun_attributes"] = 0
    msg["inner_attributes"] = 0
    msg["inner_stun_type"] = 0
    msg["announced_count"] = 0
    msg["mapped_port"] = 0
    msg["peer_port"] = 0
    msg["relayed_port"] = 0
    msg["realm"] = 0
    msg["software"] = 0
    msg["token_bytes"] = 0
    msg["username_bytes"] = 0
    msg["error_code"] = 0


@kernel
def has_cookie_form(data: Any, lo: int, hi: int, wire_bytes: int) -> int:
    """Return 1 for a STUN message with the magic cookie that ends exactly with the datagram."""
    if hi - lo < HEADER_BYTES or be32(data, lo + 4) != COOKIE:
        return 0
    word = be32(data, lo)
    # Microsoft's lengths need not be multiples of 4 (MS-TURN §2.2): only the fit is asked for.
    return 1 if word >> 30 == 0 and (word & 0xFFFF) + HEADER_BYTES == wire_bytes else 0


@kernel
def has_classic_form(data: Any, lo: int, hi: int, wire_bytes: int) -> int:
    """Return 1 for a message of RFC 3489 (no cookie): known type, fitting length, attributes that fill it exactly.

    Weak alone on random data: applications ask for two of them.
    """
    if hi - lo < HEADER_BYTES:
        return 0
    word = be32(data, lo)
    kind, length = word >> 16, word & 0xFFFF
    if length + HEADER_BYTES != wire_bytes or length & 3 or kind > 0x0118:
        return 0
    # Binding, shared secret (RFC 3489 §11.1); Allocate, Send, Data, Set Active Destination of early TURN and MS-TURN.
    method = kind & 0xFF
    if not (1 <= method <= 6 or 0x11 <= method <= 0x18):
        return 0
    at = lo + HEADER_BYTES
    end = lo + wire_bytes
    if length == 0:
        return 1 if kind == 1 and be32(data, lo + 4) != 0 and be64(data, lo + 12) != np.uint64(0) else 0
    known = 0
    count = 0
    while at < end:
        if at + 4 > hi:
            break
        number, size = be16(data, at), be16(data, at + 2)
        if at + 4 + size > end or count == MAX_ATTRIBUTES:
            return 0
        if ATTRIBUTE_BIT[ATTRIBUTE_PAGE[number >> 8], number & 0xFF] != 0:
            known += 1
        count += 1
        at = (((at + 4 + size - lo) + 3) & ~3) + lo
    return 1 if count > 0 and 2 * known > count else 0


@kernel
def read_message(data: Any, lo: int, hi: int, msg: Any) -> None:
    """Fill MESSAGE from the STUN message at ``lo`` whose form has been checked; ``media_*`` for a DATA attribute."""
    clear(msg)
    word = be32(data, lo)
    length = word & 0xFFFF
    msg["stun_type"] = word >> 16
    msg["stun_bytes"] = length
    msg["txid_hi"] = be64(data, lo + 8)
    msg["txid_lo"] = be32(data, lo + 16)
    msg["stun_attributes"] = walk(data, lo, hi, lo + HEADER_BYTES + length, msg)


@kernel
def read_inner(data: Any, lo: int, hi: int, msg: Any) -> None:
    """Add what a STUN message inside a relay message says; the relay's own numbers give way to it."""
    word = be32(data, lo)
    count, whole = int64(msg["stun_count"]), int64(msg["stun_whole"])
    msg["inner_stun_type"] = word >> 16
    msg["inner_attributes"] = walk(data, lo, hi, lo + HEADER_BYTES + (word & 0xFFFF), msg)
    msg["stun_count"] = count
    msg["stun_whole"] = whole
