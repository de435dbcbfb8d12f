"""Frames in, PACKET rows out: what the tests of the dissection kernels share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flowclass.capture.source import open_source
from flowclass.dissect.fragment import new_fragments
from flowclass.dissect.hash import new_seed
from flowclass.dissect.packet import dissect_any, dissect_packet
from flowclass.jit import entry
from flowclass.record.packet import PACKET, PACKET_REF

SEED = new_seed(20240229)
STALE = 0xA5


@entry
def dissect_rows(data: Any, refs: Any, packets: Any, fragments: Any, seed: Any) -> int:
    """Dissect every frame; return how many are OK."""
    metered = 0
    for i in range(len(refs)):
        if dissect_packet(data, refs[i], packets[i], fragments, seed) == 0:
            metered += 1
    return metered


@entry
def dissect_rows_generally(data: Any, refs: Any, packets: Any, fragments: Any, seed: Any) -> int:
    """Dissect every frame by the general walk alone; return how many are OK."""
    metered = 0
    for i in range(len(refs)):
        if dissect_any(data, refs[i], packets[i], fragments, seed) == 0:
            metered += 1
    return metered


def stale_rows(count: int) -> np.ndarray:
    """Return rows full of what an earlier packet might have left."""
    rows = np.zeros(count, PACKET)
    rows.view(np.uint8)[:] = STALE
    return rows


def pack(frames: Iterable[bytes], linktype: int = 1, gap_ns: int = 1_000_000) -> tuple[np.ndarray, np.ndarray]:
    """Return a block's bytes and refs; the last frame ends where the bytes end."""
    frames = list(frames)
    data = np.frombuffer(b"".join(frames), np.uint8)
    refs = np.zeros(len(frames), PACKET_REF)
    lengths = np.array([len(frame) for frame in frames], np.int64)
    refs["offset"] = np.cumsum(lengths) - lengths
    refs["caplen"] = refs["wirelen"] = lengths
    refs["linktype"] = linktype
    refs["ts_ns"] = np.arange(len(frames)) * gap_ns + 1_700_000_000_000_000_000
    return data, refs


def dissect(frames: Iterable[bytes], linktype: int = 1, *, general: bool = False, **fields: Any) -> np.ndarray:
    """Return the PACKET rows of frames; ``fields`` overwrite columns of PACKET_REF."""
    data, refs = pack(frames, linktype)
    for name, value in fields.items():
        refs[name] = value
    rows = stale_rows(len(refs))
    (dissect_rows_generally if general else dissect_rows)(data, refs, rows, new_fragments(), SEED)
    return rows


def dissect_capture(path: Path) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
    """Yield each block of a capture as bytes, refs and PACKET rows."""
    fragments = new_fragments()
    source = open_source([str(path)])
    try:
        for block in source.blocks():
            rows = stale_rows(len(block.refs))
            dissect_rows(block.data, block.refs, rows, fragments, SEED)
            yield block.data, block.refs, rows
    finally:
        source.close()
