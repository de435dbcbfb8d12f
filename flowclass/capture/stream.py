"""Host module: capture bytes from a path, stdin or a file object, decompressed by magic.

``open_stream`` is the way in; what it gives is read by ``window.Window``. Nothing is believed of a file's name.
"""

from __future__ import annotations

import contextlib
import fcntl
import stat
import sys
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from flowclass.capture.gunzip import Gunzip
from flowclass.errors import CaptureError, UsageError

#: RFC 1952 §2.3.1 with the only method there is; RFC 8878 §3.1.1 and §3.1.2 (skippable frames end in 184D2A5?).
GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE_TAIL = b"\x2a\x4d\x18"
MAGIC_BYTES = 4
#: Compression inside compression is followed this far.
MAXIMUM_LAYERS = 4
#: Compressed bytes handed to a decompressor at once.
_CHUNK = 131_072
#: F_LINUX_SPECIFIC_BASE + 7 (linux/fcntl.h); a larger pipe means fewer, larger blocks.
_F_SETPIPE_SZ = 1031
_PIPE_BYTES = 1_048_576

Input = str | Path | BinaryIO


def input_name(item: Input) -> str:
    """Return how messages and records call an input: its path, ``-`` for stdin, or a file object's own name."""
    if isinstance(item, str | Path):
        return str(item)
    name = getattr(item, "name", None)
    return name if isinstance(name, str) else f"<{type(item).__name__}>"


def can_reopen(item: Input) -> bool:
    """Whether the input may be opened, read and closed, and opened again from its start."""
    return item != "-" and isinstance(item, str | Path) and Path(item).is_file()


def read_some(stream: Any, target: memoryview) -> int:
    """Read at least one byte into ``target`` unless at the end; return how many. Never waits to fill it.

    ``read1`` comes first: ``BufferedReader.readinto1`` waits for more when it already has some bytes.
    """
    if hasattr(stream, "readinto") and not hasattr(stream, "read1"):
        return int(stream.readinto(target) or 0)
    data = (stream.read1 if hasattr(stream, "read1") else stream.read)(len(target))
    target[: len(data)] = data
    return len(data)


class Joined:
    """Bytes already read, and then the rest of the stream they came from."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head = head
        self._rest = rest

    def readinto(self, target: Any) -> int:
        """Read some bytes into ``target``."""
        view = memoryview(target).cast("B")
        if not self._head:
            return read_some(self._rest, view)
        taken = min(len(view), len(self._head))
        view[:taken] = self._head[:taken]
        self._head = self._head[taken:]
        return taken

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes (one chunk when negative), b"" at the end."""
        buffer = bytearray(size if size >= 0 else _CHUNK)
        return bytes(buffer[: self.readinto(buffer)])


class Stream:
    """A decompressed byte stream; ``readinto`` raises CaptureError on damaged compression, keeping what came before.

    Attributes
    ----------
    name : how messages call it
    """

    def __init__(self, name: str, raw: Any, closes: bool) -> None:
        self.name = name
        self._closer = raw if closes else None
        self._checks: list[Any] = []
        self._stream, self.magic = _unwrap(name, raw, self._checks)

    def readinto(self, target: memoryview) -> int:
        """Read some bytes; 0 at the end.

        Raises
        ------
        CaptureError
            When the compressed data are damaged or cut, or the medium fails.
        """
        try:
            count = read_some(self._stream, target)
        except _read_errors() as error:
            raise CaptureError(str(error) or type(error).__name__) from error
        if count == 0:
            for check in self._checks:
                check()
        return count

    def close(self) -> None:
        """Close what was opened here; a caller's file object and stdin stay open."""
        if self._closer is not None:
            self._closer.close()
            self._closer = None


def open_stream(item: Input) -> Stream:
    """Open one input and strip its compression.

    Raises
    ------
    CaptureError
        When it does not exist, cannot be read or is empty.
    """
    name = input_name(item)
    if item == "-":
        raw = sys.stdin.buffer
        with contextlib.suppress(OSError, ValueError):
            fcntl.fcntl(raw.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)
        return Stream(name, raw, closes=False)
    if not isinstance(item, str | Path):
        if not hasattr(item, "read"):
            raise UsageError(f"an input must be a path, - or a binary file object, not {type(item).__name__}")
        return Stream(name, item, closes=False)
    try:
        if stat.S_ISDIR(Path(item).stat().st_mode):
            raise CaptureError(f"{name}: is a folder; name the capture files in it")
        handle = Path(item).open("rb", buffering=0)  # noqa: SIM115  Stream closes it
    except OSError as error:
        raise CaptureError(f"{name}: cannot be opened: {error.strerror or error}") from error
    try:
        return Stream(name, handle, closes=True)
    except BaseException:
        handle.close()
        raise


def _unwrap(name: str, raw: Any, checks: list[Any]) -> tuple[Any, bytes]:
    """Return the innermost stream and its first four bytes (fewer when it is shorter)."""
    stream = raw
    for _ in range(MAXIMUM_LAYERS):
        head = bytearray()
        while len(head) < MAGIC_BYTES:
            part = bytearray(MAGIC_BYTES - len(head))
            try:
                count = read_some(stream, memoryview(part))
            except _read_errors() as error:
                raise CaptureError(f"{name}: cannot be read: {error}; check that the file is whole") from error
            if not count:
                break
            head += part[:count]
        joined = Joined(bytes(head), stream)
        if head.startswith(GZIP_MAGIC):
            stream = Gunzip(joined)
        elif head == ZSTD_MAGIC or (head[1:] == ZSTD_SKIPPABLE_TAIL and head[0] >> 4 == 5):
            stream = _unzstd(joined, checks)
        else:
            return joined, bytes(head)
    raise CaptureError(f"{name}: is compressed more than {MAXIMUM_LAYERS - 1} times over; decompress it first")


def _unzstd(source: Any, checks: list[Any]) -> Any:
    """Return a reader of zstd; its window is at most 128 MiB (zstd's own default limit)."""
    try:
        import zstandard
    except ImportError as error:
        raise CaptureError("a zstd capture needs the package zstandard: pip install zstandard") from error
    from flowclass.capture.zstd_frames import WatchedZstd

    watched: Any = WatchedZstd(source)
    checks.append(watched.check_whole)
    return zstandard.ZstdDecompressor().stream_reader(watched, read_size=_CHUNK, read_across_frames=True)


def _read_errors() -> tuple[type[Exception], ...]:
    """Return what a read may raise; of the codecs only those that are loaded, importing none."""
    found: list[type[Exception]] = [EOFError, OSError, ValueError, zlib.error]
    for module, name in (("zstandard", "ZstdError"), ("isal.isal_zlib", "error")):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)
