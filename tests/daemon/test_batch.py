"""Batches survive the way between processes, in whatever pieces they come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowclass.daemon.batch import ARRAYS, NUMBERS, Batch, Unpacker, of_calls
from flowclass.record.verdict import Kind


def batch(flows: int, media: int, others: int = 0, note: str = "") -> Batch:
    """Return a batch whose rows and numbers differ."""
    counts = {"flows": flows, "verdicts": flows, "media": media, "events": others, "live": others}
    made = Batch(**{name: np.zeros(count, ARRAYS[name]) for name, count in counts.items()}, note=note)
    made.flows["flow_id"] = np.arange(flows)
    made.verdicts["confidence"] = np.arange(flows) / 8
    made.media["ssrc"] = np.arange(media)
    made.events["ts_ns"] = made.live["last_ns"] = np.arange(others)
    for value, number in enumerate(NUMBERS, 1):
        setattr(made, number.name, value)
    return made


def content(one: Batch) -> tuple[Any, ...]:
    """Return all of a batch as something that can be compared."""
    arrays = (rows.tobytes() for rows in one.arrays.values())
    return (*arrays, *(getattr(one, number.name) for number in NUMBERS), one.note)


SHAPES = st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2), st.text(max_size=9))


@given(st.lists(SHAPES, max_size=5), st.integers(1, 3000))
def test_batches_come_out_as_they_went_in(shapes: list[tuple[int, int, int, str]], piece: int) -> None:
    sent = [batch(*shape) for shape in shapes]
    stream = b"".join(one.packed() for one in sent)
    unpacker = Unpacker()
    found = [one for at in range(0, len(stream), piece) for one in unpacker.feed(stream[at : at + piece])]
    assert list(map(content, found)) == list(map(content, sent))


def test_a_stream_that_breaks_off_gives_what_was_whole() -> None:
    unpacker = Unpacker()
    whole = batch(3, 1)
    found = list(unpacker.feed(whole.packed() + batch(2, 0).packed()[:-1]))
    assert list(map(content, found)) == [content(whole)]


def test_arrays_can_be_written_as_kernels_demand() -> None:
    (found,) = Unpacker().feed(batch(2, 1, 1).packed())
    assert all(array.flags.writeable and array.flags.aligned for array in found.arrays.values())


def test_nothing_is_little() -> None:
    assert len(Batch().packed()) < 100
    assert Batch(note="lost 1").weight == 0


@pytest.mark.parametrize("kinds", [(), (Kind.NOT_VOIP,), (Kind.CALL_MEDIA, Kind.UNKNOWN, Kind.CALL_SIGNALLING)])
def test_flows_of_calls_keep_their_media(kinds: tuple[Kind, ...]) -> None:
    whole = batch(len(kinds), 2 * len(kinds))
    whole.verdicts["kind"] = kinds
    whole.media["flow"] = np.repeat(np.arange(len(kinds)), 2)
    flows, verdicts, media = of_calls(whole.flows, whole.verdicts, whole.media)
    wanted = [i for i, kind in enumerate(kinds) if kind in (Kind.CALL_MEDIA, Kind.CALL_SIGNALLING)]
    assert flows["flow_id"].tolist() == wanted
    assert verdicts["kind"].tolist() == [kinds[i] for i in wanted]
    assert flows["flow_id"][media["flow"]].tolist() == [i for i in wanted for _ in range(2)]
    assert media["ssrc"].tolist() == [2 * i + j for i in wanted for j in range(2)]
