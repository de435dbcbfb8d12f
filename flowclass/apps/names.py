"""Kernel module: host names to applications, by suffix.

Every Application lists the suffixes of its host names; they are put into one small hash table at import. A name is
looked up label by label from the right, ignoring case, and the longest suffix found wins ("teams.microsoft.com" over
"microsoft.com"). The same table serves server names in ClientHellos, DNS questions and names in DTLS certificates.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from flowclass.apps.catalog import MODULES
from flowclass.dissect.load import u8
from flowclass.dissect.stun import FNV_OFFSET, FNV_PRIME
from flowclass.jit import int64, kernel
from flowclass.record.message import MessageKind

#: Slots of the table; a power of two, at least four times the suffixes.
SLOTS = 2048
SLOT_MASK = SLOTS - 1
#: Bytes of a name that are looked at, from the right (RFC 1035 §2.3.4 allows 255).
MAX_NAME = 255
TLS_HELLO, DNS = int(MessageKind.TLS_HELLO), int(MessageKind.DNS)
#: A label of a DNS name is no longer (RFC 1035 §2.3.4).
MAX_LABEL = 63
#: A suffix of the table is no longer: its bytes and the length or dot in front of it fit one word of bits.
LONGEST_SUFFIX = 62
DOT = 0x2E
NOT_FOUND = -1


def suffix_hash(suffix: str) -> int:
    """Return the FNV-1a hash of ``suffix`` read from right to left, as the kernel does."""
    value = FNV_OFFSET
    for byte in reversed(suffix.lower().encode()):
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return value


def build_table() -> tuple[np.ndarray, np.ndarray]:
    """Return (hash, app) of the open-addressing table; hash 0 is an empty slot.

    What a listed suffix itself ends in ("com" of "skype.com") is in the table too, with App 0, so that a search may
    stop at the first suffix that is not.
    """
    known: dict[int, int] = {}
    for module in MODULES:
        application = import_module(f"flowclass.apps.{module}").APP
        for suffix in (*application.names, *application.certificates):
            if len(suffix) > LONGEST_SUFFIX:
                raise ValueError(f"the suffix {suffix} has more than {LONGEST_SUFFIX} characters")
            value = suffix_hash(suffix)
            if known.get(value):
                raise ValueError(f"the suffix {suffix} is claimed twice, or two suffixes share a hash")
            known[value] = int(application.label)
            while "." in suffix:
                suffix = suffix.partition(".")[2]
                known.setdefault(suffix_hash(suffix), 0)
    hashes = np.zeros(SLOTS, np.uint32)
    apps = np.zeros(SLOTS, np.uint8)
    for value, label in known.items():
        slot = value & SLOT_MASK
        while hashes[slot]:
            slot = (slot + 1) & SLOT_MASK
        hashes[slot] = value
        apps[slot] = label
    return hashes, apps


SUFFIX_HASH, SUFFIX_APP = build_table()


@kernel
def _find(value: int) -> int:
    """Return the App of a suffix hash, 0 when it only ends others, NOT_FOUND when no suffix in the table ends so."""
    slot = value & SLOT_MASK
    while SUFFIX_HASH[slot] != 0:
        if int64(SUFFIX_HASH[slot]) == value:
            return int64(SUFFIX_APP[slot])
        slot = (slot + 1) & SLOT_MASK
    return NOT_FOUND


@kernel
def _append(value: int, byte: int) -> int:
    """Return the FNV-1a hash with one more byte, in lower case."""
    if 0x41 <= byte <= 0x5A:
        byte += 0x20
    return ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF


@kernel
def app_of_name(data: Any, lo: int, hi: int) -> int:
    """Return the App whose suffix the dotted name in [lo, hi) carries, or 0."""
    value = FNV_OFFSET
    found = 0
    for at in range(hi - 1, max(lo, hi - LONGEST_SUFFIX - 1) - 1, -1):
        byte = u8(data, at)
        if byte == DOT:
            app = _find(value)
            if app == NOT_FOUND:
                return found
            if app:
                found = app
        value = _append(value, byte)
    app = _find(value) if 0 < hi - lo <= LONGEST_SUFFIX else 0
    return app if app > 0 else found


@kernel
def app_of_labels(data: Any, lo: int, hi: int) -> int:
    """Return the App of a DNS name written as length-prefixed labels from ``lo`` (not compressed), or 0."""
    # Labels run left to right but suffixes are hashed from the right: find the end, then which of the last bytes are
    # lengths, one bit each.
    end = lo
    while end < hi and end - lo < MAX_NAME:
        length = u8(data, end)
        if length == 0 or length > MAX_LABEL:
            break
        end += 1 + length
    if end > hi or end == lo:
        return 0
    lengths = 0
    at = lo
    while at < end:
        if end - 1 - at <= LONGEST_SUFFIX:
            lengths |= 1 << (end - 1 - at)
        at += 1 + u8(data, at)
    value = FNV_OFFSET
    found = 0
    for back in range(min(end - lo, LONGEST_SUFFIX + 1)):
        if lengths >> back & 1:
            app = _find(value)
            if app == NOT_FOUND:
                return found
            if app:
                found = app
            value = _append(value, DOT)
        else:
            value = _append(value, u8(data, end - 1 - back))
    return found


@kernel
def name_message(data: Any, pkt: Any, msg: Any) -> None:
    """Set ``name_app`` of a TLS_HELLO or DNS message; called once for each before the applications look."""
    kind = int64(msg["kind"])
    if kind == TLS_HELLO:
        msg["name_app"] = app_of_name(data, int64(msg["sni_lo"]), int64(msg["sni_hi"]))
    elif kind == DNS:
        lo = int64(msg["dns_name_lo"])
        msg["name_app"] = app_of_labels(data, lo, int64(pkt["payload_hi"])) if lo > 0 else 0
