"""Host module: CallFile, a file of call records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from flowclass.calls.batch import STREAMS, Calls
from flowclass.calls.record import CALL_COLUMNS, COLUMN_NAMES
from flowclass.sinks.callgroups import CallGroups
from flowclass.sinks.csv import QUOTED_MARKS, quoted
from flowclass.sinks.sink import Output, format_of

#: What joins the items of a list in CSV, as in flow records.
LIST_MARK = ";"


class CallFile:
    """A file of call records: JSON Lines, CSV or Parquet by its ending, or standard output; a column at a time."""

    def __init__(self, path: str) -> None:
        self._format = format_of(path, None)
        self._output = Output(path, whole=self._format == "parquet")
        self._groups: CallGroups | None = None
        if self._format == "csv":
            self._output.write((",".join(COLUMN_NAMES) + "\n").encode())
        elif self._format == "parquet":
            self._groups = CallGroups(self._output)

    def write(self, calls: Calls) -> None:
        """Write records."""
        if self._groups is not None:
            self._groups.write(calls)
        else:
            lines = _json_lines(calls) if self._format == "jsonl" else _csv_lines(calls)
            self._output.write(lines.encode())

    def close(self) -> None:
        """Finish the file."""
        (self._groups or self._output).close()


def _csv_lines(calls: Calls) -> str:
    """Return calls as lines of CSV: lists of words joined, lists of objects as JSON, nothing for None."""
    if not calls:
        return ""
    cells = [
        _csv_streams(calls) if column.name == STREAMS else _cells(str(column.type), calls.columns[column.name])
        for column in CALL_COLUMNS
    ]
    return "\n".join([*map(",".join, zip(*cells, strict=True)), ""])


def _cells(kind: str, values: Sequence[Any]) -> list[str]:
    """Return the fields of a column of a type."""
    match kind:
        case "list[str]":
            return _quoted(list(map(LIST_MARK.join, values)))
        case "str" | "str | None":
            return _quoted(["" if value is None else value for value in values])
        case _:
            return _numbers(values, "")


def _csv_streams(calls: Calls) -> list[str]:
    """Return the lists of streams of calls as JSON in a field of CSV: in quotes, those inside doubled."""
    lists = _json_streams(calls, "", '""')
    return [f'"{text}"' if text else text for text in lists]


def _json_lines(calls: Calls) -> str:
    """Return calls as ``json.dumps`` has each, a line each."""
    if not calls:
        return ""
    columns = [
        _json_streams(calls, "[]") if column.name == STREAMS else _json_column(calls.columns[column.name])
        for column in CALL_COLUMNS
    ]
    return "".join(_json_objects(COLUMN_NAMES, columns, end="\n"))


def _json_streams(calls: Calls, nothing: str, quote: str = '"') -> list[str]:
    """Return the lists of streams of calls as ``json.dumps`` has each; those without streams are ``nothing``.

    Parameters
    ----------
    quote : what stands for each quotation mark
    """
    columns = [_json_column(values, quote) for values in calls.streams.values()]
    texts = iter(_json_objects(tuple(calls.streams), columns, quote))
    return [f"[{', '.join(islice(texts, count))}]" if count else nothing for count in calls.counts]


def _json_objects(names: Sequence[str], columns: Sequence[list[str]], quote: str = '"', end: str = "") -> Iterable[str]:
    """Return objects of values that are JSON already."""
    form = "{" + ", ".join(f"{_json_word(name, quote)}: %s" for name in names) + "}" + end
    return map(form.__mod__, zip(*columns, strict=True))


def _json_column(values: Sequence[Any], quote: str = '"') -> list[str]:
    """Return the texts of the values of a key: words, lists of words, truths, or finite numbers, and None."""
    match next((value for value in values if value is not None), None):
        case bool() | list():
            return list(map(json.dumps, values))
        case str():
            return [_json_word(value, quote) for value in values]
        case _:
            return _numbers(values, "null")


def _numbers(values: Sequence[Any], nothing: str) -> list[str]:
    """Return numbers and truths as Python writes them, and ``nothing`` for None."""
    # Many columns have one value for all calls that end together.
    if values and values[0] == values[-1] and values.count(values[0]) == len(values):
        return [nothing if values[0] is None else repr(values[0])] * len(values)
    texts = list(map(repr, values))
    return [nothing if text == "None" else text for text in texts] if None in values else texts


@lru_cache(maxsize=1024)
def _json_word(word: str | None, quote: str) -> str:
    """Return a word as JSON: calls and streams have the same few."""
    return json.dumps(word).replace('"', quote)


def _quoted(texts: list[str]) -> list[str]:
    """Return a column of texts, each quoted where it must be."""
    # Seldom one of a column has a mark, and a look at all of them costs little more than at one.
    every = "".join(texts)
    if not any(mark in every for mark in QUOTED_MARKS):
        return texts
    fields = {text: quoted(text) for text in set(texts)}
    return [fields[text] for text in texts]
