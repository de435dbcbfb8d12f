"""Columns of numbers as records have them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowclass.calls.columns import Runs, begins_of_runs, hex_texts, known, places_of_largest, rounded


@given(st.lists(st.floats(0, 1e6)), st.sampled_from([2, 3, 6]))
def test_rounded__is_what_round_gives(values: list[float], digits: int) -> None:
    assert rounded(np.array(values), digits).tolist() == [round(value, digits) for value in values]


@pytest.mark.parametrize("digits", [2, 3, 6])
def test_rounded__near_a_half(digits: int) -> None:
    halves = (np.arange(2000) + 0.5) / 10.0**digits
    values = np.concatenate([halves, np.nextafter(halves, 0), np.nextafter(halves, 1)])
    assert rounded(values, digits).tolist() == [round(value, digits) for value in values.tolist()]


def test_known__has_none_for_nan() -> None:
    assert known(np.array([1.5, np.nan])) == [1.5, None]


def test_begins_of_runs() -> None:
    assert begins_of_runs(np.array([3, 3, 4, 3])).tolist() == [0, 2, 3]
    assert begins_of_runs(np.array([], np.int64)).tolist() == []


def test_places_of_largest__are_the_first_of_several() -> None:
    keys, values = np.array([2, 1, 2, 1, 2]), np.array([5, 1, 7, 1, 7], np.uint32)
    assert places_of_largest(keys, values).tolist() == [1, 2]


def test_hex_texts__have_all_digits() -> None:
    assert hex_texts([0, 0xAB << 56]) == ["0" * 16, "ab" + "0" * 14]


def test_runs__are_asked_a_column_at_a_time() -> None:
    of = Runs(np.array([0, 1, 1, 2]), 3)
    values = np.array([5, 1, 2, 4])
    assert [column.tolist() for column in (of.sum(values), of.least(values), of.most(values), of.bits(values))] == [
        [5, 3, 4],
        [5, 1, 4],
        [5, 2, 4],
        [5, 3, 4],
    ]
    assert of.any(values == 2).tolist() == [False, True, False]
    assert of.first(values < 5).tolist() == [4, 1, 3]
    assert of.counts.tolist() == [1, 2, 1]
    assert [values[some].tolist() for some in of.slices] == [[5], [1, 2], [4]]
