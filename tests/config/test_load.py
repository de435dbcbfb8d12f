"""Settings files: what is taken, and how each mistake is named."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from flowclass.config.load import load
from flowclass.config.schema import SETTINGS
from flowclass.errors import UsageError
from flowclass.flow.state import MeterSettings

#: Settings of the meter that are no user's business.
INTERNAL = {"features_always"}


def write(folder: Path, text: str) -> str:
    path = folder / "flowclass.toml"
    path.write_text(text)
    return str(path)


def test_load__typed_values(tmp_path: Path) -> None:
    path = write(tmp_path, "[meter]\nmax_flows = 1_000\nidle_timeout_s = 5\n")
    values = load(path)["meter"]
    assert values == {"max_flows": 1000, "idle_timeout_s": 5.0}
    assert isinstance(values["idle_timeout_s"], float)
    assert MeterSettings(**values).max_flows == 1000  # type: ignore[arg-type]


def test_load__empty_file_sets_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path, "")) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[meter]\nmax_flow = 1", "unknown key meter.max_flow; did you mean max_flows?"),
        ("[metre]\nmax_flows = 1", "unknown table [metre]; did you mean meter?"),
        ("[meter]\nzzz = 1", "unknown key meter.zzz; known: active_timeout_s, idle_timeout_s"),
        ("meter = 3", "meter must be a table"),
        ('[meter]\nmax_flows = "many"', "meter.max_flows must be a whole number, not 'many'"),
        ("[meter]\nmax_flows = 1.5", "meter.max_flows must be a whole number, not 1.5"),
        ("[meter]\nidle_timeout_s = true", "meter.idle_timeout_s must be a number, not True"),
        ("[meter", "not TOML"),
    ],
)
def test_load__names_the_mistake(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert str(caught.value).startswith(path)
    assert message in str(caught.value)


def test_load__not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not TOML"):
        load(str(path))


def test_load__missing_file() -> None:
    with pytest.raises(UsageError, match="cannot read settings"):
        load("/nonexistent/flowclass.toml")


def test_schema__is_what_the_meter_takes() -> None:
    declared = {setting.name for setting in SETTINGS if setting.table == "meter"}
    assert declared == {field.name for field in fields(MeterSettings)} - INTERNAL
