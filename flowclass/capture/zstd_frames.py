"""Host module: see whether a zstd stream ends where a frame ends.

The zstandard package gives plain end-of-file for a stream cut in mid frame, so a cut that falls between two packets
would go unseen. This follows the frame and block headers of the compressed bytes as they pass: a few steps a block.
"""

from __future__ import annotations

from typing import Any

from flowclass.errors import CaptureError

_FRAME_MAGIC = 0xFD2FB528  #: RFC 8878 §3.1.1
_SKIPPABLE_MAGIC = 0x184D2A50  #: RFC 8878 §3.1.2, low four bits free
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)  #: RFC 8878 §3.1.1.1.1.1, by Frame_Content_Size_flag
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)  #: RFC 8878 §3.1.1.1.1.6
_CHECKSUM_BYTES = 4
_RLE_BLOCK = 1  #: RFC 8878 §3.1.1.2.2: one byte stands for the whole block


class WatchedZstd:
    """Pass compressed bytes through and remember whether a frame is open.

    Parameters
    ----------
    source : anything with ``read(size) -> bytes``
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._part = bytearray()
        self._skip = 0
        self._state = "magic"
        self._wanted = 4
        self._checksum = False

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` compressed bytes."""
        data: bytes = self._source.read(size)
        self._follow(data)
        return data

    def check_whole(self) -> None:
        """Raise CaptureError when the bytes seen end inside a frame."""
        if self._state != "magic" or self._part or self._skip:
            raise CaptureError("zstd stream ends inside a frame")

    def _follow(self, data: bytes) -> None:
        """Move through ``data``, collecting each header and passing over what follows it."""
        position = 0
        while position < len(data):
            if self._skip:
                passed = min(self._skip, len(data) - position)
                self._skip -= passed
                position += passed
                continue
            taken = data[position : position + self._wanted - len(self._part)]
            self._part += taken
            position += len(taken)
            if len(self._part) == self._wanted:
                header = int.from_bytes(self._part, "little")
                self._part.clear()
                self._step(header)

    def _step(self, header: int) -> None:
        """Act on one whole header and set what comes next."""
        if self._state == "magic":
            skippable = header & 0xFFFFFFF0 == _SKIPPABLE_MAGIC
            self._state, self._wanted = ("length", 4) if skippable else ("descriptor", 1)
        elif self._state == "length":
            self._skip = header
            self._state, self._wanted = "magic", 4
        elif self._state == "descriptor":
            single_segment = header >> 5 & 1
            content = _CONTENT_SIZE_BYTES[header >> 6] or single_segment
            self._skip = (1 - single_segment) + _DICTIONARY_ID_BYTES[header & 3] + content
            self._checksum = bool(header >> 2 & 1)
            self._state, self._wanted = "block", 3
        else:
            last, kind, size = header & 1, header >> 1 & 3, header >> 3
            self._skip = 1 if kind == _RLE_BLOCK else size
            if last:
                self._skip += _CHECKSUM_BYTES if self._checksum else 0
                self._state, self._wanted = "magic", 4
