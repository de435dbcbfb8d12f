"""Host module: PcapReader, the pcap format: µs and ns, both byte orders, Kuznetzov's modified form.

::

    file header (draft-ietf-opsawg-pcap §4)
    | magic | major 16, minor 16 | reserved | reserved | snaplen | FCS bits, link type 16 |
"""

from __future__ import annotations

import struct

from flowclass.capture.index_pcap import index_pcap
from flowclass.capture.reader import Reader
from flowclass.capture.window import Window

FILE_HEADER_BYTES = 24
_RECORD_BYTES, _MODIFIED_RECORD_BYTES = 16, 24
#: magic as a big-endian number → (record header length, ns a tick); draft §4 and libpcap's sf-pcap.c.
_MAGICS = {
    0xA1B2C3D4: (_RECORD_BYTES, 1000),
    0xA1B23C4D: (_RECORD_BYTES, 1),
    0xA1B2CD34: (_MODIFIED_RECORD_BYTES, 1000),
}
#: Bits 16–31 hold the FCS length and reserved bits, which readers ignore (draft §4).
_LINKTYPE_MASK = 0xFFFF
#: libpcap's sf-pcap.c: before 2.3, and in DG/UX's 543, the two lengths are exchanged; in 2.3 nobody knows.
_EXCHANGED_BEFORE_MINOR, _DGUX_MAJOR = 3, 543


def pcap_byte_order(magic: bytes) -> str | None:
    """Return ``<`` or ``>`` when the four bytes are a pcap magic, else None."""
    for order in "<>":
        if len(magic) == 4 and struct.unpack(order + "I", magic)[0] in _MAGICS:
            return order
    return None


class PcapReader(Reader):
    """Read one pcap input."""

    def __init__(self, window: Window, interface_base: int) -> None:
        super().__init__(window, interface_base)
        if not window.need(FILE_HEADER_BYTES):
            self._finish()
            return
        header = window.take(FILE_HEADER_BYTES)
        order = pcap_byte_order(header[:4])
        magic, major, minor, _, _, _, network = struct.unpack(f"{order}IHHIIII", header)
        row = self.walk[0]
        row["header_bytes"], row["tick_ns"] = _MAGICS[magic]
        row["big_endian"] = order == ">"
        row["linktype"] = network & _LINKTYPE_MASK
        if major == _DGUX_MAJOR or (major == 2 and minor < _EXCHANGED_BEFORE_MINOR):
            row["lengths"] = 1
        elif major == 2 and minor == _EXCHANGED_BEFORE_MINOR:
            row["lengths"] = 2

    def _index(self) -> int:
        return index_pcap(self.window.buffer, self.refs, self.walk)

    def _next_thing(self) -> str:
        return "the file header" if self.walk[0]["header_bytes"] == 0 else super()._next_thing()
