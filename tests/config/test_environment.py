"""Settings from the environment: they win over a file, and each mistake is named."""

from __future__ import annotations

import pytest

from flowclass.config.environment import overlaid, variable_of
from flowclass.config.schema import SETTINGS
from flowclass.errors import UsageError


@pytest.mark.parametrize(
    ("name", "text", "table", "value"),
    [
        ("FLOWCLASS_CAPTURE_WORKERS", "2", "capture", {"workers": 2}),
        ("FLOWCLASS_CAPTURE_PROMISCUOUS", "False", "capture", {"promiscuous": False}),
        ("FLOWCLASS_CAPTURE_INTERFACE", "eth1, eth2", "capture", {"interface": ["eth1", "eth2"]}),
        ("FLOWCLASS_METER_IDLE_TIMEOUT_S", "5", "meter", {"idle_timeout_s": 5.0}),
        ("FLOWCLASS_METRICS_LISTEN", "", "metrics", {"listen": ""}),
    ],
)
def test_variable_gives_a_typed_value(name: str, text: str, table: str, value: dict[str, object]) -> None:
    assert overlaid({}, {name: text}) == {table: value}


def test_environment_wins_over_the_file_and_leaves_the_rest() -> None:
    tables = {"capture": {"workers": 1, "snap_bytes": 96}, "meter": {"seed": 7}}
    found = overlaid(tables, {"FLOWCLASS_CAPTURE_WORKERS": "4", "PATH": "/bin"})
    assert found == {"capture": {"workers": 4, "snap_bytes": 96}, "meter": {"seed": 7}}
    assert tables["capture"]["workers"] == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("FLOWCLASS_CAPTURE_WORKER", "2", "unknown variable FLOWCLASS_CAPTURE_WORKER; did you mean FLOWCLASS_CAPTURE_"),
        ("FLOWCLASS_CAPTURE_WORKERS", "two", "FLOWCLASS_CAPTURE_WORKERS must be a whole number, not 'two'"),
        ("FLOWCLASS_CAPTURE_PROMISCUOUS", "yes", "must be true or false, not 'yes'"),
        ("FLOWCLASS_METER_IDLE_TIMEOUT_S", "", "must be a number, not ''"),
    ],
)
def test_mistake_is_named(name: str, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        overlaid({}, {name: text})


@pytest.mark.parametrize("name", ["FLOWCLASS_JIT_CACHE", "FLOWCLASS_MODEL", "FLOWCLASS_CORPUS"])
def test_other_variables_of_flowclass_are_no_settings(name: str) -> None:
    assert overlaid({}, {name: "x"}) == {}


def test_every_setting_has_a_variable_of_its_own() -> None:
    assert len({variable_of(setting) for setting in SETTINGS}) == len(SETTINGS)
