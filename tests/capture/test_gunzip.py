"""Gunzip: all that can be decompressed of a whole, cut or damaged file, by isal and by Python's zlib alike."""

from __future__ import annotations

import gzip
import io
import random
import sys
import zlib

import pytest

from flowclass.capture.gunzip import Gunzip

CONTENT = random.Random(3).randbytes(50_000) + bytes(300_000) + b"header" * 20_000


@pytest.fixture(params=["isal", "zlib"], autouse=True)
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both be used in turn."""
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    else:
        pytest.importorskip("isal")


def read_all(packed: bytes, at_once: int) -> tuple[bytes, str]:
    """Return what is read of a file, and the error that ended it."""
    stream, got, part = Gunzip(io.BytesIO(packed)), bytearray(), bytearray(at_once)
    try:
        while count := stream.readinto(part):
            got += part[:count]
    except Exception as error:
        return bytes(got), str(error)
    return bytes(got), ""


@pytest.mark.parametrize("at_once", [1000, 1 << 20])
def test_members_and_padding_are_read_to_the_end(at_once: int) -> None:
    packed = gzip.compress(CONTENT) + gzip.compress(b"") + gzip.compress(b"second") + bytes(20_000)
    assert read_all(packed, at_once) == (CONTENT + b"second", "")


@pytest.mark.parametrize("at_once", [1000, 1 << 20])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_file_gives_what_can_be_decompressed(share: float, at_once: int) -> None:
    packed = gzip.compress(CONTENT)[: int(len(gzip.compress(CONTENT)) * share)]
    got, error = read_all(packed, at_once)
    assert got == zlib.decompressobj(31).decompress(packed)
    assert error == "compressed file ended before the end-of-stream marker was reached"


def test_a_damaged_file_gives_what_came_well_before() -> None:
    packed = bytearray(gzip.compress(CONTENT))
    packed[40_000] ^= 0xFF
    got, error = read_all(bytes(packed), 1 << 20)
    assert error
    assert len(got) > 20_000
    assert CONTENT.startswith(got[:20_000])


def test_what_follows_a_member_must_be_one() -> None:
    got, error = read_all(gzip.compress(CONTENT) + b"something else", 1 << 20)
    assert got == CONTENT
    assert error
