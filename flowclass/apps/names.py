"""Kernel module: host names to applications, by suffix.

Every Application lists the suffixes of its host names; they are put into one small hash table at import. A name is
looked up label by label from the right, ignoring case, and the longest suffix found wins ("teams.microsoft.com" over
"microsoft.com"). The same table serves server names in ClientHellos and DNS questions.
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
#: Bytes of a name that are looked at, from the right (RFC 1035 §2.3.4 allows 255).
MAX_NAME = 255
TLS_HELLO, DNS = int(MessageKind.TLS_HELLO), int(MessageKind.DNS)
DOT = 0x2E


def suffix_hash(suffix: str) -> int:
    """Return the FNV-1a hash of ``suffix`` read from right to left, as the kernel does."""
    value = FNV_OFFSET
    for byte in reversed(suffix.lower().encode()):
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return value


def build_table() -> tuple[np.ndarray, np.ndarray]:
    """Return (hash, app) of the open-addressing table; hash 0 is an empty slot."""
    hashes = np.zeros(SLOTS, np.uint32)
    apps = np.zeros(SLOTS, np.uint8)
    for module in MODULES:
        application = import_module(f"flowclass.apps.{module}").APP
        for suffix in application.names:
            value = suffix_hash(suffix)
            slot = value % SLOTS
            while hashes[slot]:
                if hashes[slot] == value:
                    raise ValueError(f"the suffix {suffix} is claimed twice, or two suffixes share a hash")
                slot = (slot + 1) % SLOTS
            hashes[slot] = value
            apps[slot] = application.label
    return hashes, apps


SUFFIX_HASH, SUFFIX_APP = build_table()


@kernel
def _find(value: int) -> int:
    """Return the App of a suffix hash, or 0."""
    slot = value % SLOTS
    while SUFFIX_HASH[slot] != 0:
        if int64(SUFFIX_HASH[slot]) == value:
            return int64(SUFFIX_APP[slot])
        slot = (slot + 1) % SLOTS
    return 0


@kernel
def app_of_name(data: Any, lo: int, hi: int) -> int:
    """Return the App whose suffix the dotted name in [lo, hi) carries, or 0."""
    value = FNV_OFFSET
    found = 0
    at = hi - 1
    stop = max(lo, hi - MAX_NAME)
    while at >= stop:
        byte = u8(data, at)
        if byte == DOT:
            app = _find(value)
            if app:
                found = app
        elif 0x41 <= byte <= 0x5A:
            byte += 0x20
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
        at -= 1
    if at < lo:
        app = _find(value)
        if app:
            found = app
    return found


@kernel
def app_of_labels(data: Any, lo: int, hi: int) -> int:
    """Return the App of a DNS name written as length-prefixed labels from ``lo`` (not compressed), or 0."""
    # Labels run left to right but suffixes are hashed from the right: find the end, then walk back over each label.
    starts_seen = 0
    at = lo
    while at < hi and at - lo < MAX_NAME:
        length = u8(data, at)
        if length == 0 or length > 63:
            break
        at += 1 + length
        starts_seen += 1
    end = min(at, hi)
    found = 0
    # Try each suffix from the rightmost label: names have few labels, and this runs once a DNS message.
    for skip in range(starts_seen - 1, -1, -1):
        start = lo
        for _ in range(skip):
            start += 1 + u8(data, start)
        value = _labels_hash(data, start, end)
        app = _find(value)
        if app:
            found = app
    return found


@kernel
def _labels_hash(data: Any, lo: int, end: int) -> int:
    """Return the suffix hash of the labels [lo, end): as if dots stood between them."""
    # The hash runs from the right. Labels are at most 63 bytes, so a byte is a length exactly where a walk says so.
    value = FNV_OFFSET
    last_end = end
    while last_end > lo:
        start = lo
        while start + 1 + u8(data, start) < last_end:
            start += 1 + u8(data, start)
        at = last_end - 1
        while at > start:
            byte = u8(data, at)
            if 0x41 <= byte <= 0x5A:
                byte += 0x20
            value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
            at -= 1
        if start > lo:
            value = ((value ^ DOT) * FNV_PRIME) & 0xFFFFFFFF
        last_end = start
    return value


@kernel
def name_message(data: Any, pkt: Any, msg: Any) -> None:
    """Set ``name_app`` of a TLS_HELLO or DNS message; called once for each before the applications look."""
    kind = int64(msg["kind"])
    if kind == TLS_HELLO:
        msg["name_app"] = app_of_name(data, int64(msg["sni_lo"]), int64(msg["sni_hi"]))
    elif kind == DNS:
        lo = int64(msg["dns_name_lo"])
        msg["name_app"] = app_of_labels(data, lo, int64(pkt["payload_hi"])) if lo > 0 else 0
