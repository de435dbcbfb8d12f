"""Host module: read a TOML settings file against the schema; every mistake is named with file and key."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flowclass.config.schema import SETTINGS, Setting, Value
from flowclass.errors import UsageError

TEXTS = "text in quotes, or a list of texts"
TYPE_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    list: TEXTS,
}


def load(path: str) -> dict[str, dict[str, Any]]:
    """Return the settings of a file by table and key, defaults left out.

    Raises
    ------
    UsageError
        The file cannot be read, is no TOML, or has an unknown key or a value of the wrong type.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read settings {path}: {error.strerror or error}") from error
    except ValueError as error:  # both TOMLDecodeError and UnicodeDecodeError
        raise UsageError(f"{path}: not TOML: {error}") from error
    return check(document, path)


def check(document: dict[str, Any], path: str) -> dict[str, dict[str, Any]]:
    """Return ``document`` with its values typed; ``path`` is for messages."""
    tables = {setting.table for setting in SETTINGS}
    result: dict[str, dict[str, Any]] = {}
    for table, keys in document.items():
        if table not in tables:
            raise UsageError(f"{path}: unknown table [{table}]{nearest(table, tables)}")
        if not isinstance(keys, dict):
            raise UsageError(f"{path}: {table} must be a table: write [{table}]")
        known = {setting.name: setting for setting in SETTINGS if setting.table == table}
        for name, value in keys.items():
            if name not in known:
                raise UsageError(f"{path}: unknown key {table}.{name}{nearest(name, known)}")
            result.setdefault(table, {})[name] = _typed(known[name], value, path)
    return result


def _typed(setting: Setting, value: Any, path: str) -> Value:
    """Return a value of the setting's type; TOML's true is not a number, and one text is a list of one."""
    if setting.type is list:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UsageError(f"{path}: {setting.table}.{setting.name} must be {TEXTS}, not {value!r}")
        return texts
    allowed = (int, float) if setting.type is float else (setting.type,)
    if isinstance(value, bool) != (setting.type is bool) or not isinstance(value, allowed):
        raise UsageError(f"{path}: {setting.table}.{setting.name} must be {TYPE_WORDS[setting.type]}, not {value!r}")
    typed: Value = setting.type(value)  # type: ignore[arg-type]
    return typed


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a suggestion, or nothing when no known name is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(known))}"


def sample() -> str:
    """Return a settings file that says all defaults, commented out, each with its meaning."""
    lines = [
        "# Settings of flowclass (TOML). A line that is commented out shows the default. The environment wins over",
        "# this file: FLOWCLASS_CAPTURE_WORKERS=2 is workers in [capture]; lists are written with commas there.",
        "",
    ]
    table = ""
    for setting in SETTINGS:
        if setting.table != table:
            table = setting.table
            lines += [f"[{table}]"]
        unit = f" ({setting.unit})" if setting.unit else ""
        default = setting.type() if setting.default is None else setting.default
        # JSON writes these types as TOML does.
        lines += [f"# {setting.doc}{unit}", f"#{setting.name} = {json.dumps(default)}", ""]
    return "\n".join(lines)
