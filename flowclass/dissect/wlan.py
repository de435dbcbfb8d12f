"""Kernel module: 802.11 frames, bare or behind a radiotap header.

Called by ``link``. Only unprotected data frames carry anything to read.

802.11 data frame (IEEE 802.11 §9.2.4); all little-endian       Radiotap (radiotap.org)

    +---------+----------+---------+-----+--------+-----+-----+      version 0 | pad | length 2 | present 4 ...
    | control | duration | 3 x MAC | seq | [MAC4] |[QoS]|[HTC]|          bit 31 of a present word: another follows
    | 2       | 2        | 18      | 2   | 6      | 2   | 4   |          bit 0 TSFT (8 bytes, aligned), bit 1 flags
    +---------+----------+---------+-----+--------+-----+-----+
"""

from __future__ import annotations

from typing import Any

from flowclass.dissect.ethertype import CUT, NEXT_LLC
from flowclass.dissect.load import le16, le32, u8
from flowclass.jit import kernel
from flowclass.record.status import Status

# Byte 0 of frame control: version 2 bits, type 2, subtype 4. Byte 1: flags.
TYPE_DATA = 2
SUBTYPE_NO_DATA = 0x40
SUBTYPE_QOS = 0x80
BOTH_DS = 0x03
PROTECTED = 0x40
ORDER = 0x80
MAC_HEADER = 24
FOURTH_ADDRESS = 6
QOS_CONTROL = 2
HT_CONTROL = 4
#: Bit 7 of the QoS control field: several LLC frames, each behind addresses and a length (§9.3.2.2.2).
AGGREGATED = 0x80
SUBFRAME_HEADER = 14

RADIOTAP_HEADER = 8
RADIOTAP_MORE = 0x80000000
RADIOTAP_TSFT = 1
RADIOTAP_FLAGS = 2
#: Flag: padding between the 802.11 header and its content, to 4 bytes.
RADIOTAP_PADDED = 0x20

_PROTECTED = -int(Status.WLAN_PROTECTED)
_NOT_DATA = -int(Status.WLAN_NOT_DATA)


@kernel
def open_wlan(data: Any, lo: int, hi: int, padded: bool) -> tuple[int, int]:
    """Read an 802.11 header; return what comes next and where."""
    if lo + 2 > hi:
        return CUT, lo
    control, flags = u8(data, lo), u8(data, lo + 1)
    if (control >> 2) & 3 != TYPE_DATA or control & SUBTYPE_NO_DATA:
        return _NOT_DATA, lo
    if flags & PROTECTED:
        return _PROTECTED, lo
    header = MAC_HEADER
    if flags & BOTH_DS == BOTH_DS:
        header += FOURTH_ADDRESS
    aggregated = False
    if control & SUBTYPE_QOS:
        if lo + header + QOS_CONTROL > hi:
            return CUT, lo
        aggregated = u8(data, lo + header) & AGGREGATED != 0
        header += QOS_CONTROL
        if flags & ORDER:
            header += HT_CONTROL
    if padded:
        header = (header + 3) & ~3
    if aggregated:
        header += SUBFRAME_HEADER
    return NEXT_LLC, lo + header


@kernel
def open_radiotap(data: Any, lo: int, hi: int) -> tuple[int, int]:
    """Read a radiotap header and the 802.11 header behind it; return what comes next and where."""
    if lo + RADIOTAP_HEADER > hi:
        return CUT, lo
    end = lo + le16(data, lo + 2)
    if end < lo + RADIOTAP_HEADER or end > hi:
        return CUT, lo
    present = le32(data, lo + 4)
    field = lo + RADIOTAP_HEADER
    word = present
    while word & RADIOTAP_MORE and field + 4 <= end:
        word = le32(data, field)
        field += 4
    if present & RADIOTAP_TSFT:
        field = lo + ((field - lo + 7) & ~7) + 8
    padded = present & RADIOTAP_FLAGS != 0 and field < end and u8(data, field) & RADIOTAP_PADDED != 0
    return open_wlan(data, end, hi, padded)
