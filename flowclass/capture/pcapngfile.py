"""Host module: PcapngReader, the pcapng format: sections, interfaces and their clocks; frames are the kernel's.

::

    section header (draft-ietf-opsawg-pcapng §4.1):
        | type | total | byte-order magic | major, minor | length 64 | options
    interface description (§4.2):
        | type | total | link type 16, reserved 16 | snaplen | options
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from flowclass.capture.index_pcapng import (
    ENHANCED_PACKET,
    OBSOLETE_PACKET,
    SECTION_HEADER,
    SIMPLE_PACKET,
    index_pcapng,
)
from flowclass.capture.reader import Reader
from flowclass.capture.walk import INTERFACE, MAXIMUM_TIME_NS, NS_PER_S, WalkStatus
from flowclass.capture.window import Window
from flowclass.errors import CaptureError

#: The block type reads the same in both byte orders.
PCAPNG_MAGIC = SECTION_HEADER.to_bytes(4, "big")
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_SECTION_MINIMUM, _INTERFACE_MINIMUM = 28, 20
_MAJOR = 1
#: Options of an interface description (draft §4.2).
_END_OF_OPTIONS, _TSRESOL, _TSOFFSET = 0, 9, 14
#: Finer clocks than these cannot be held in the 64-bit ticks; libpcap has the same limits.
_BINARY_LIMIT, _DECIMAL_LIMIT = 63, 18
_NS_DIGITS, _DEFAULT_DIGITS = 9, 6
#: Interfaces one input may describe; the obsolete packet block's own limit.
MAXIMUM_INTERFACES = 65_536


class PcapngReader(Reader):
    """Read one pcapng input."""

    def __init__(self, window: Window, interface_base: int) -> None:
        super().__init__(window, interface_base)
        self._base = interface_base
        self._described = 0
        self._table: Any = np.zeros(4, INTERFACE)
        self._count = 0
        self._section(first=True)

    def _index(self) -> int:
        return index_pcapng(self.window.buffer, self.refs, self.walk, self._table[: self._count])

    def _act(self, status: WalkStatus) -> None:
        if status == WalkStatus.AT_SECTION:
            self._section(first=False)
        elif status == WalkStatus.AT_INTERFACE:
            self._interface()
        elif status == WalkStatus.SKIP:
            self._pass_over(int(self.walk[0]["skip"]))
        else:
            super()._act(status)

    def _pass_over(self, count: int) -> None:
        """Skip bytes that are not needed; a shortage is a cut file."""
        if self.window.skip(count):
            self._finish()
            if not self.partial:
                self._stop(f"cut in the middle of a block, at byte {self.window.place}")

    def _section(self, first: bool) -> None:
        """Take a section header: a new byte order, and no interface known."""
        window = self.window
        if not window.need(_SECTION_MINIMUM):
            self._finish()
            return
        head = window.buffer[window.lo : window.lo + 16].tobytes()
        big = int.from_bytes(head[8:12], "big") == _BYTE_ORDER_MAGIC
        if not big and int.from_bytes(head[8:12], "little") != _BYTE_ORDER_MAGIC:
            if first:
                raise CaptureError(f"{self.name}: starts like pcapng but has no byte-order magic: it is no capture")
            self._stop(f"section at byte {window.place} has no byte-order magic")
            return
        total, _, major = struct.unpack(f"{'>' if big else '<'}IIH", head[4:14])
        if total < _SECTION_MINIMUM or total % 4 or major != _MAJOR:
            self._stop(f"section at byte {window.place} has length {total} and version {major}, which is not readable")
            return
        row = self.walk[0]
        row["big_endian"] = big
        self._count = 0
        row["interface"] = self._base + self._described
        self._pass_over(total)

    def _interface(self) -> None:
        """Take the interface description that the walker found whole."""
        window, order = self.window, ">" if self.walk[0]["big_endian"] else "<"
        place = window.place
        block = window.take(struct.unpack_from(f"{order}I", memoryview(window.buffer), window.lo + 4)[0])
        try:
            described = _parse_interface(block, order)
        except ValueError as error:
            self._stop(f"interface description at byte {place} {error}")
            return
        if self._described == MAXIMUM_INTERFACES:
            self._stop(f"describes more than {MAXIMUM_INTERFACES} interfaces, at byte {place}")
            return
        if self._count == len(self._table):
            self._table = np.concatenate([self._table, np.zeros_like(self._table)])
        self._table[self._count] = described
        self._count += 1
        self._described += 1

    def _next_thing(self) -> str:
        window, order = self.window, ">" if self.walk[0]["big_endian"] else "<"
        packets = (ENHANCED_PACKET, SIMPLE_PACKET, OBSOLETE_PACKET)
        if len(window) >= 4 and struct.unpack_from(f"{order}I", memoryview(window.buffer), window.lo)[0] in packets:
            return super()._next_thing()
        return f"the block after packet {self.packets}"


def _parse_interface(block: bytes, order: str) -> tuple[int, ...]:
    """Return an INTERFACE row.

    Raises
    ------
    ValueError
        With what is wrong, as the end of a sentence.
    """
    if len(block) < _INTERFACE_MINIMUM:
        raise ValueError(f"is {len(block)} bytes long, less than {_INTERFACE_MINIMUM}")
    linktype, _, snaplen = struct.unpack_from(f"{order}HHI", block, 8)
    binary, multiplier, divisor, offset = -1, 10 ** (_NS_DIGITS - _DEFAULT_DIGITS), 1, 0
    position, end = 16, len(block) - 4
    while position + 4 <= end:
        code, length = struct.unpack_from(f"{order}HH", block, position)
        position += 4
        if code == _END_OF_OPTIONS:
            break
        if position + length > end:
            raise ValueError(f"has an option {code} of {length} bytes that passes its end")
        if code == _TSRESOL and length >= 1:
            binary, multiplier, divisor = _clock_unit(block[position])
        elif code == _TSOFFSET and length == 8:
            offset = struct.unpack_from(f"{order}q", block, position)[0] * NS_PER_S
            if abs(offset) > MAXIMUM_TIME_NS:
                raise ValueError(f"moves its clock by {offset // NS_PER_S} s")
        position += (length + 3) & ~3
    ticks_a_second = 1 << binary if binary >= 0 else NS_PER_S * divisor // multiplier
    ticks_limit = min(MAXIMUM_TIME_NS * ticks_a_second // NS_PER_S, 2**63 - 1)
    return linktype, snaplen, binary, multiplier, divisor, ticks_limit, offset


def _clock_unit(value: int) -> tuple[int, int, int]:
    """Return binary digits (or -1), multiplier and divisor of an if_tsresol byte (draft §4.2: top bit = base 2)."""
    digits = value & 0x7F
    if value & 0x80:
        if digits > _BINARY_LIMIT:
            raise ValueError(f"has a clock unit of 2^-{digits} s, finer than 64 bits hold")
        return digits, 1, 1
    if digits > _DECIMAL_LIMIT:
        raise ValueError(f"has a clock unit of 10^-{digits} s, finer than 64 bits hold")
    return -1, 10 ** max(0, _NS_DIGITS - digits), 10 ** max(0, digits - _NS_DIGITS)
