"""The kernels against the slow twin: every encapsulation, cut and mutated, and frames of the corpus."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowclass.dissect.fragment import new_fragments
from flowclass.record.status import Status
from tests.differential.tshark import address
from tests.dissect.encapsulations import ENCAPSULATIONS
from tests.dissect.harness import SEED, dissect_capture, dissect_rows, pack, stale_rows
from tests.reference.dissect import Dissector

SIMPLE = ("version", "proto", "sport", "dport", "checksum", "tcp_seq", "tcp_flags", "hop_limit", "ip_id", "ip_bytes")


def disagreement(row: Any, twin: dict[str, Any], lo: int) -> list[str]:
    """Return the names of the fields that differ."""
    if int(row["status"]) != twin["status"] or twin["status"] is not Status.OK:
        return [] if int(row["status"]) == twin["status"] else [f"status {Status(int(row['status'])).name}"]
    wrong = [name for name in (*SIMPLE, "fragment", "anomalies") if int(row[name]) != int(twin[name])]
    wrong += [side for side in ("src", "dst") if address(row, side).packed != twin[side]]
    offset, captured, wire = twin["payload"]
    if int(row["fragment"]) != 2 and (
        int(row["payload_hi"]) - int(row["payload_lo"]) != len(captured)
        or (captured and int(row["payload_lo"]) - lo != offset)
    ):
        wrong.append("payload")
    if int(row["payload_bytes"]) != wire:
        wrong.append("payload_bytes")
    path = list(zip(row["tunnel_kind"].tolist(), row["tunnel_id"].tolist(), strict=True))[: int(row["depth"])]
    if int(row["depth"]) != len(twin["path"]) or path != [(int(k), n) for k, n in twin["path"][:4]]:
        wrong.append("path")
    return wrong


def hold_together(frames: list[bytes], linktypes: list[int], wirelens: list[int]) -> int:
    """Dissect frames both ways; return how many were OK."""
    data, refs = pack(frames)
    refs["linktype"], refs["wirelen"] = linktypes, wirelens
    rows = stale_rows(len(refs))
    dissect_rows(data, refs, rows, new_fragments(1 << 16), SEED)
    twin = Dissector()
    metered = 0
    for frame, ref, row in zip(frames, refs, rows, strict=True):
        other = twin.dissect(frame, int(ref["linktype"]), int(ref["wirelen"]), int(ref["ts_ns"]))
        if other is None or int(row["status"]) == Status.NESTING_TOO_DEEP:
            continue
        wrong = disagreement(row, other, int(ref["offset"]))
        assert not wrong, (wrong, int(ref["linktype"]), int(ref["wirelen"]), frame.hex(), other)
        metered += other["status"] is Status.OK
    return metered


@pytest.mark.parametrize("name", sorted(ENCAPSULATIONS))
def test_twin__agrees_on_every_cut_of(name: str) -> None:
    linktype, frame, _ = ENCAPSULATIONS[name]
    cuts = [frame[:length] for length in range(len(frame) + 1)]
    assert hold_together(cuts, [linktype] * len(cuts), [len(frame)] * len(cuts)) >= len(b"twenty bytes of text")


@pytest.mark.parametrize("seed", range(8))
def test_twin__agrees_on_mutated_frames(seed: int) -> None:
    chance = random.Random(seed)
    frames, linktypes, wirelens = [], [], []
    for linktype, frame, _ in ENCAPSULATIONS.values():
        for _ in range(40):
            mutated = bytearray(frame)
            for _ in range(chance.randint(1, 4)):
                mutated[chance.randrange(min(len(mutated), 90))] = chance.choice(
                    (0, 1, 4, 6, 17, 41, 69, 96, 255, chance.randrange(256))
                )
            mutated = mutated[: chance.choice((len(mutated), len(mutated), chance.randrange(1, len(mutated))))]
            frames.append(bytes(mutated))
            linktypes.append(linktype)
            wirelens.append(chance.choice((len(frame), len(mutated), 1514)))
    assert hold_together(frames, linktypes, wirelens) > len(frames) / 4


def test_twin__agrees_on_the_corpus(corpus: Path) -> None:
    captures = sorted(path for path in (corpus / "captures").rglob("*.pcap") if path.stat().st_size < 60_000)
    compared = 0
    for path in captures[::12]:
        twin = Dissector()
        for data, refs, rows in dissect_capture(path):
            for ref, row in zip(refs, rows, strict=True):
                lo = int(ref["offset"])
                frame = np.asarray(data[lo : lo + int(ref["caplen"])]).tobytes()
                other = twin.dissect(frame, int(ref["linktype"]), int(ref["wirelen"]), int(ref["ts_ns"]))
                assert other is not None
                assert not disagreement(row, other, lo), (path.name, other)
                compared += 1
    assert compared > 1000
