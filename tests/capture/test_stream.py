"""Compression, stdin, pipes and what cannot be opened."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import zstandard

from flowclass.capture.source import open_source
from flowclass.capture.zstd_frames import WatchedZstd
from flowclass.errors import CaptureError, UsageError
from tests.capture.capture_files import frames, pcap, pcapng, read

PACKETS = frames(3000)


def zst(data: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(data)


def skippable(data: bytes) -> bytes:
    return b"\x5a\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345" + data


@pytest.mark.parametrize("kind", [pcap, pcapng])
@pytest.mark.parametrize(
    "pack",
    [
        gzip.compress,
        zst,
        lambda data: gzip.compress(zst(data)),
        lambda data: gzip.compress(data[:5000]) + gzip.compress(data[5000:]),
        lambda data: zst(data[:5000]) + skippable(zst(data[5000:], write_checksum=True)),
        lambda data: skippable(zst(data, level=19, write_content_size=False)),
    ],
    ids=["gzip", "zstd", "zstd in gzip", "two gzip members", "two zstd frames", "skippable zstd frame"],
)
def test_compression_changes_nothing(kind: Any, pack: Any) -> None:
    assert read([io.BytesIO(pack(kind(PACKETS)))]) == (PACKETS, [], False)


def test_gzip_without_isal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    assert read([io.BytesIO(gzip.compress(pcap(PACKETS)))]) == (PACKETS, [], False)


def test_endless_compression_is_refused() -> None:
    data = pcap(PACKETS[:1])
    for _ in range(5):
        data = gzip.compress(data)
    with pytest.raises(CaptureError, match="compressed more than 3 times"):
        open_source([io.BytesIO(data)])


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zst(data, write_checksum=True)])
def test_damaged_compression_keeps_what_came_before(pack: Any) -> None:
    packed = bytearray(pack(pcap(PACKETS)))
    packed[-3] ^= 0xFF
    packets, problems, partial = read([io.BytesIO(packed)], block_bytes=4096)
    assert packets == PACKETS[: len(packets)]
    assert partial
    assert "unreadable beyond byte" in problems[0]


@pytest.mark.parametrize("chunk", [1, 7, 100_000])
@pytest.mark.parametrize("level", [-5, 3, 19])
def test_zstd_frames_are_followed_at_any_chunk_size(chunk: int, level: int) -> None:
    content = bytes(300_000) + os.urandom(1000) + pcap(PACKETS)
    for packed in (zst(content, level=level), zst(content, level=level, write_checksum=True), skippable(zst(b""))):
        watched = WatchedZstd(io.BytesIO(packed))
        while watched.read(chunk):
            pass
        watched.check_whole()
        cut = WatchedZstd(io.BytesIO(packed[:-1]))
        while cut.read(chunk):
            pass
        with pytest.raises(CaptureError, match="inside a frame"):
            cut.check_whole()


def test_magic_decides_and_never_the_ending(tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    path.write_bytes(gzip.compress(pcapng(PACKETS)))
    assert read([path])[0] == PACKETS


def test_stdin_in_small_pieces() -> None:
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from tests.capture.capture_files import read, frames\n"
        "print(read(['-']) == (frames(3000), [], False))\n"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parents[2])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        data = gzip.compress(pcap(PACKETS))
        for start in range(0, len(data), 1000):
            process.stdin.write(data[start : start + 1000])
            process.stdin.flush()
        out, _ = process.communicate()
    assert out.strip() == b"True"


def test_live_pipe_gives_what_is_there() -> None:
    """A packet does not wait for a full buffer."""
    reading, writing = os.pipe()
    with open(reading, "rb") as reader, open(writing, "wb", buffering=0) as writer:  # noqa: PTH123  file descriptors
        writer.write(pcap(PACKETS[:2]))
        source = open_source([reader])
        blocks = source.blocks()
        first = []
        thread = threading.Thread(target=lambda: first.append(len(next(blocks).refs)))
        thread.start()
        thread.join(timeout=60)
        assert first == [2]
        writer.close()
        assert list(blocks) == []


def test_unseekable_object_with_read_only() -> None:
    class Dripping:
        def __init__(self, data: bytes) -> None:
            self.stream = io.BytesIO(data)

        def read(self, size: int) -> bytes:
            return self.stream.read(min(size, 333))

    assert read([Dripping(pcap(PACKETS))])[0] == PACKETS


def test_caller_keeps_its_file_object() -> None:
    stream = io.BytesIO(pcap(PACKETS))
    read([stream])
    assert not stream.closed


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"absent\.pcap: cannot be opened: No such file"):
        open_source([tmp_path / "absent.pcap"])
    with pytest.raises(CaptureError, match="is a folder"):
        open_source([tmp_path])


@pytest.mark.parametrize("inputs", [[], "capture.pcap", ["-", "a", "-"], [7]])
def test_wrong_requests(inputs: Any) -> None:
    with pytest.raises(UsageError):
        open_source(inputs)
