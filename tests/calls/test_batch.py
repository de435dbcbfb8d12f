"""Records of calls as columns, and back."""

from __future__ import annotations

from typing import Any

import pytest

from flowclass.calls.batch import Calls
from tests.calls.records import call_with

STREAM: dict[str, Any] = {"ssrc": 7, "direction": "up", "loss": None}
PLAIN = call_with(flows=[])
WITH_STREAMS = call_with(streams=[STREAM, STREAM | {"ssrc": 8}])


@pytest.mark.parametrize("calls", [[], [PLAIN], [PLAIN, WITH_STREAMS, PLAIN]])
def test_columns_are_of_the_same_records(calls: list[Any]) -> None:
    found = Calls.of(calls)
    assert list(found) == calls
    assert len(found) == len(calls)


@pytest.mark.parametrize("first", [[], [PLAIN], [WITH_STREAMS]])
@pytest.mark.parametrize("second", [[], [PLAIN], [WITH_STREAMS]])
def test_sum_is_one_after_the_other(first: list[Any], second: list[Any]) -> None:
    assert list(Calls.of(first) + Calls.of(second)) == first + second
