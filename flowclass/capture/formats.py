"""Host module: open_reader, which format an input has by its magic, and a useful answer when it is none."""

from __future__ import annotations

from typing import Any

import numpy as np

from flowclass.capture.pcapfile import PcapReader, pcap_byte_order
from flowclass.capture.pcapngfile import PCAPNG_MAGIC, PcapngReader
from flowclass.capture.reader import Reader
from flowclass.capture.stream import Input, open_stream
from flowclass.capture.window import Window, buffer_bytes
from flowclass.errors import CaptureError

#: Formats often met by mistake, by their first bytes, and what to do with them.
_STRANGERS = (
    (b"BZh", "bzip2-compressed: decompress it with bunzip2 first"),
    (b"\xfd7zX", "xz-compressed: decompress it with unxz first"),
    (b"\x04\x22\x4d\x18", "lz4-compressed: decompress it with lz4 -d first"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"snoo", "a snoop capture: convert it with editcap -F pcapng IN OUT"),
    (b"GMBU", "a Network Monitor capture: convert it with editcap -F pcapng IN OUT"),
    (b"RTSS", "a Network Monitor capture: convert it with editcap -F pcapng IN OUT"),
)


def open_reader(item: Input, interface_base: int, block_bytes: int, buffer: Any = None) -> Reader:
    """Open one input and read its file header.

    Parameters
    ----------
    item : path, ``-`` or binary file object
    interface_base : added to every interface index
    block_bytes : most bytes read at once
    buffer : uint8[buffer_bytes(block_bytes)] to read into; one is made when None

    Raises
    ------
    CaptureError
        When it cannot be opened or is no capture.
    """
    if buffer is None:
        buffer = np.zeros(buffer_bytes(block_bytes), np.uint8)
    stream = open_stream(item)
    try:
        window = Window(stream, buffer, block_bytes)
        if stream.magic == PCAPNG_MAGIC:
            return PcapngReader(window, interface_base)
        if pcap_byte_order(stream.magic) is not None:
            return PcapReader(window, interface_base)
        raise CaptureError(_no_capture(stream.name, stream.magic))
    except BaseException:
        stream.close()
        raise


def _no_capture(name: str, magic: bytes) -> str:
    """Say what an input is instead of a capture."""
    if not magic:
        return f"{name}: is empty; a capture has at least a file header"
    for start, words in _STRANGERS:
        if magic.startswith(start):
            return f"{name}: is {words}"
    return (
        f"{name}: is no capture (it starts with {magic.hex(' ')}); "
        "pcap and pcapng are read, plain or compressed with gzip or zstd"
    )
