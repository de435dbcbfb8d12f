"""Host module: the summary of applications: one line each, with flows, packets, bytes, confidence, kinds.

Colours and rules on a terminal (rich); aligned plain text elsewhere, which needs no import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np

from flowclass.record.verdict import APP_NAMES, KIND_NAMES, Kind

HEADINGS = ("application", "flows", "packets", "bytes", "confidence", "kinds of flow")
#: Columns of text; the others are numbers and stand to the right.
LEFT = (0, len(HEADINGS) - 1)
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True)
class AppRow:
    """Totals of one application; ``kinds`` counts flows by Kind, ``confidence`` is the mean over flows."""

    app: str
    flows: int
    packets: int
    bytes: int
    kinds: tuple[int, ...]
    confidence: float


class Summary:
    """Totals by application and kind, fed batch by batch (a Sink)."""

    def __init__(self) -> None:
        shape = (len(APP_NAMES), len(KIND_NAMES))
        self._flows = np.zeros(shape, np.int64)
        self._packets = np.zeros(shape, np.int64)
        self._bytes = np.zeros(shape, np.int64)
        self._confidence = np.zeros(shape)

    def write(self, flows: Any, verdicts: Any, capture: str) -> None:
        """Count FLOW[n] with its VERDICT[n]."""
        cell = verdicts["app"].astype(np.int64) * len(KIND_NAMES) + verdicts["kind"]
        self._flows += self._sums(cell, None)
        self._packets += self._sums(cell, flows["packets"].sum(axis=1, dtype=np.uint64))
        self._bytes += self._sums(cell, flows["bytes"].sum(axis=1))
        self._confidence += np.bincount(cell, verdicts["confidence"], self._flows.size).reshape(self._flows.shape)

    def _sums(self, cell: Any, counts: Any) -> Any:
        """Return int64 totals by cell; halves are summed apart, because bincount adds in float64."""
        size, shape = self._flows.size, self._flows.shape
        if counts is None:
            return np.bincount(cell, minlength=size).reshape(shape)
        low = np.bincount(cell, counts & np.uint64(0xFFFFFFFF), size).astype(np.int64)
        high = np.bincount(cell, counts >> np.uint64(32), size).astype(np.int64)
        return (low + (high << 32)).reshape(shape)

    def close(self) -> None:
        """Nothing to finish."""

    def rows(self) -> list[AppRow]:
        """Return a row for every application seen, the one with most bytes first, other and unknown last."""
        rows = [
            AppRow(
                name,
                int(self._flows[app].sum()),
                int(self._packets[app].sum()),
                int(self._bytes[app].sum()),
                tuple(int(count) for count in self._flows[app]),
                float(self._confidence[app].sum() / max(1, self._flows[app].sum())),
            )
            for app, name in enumerate(APP_NAMES)
            if self._flows[app].any()
        ]
        return sorted(rows, key=lambda row: (row.app in ("other", "unknown"), -row.bytes, row.app))


def human_bytes(count: int) -> str:
    """Return a byte count with three digits and an SI unit."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.3g} {_UNITS[unit]}"


def cells(row: AppRow) -> tuple[str, ...]:
    """Return the text of one line."""
    seen = [kind for kind in (*list(Kind)[1:], Kind.UNKNOWN) if row.kinds[kind]]
    kinds = ", ".join(f"{row.kinds[kind]:,} {KIND_NAMES[kind]}" for kind in seen)
    return (row.app, f"{row.flows:,}", f"{row.packets:,}", human_bytes(row.bytes), f"{row.confidence:.2f}", kinds)


def print_table(rows: list[AppRow], out: TextIO, *, colour: bool) -> None:
    """Print the summary; ``colour`` is for terminals."""
    if not rows:
        print("no flows", file=out)
    elif colour:
        _print_rich(rows, out)
    else:
        lines = [HEADINGS, *(cells(row) for row in rows)]
        widths = [max(len(line[index]) for line in lines) for index in range(len(HEADINGS))]
        for line in lines:
            padded = [
                text.ljust(width) if index in LEFT else text.rjust(width)
                for index, (text, width) in enumerate(zip(line, widths, strict=True))
            ]
            print("  ".join(padded).rstrip(), file=out)


def _print_rich(rows: list[AppRow], out: TextIO) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, header_style="bold")
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if index in LEFT else "right", no_wrap=index < len(HEADINGS) - 1)
    for row in rows:
        calls = row.kinds[Kind.CALL_MEDIA] + row.kinds[Kind.CALL_SIGNALLING]
        dim = row.app in ("other", "unknown")
        table.add_row(*cells(row), style="dim" if dim else "bold green" if calls else "")
    Console(file=out, force_terminal=True).print(table)
