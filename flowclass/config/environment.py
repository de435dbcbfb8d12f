"""Host module: settings from the environment, which win over a file: for containers and for units' drop-ins.

A setting's variable is FLOWCLASS, its table and its key, such as ``FLOWCLASS_CAPTURE_WORKERS=2``. A list is written
with commas; text needs no quotes. A variable that begins as those of a table do and names no key of it is an error, as
an unknown key of a file is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowclass.config.load import TYPE_WORDS, nearest
from flowclass.config.schema import SETTINGS, Setting, Value
from flowclass.errors import UsageError

PREFIX = "FLOWCLASS"
_TRUTHS = {"true": True, "false": False}


def variable_of(setting: Setting) -> str:
    """Return the name of the variable that a setting can be given by."""
    return f"{PREFIX}_{setting.table}_{setting.name}".upper()


def overlaid(tables: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the settings of a file, by table and key, with those that the environment says in their place.

    Raises
    ------
    UsageError
        A variable names no setting, or its value is of the wrong type.
    """
    known = {variable_of(setting): setting for setting in SETTINGS}
    heads = tuple({f"{PREFIX}_{setting.table}_".upper() for setting in SETTINGS})
    result = {table: dict(keys) for table, keys in tables.items()}
    for name, text in environment.items():
        if not name.startswith(heads):
            continue
        if name not in known:
            raise UsageError(f"unknown variable {name}{nearest(name, known)}")
        setting = known[name]
        result.setdefault(setting.table, {})[setting.name] = _typed(setting, name, text)
    return result


def _typed(setting: Setting, name: str, text: str) -> Value:
    try:
        if setting.type is bool:
            return _TRUTHS[text.lower()]
        if setting.type is list:
            return [part.strip() for part in text.split(",") if part.strip()]
        value: Value = setting.type(text)  # type: ignore[arg-type]
    except (ValueError, KeyError):
        raise UsageError(f"{name} must be {TYPE_WORDS[setting.type]}, not {text!r}") from None
    return value
