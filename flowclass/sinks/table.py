"""Host module: the summary of applications: one line each, with flows, packets, bytes, confidence, kinds.

Colours and rules on a terminal (rich); aligned plain text elsewhere, which needs no import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TextIO

from flowclass.record.verdict import APP_NAMES, KIND_NAMES, Kind
from flowclass.sinks.totals import add_totals, new_totals

HEADINGS = ("application", "flows", "packets", "bytes", "confidence", "kinds of flow")
#: Columns of text; the others are numbers and stand to the right.
LEFT = (0, len(HEADINGS) - 1)
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True)
class AppRow:
    """Totals of one application; ``kinds`` counts flows by Kind, ``confidence`` is the mean over flows,
    ``voice_like_s`` the seconds in which its tunnels were like speech."""

    app: str
    flows: int
    packets: int
    bytes: int
    kinds: tuple[int, ...]
    confidence: float
    voice_like_s: int = 0


class Summary:
    """Totals by application and kind, fed batch by batch (a Sink).

    Attributes
    ----------
    totals : TOTAL[applications, kinds]
    """

    def __init__(self) -> None:
        self.totals = new_totals()

    def write(self, flows: Any, verdicts: Any, capture: str) -> None:
        """Count FLOW[n] with its VERDICT[n]."""
        add_totals(flows, verdicts, self.totals)

    def close(self) -> None:
        """Nothing to finish."""

    def rows(self) -> list[AppRow]:
        """Return a row for every application seen."""
        return rows_of(self.totals)


def rows_of(totals: Any) -> list[AppRow]:
    """Return a row for every application that TOTAL[applications, kinds] counts: most bytes first, other and unknown
    last."""
    rows = [
        AppRow(
            name,
            int(total["flows"].sum()),
            int(total["packets"].sum()),
            int(total["bytes"].sum()),
            tuple(int(count) for count in total["flows"]),
            float(total["confidence"].sum() / total["flows"].sum()),
            int(total["voice_like_s"].sum()),
        )
        for name, total in zip(APP_NAMES, totals, strict=True)
        if total["flows"].any()
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
    if row.voice_like_s:
        kinds += f", {row.voice_like_s:,} s of it like speech"
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
