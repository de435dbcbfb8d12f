"""The table file: read back as written, same bytes for same content, damage refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowclass.errors import ModelError
from flowclass.training.table import KEPT_BITS, Table, rounded
from tests.training.tables import small_table


def test_table__is_read_back_as_written(tmp_path: Path) -> None:
    table = small_table(50)
    table.save(tmp_path / "table.npz")
    again = Table.load(tmp_path / "table.npz")
    np.testing.assert_array_equal(again.rows, table.rows)
    np.testing.assert_array_equal(again.features, table.features)
    assert (again.labels, again.groups, again.views, again.corpus) == (
        table.labels, table.groups, table.views, table.corpus
    )  # fmt: skip
    assert again.digest() == table.digest()


def test_table__same_content_gives_same_bytes() -> None:
    assert small_table(50).pack() == small_table(50).pack()


@pytest.mark.parametrize(("column", "value"), [("features_row", 50), ("label", 7), ("group", 12), ("view", 200)])
def test_table__row_that_points_outside_is_refused(tmp_path: Path, column: str, value: int) -> None:
    table = small_table(50)
    table.rows[column][3] = value
    table.save(tmp_path / "table.npz")
    with pytest.raises(ModelError, match="damaged"):
        Table.load(tmp_path / "table.npz")


def test_table__feature_that_is_no_number_is_refused(tmp_path: Path) -> None:
    table = small_table(50)
    features = table.features.copy()
    features[1, 1] = np.nan
    replace(table, features=features).save(tmp_path / "table.npz")
    with pytest.raises(ModelError, match="not finite"):
        Table.load(tmp_path / "table.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no table"])
def test_table__other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table.npz").write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        Table.load(tmp_path / "table.npz")


@settings(deadline=None)
@given(st.floats(-1e9, 1e9, width=32))
def test_rounded__keeps_three_digits(value: float) -> None:
    found = float(rounded(np.array([value], np.float32))[0])
    assert abs(found - value) <= abs(value) * 2.0 ** -(KEPT_BITS + 1) + 1e-30


def test_rounded__keeps_small_whole_numbers_exactly() -> None:
    numbers = np.arange(-2048, 2049, dtype=np.float32)
    np.testing.assert_array_equal(rounded(numbers), numbers)
