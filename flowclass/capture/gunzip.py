"""Host module: a gzip stream (RFC 1952), decompressed as far as it is whole.

The readers of gzip and isal throw away what they have decompressed in the call that meets the end of a cut file, which
would be up to a block of packets. This one hands it out first.
"""

from __future__ import annotations

from typing import Any

#: Compressed bytes given to the decompressor at once: of a damaged file what is decompressed in one go is lost.
_CHUNK = 16_384
#: ``wbits`` of zlib for a gzip header and trailer and the largest window.
_GZIP = 31


class Gunzip:
    """Decompress one member after the other.

    Parameters
    ----------
    source : anything with ``read(size) -> bytes``
    """

    def __init__(self, source: Any) -> None:
        self._source = source
        self._codec = _codec()
        self._member = self._codec.decompressobj(_GZIP)
        self._compressed = b""

    def readinto(self, target: Any) -> int:
        """Read some bytes into ``target``; 0 at the end.

        Raises
        ------
        EOFError
            The file ends inside a member, and all that came before has been read.
        zlib.error
            It is damaged; isal's error is another class.
        """
        view = memoryview(target).cast("B")
        while not self._member.eof or self._begin_member():
            ended = not self._compressed and not self._read()
            # Even without new bytes: some of the output may have waited for room.
            data = self._member.decompress(self._compressed, len(view))
            self._compressed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if data:
                view[: len(data)] = data
                return len(data)
            if ended and not self._member.eof:
                raise EOFError("compressed file ended before the end-of-stream marker was reached")
        return 0

    def _read(self) -> bool:
        """Read compressed bytes; return whether there were any."""
        self._compressed = self._source.read(_CHUNK)
        return bool(self._compressed)

    def _begin_member(self) -> bool:
        """Begin the next member; False at the end, which zeros may pad."""
        while not (rest := self._compressed.lstrip(b"\0")):
            if not self._read():
                return False
        self._compressed = rest
        self._member = self._codec.decompressobj(_GZIP)
        return True


def _codec() -> Any:
    """Return isal's zlib where it is installed (several times faster), else Python's."""
    try:
        import isal.isal_zlib as codec
    except ImportError:
        import zlib

        return zlib
    return codec
