"""What every application file declares."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest

from flowclass.apps._fused import APPS_STATE, REASON_WORDS
from flowclass.apps.app import MAX_REASONS, Reason, bits
from flowclass.apps.catalog import MODULES
from flowclass.apps.fuse import TARGET, fused_source
from flowclass.record.field import dtype_of
from flowclass.record.message import MessageKind
from flowclass.record.verdict import Kind, Strength

#: The memory of all applications sits in every live flow.
MOST_STATE_BYTES = 320


@pytest.fixture(params=MODULES)
def module(request: pytest.FixtureRequest) -> ModuleType:
    """Each application module in turn."""
    return import_module(f"flowclass.apps.{request.param}")


def test_fused_file_is_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == fused_source()


def test_state_is_small() -> None:
    assert APPS_STATE.itemsize <= MOST_STATE_BYTES
    assert len(MODULES) == REASON_WORDS


def test_state__starts_with_the_reasons() -> None:
    for name in MODULES:
        field = APPS_STATE[name]
        assert field.names[0] == "reasons"
        assert field["reasons"] == np.uint32


def test_reasons__are_unique_named_and_sourced(module: ModuleType) -> None:
    names = [reason.name for reason in module.REASONS]
    assert len(set(names)) == len(names) <= MAX_REASONS
    for reason in module.REASONS:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", reason.name)
        assert len(reason.meaning) >= 10
        assert len(reason.source) >= 5
        assert reason.kind != Kind.UNKNOWN


def test_reasons__that_decide_have_no_false_alarm(module: ModuleType) -> None:
    alarms = {reason.name: reason.false_alarms for reason in module.REASONS if reason.strength == Strength.CERTAIN}
    assert not any(alarms.values())


def test_listens_to_known_kinds(module: ModuleType) -> None:
    assert module.LISTENS or module.HABITS
    assert set(module.LISTENS) <= set(MessageKind)


def test_state_fields_are_documented(module: ModuleType) -> None:
    dtype_of(module.STATE)
    assert all(field.doc for field in module.STATE)


def test_names_are_lower_case_suffixes(module: ModuleType) -> None:
    for name in module.APP.names:
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name)


def test_bits__refuses_more_than_a_word() -> None:
    reason = Reason("x", Strength.WEAK, Kind.MESSAGING, "a", "b")
    with pytest.raises(ValueError, match="33 reasons"):
        bits([reason] * 33)
