"""Host module: RowSink, a sink of one text line a record; JSON Lines and CSV are its two formats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowclass.sinks.format import Format
from flowclass.sinks.sink import Output
from flowclass.sinks.values import values_of


class RowSink:
    """Write records as lines.

    Parameters
    ----------
    output : where to
    make_format : gives the Format for a capture's name
    header : bytes in front of the first record
    """

    def __init__(self, output: Output, make_format: Callable[[str], Format], header: bytes = b"") -> None:
        self._output = output
        self._make_format = make_format
        self._capture: str | None = None
        if header:
            output.write(header)

    def write(self, flows: Any, verdicts: Any, capture: str) -> None:
        """Write FLOW[n] with its VERDICT[n]."""
        if capture != self._capture:
            self._capture = capture
            self._format = self._make_format(capture)
        for _, text in self._format.render(values_of(flows, verdicts)):
            self._output.write(text.data)

    def close(self) -> None:
        """Close the file."""
        self._output.close()
