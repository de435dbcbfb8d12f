"""Host module: RowSink, a sink of one text line a record; JSON Lines and CSV are its two formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flowclass.networks.enrichment import Enrichment
from flowclass.sinks.columns import Column, columns_with
from flowclass.sinks.format import Format
from flowclass.sinks.sink import Output
from flowclass.sinks.values import values_of


class RowSink:
    """Write records as lines.

    Parameters
    ----------
    output : where to
    make_format : gives the Format for a capture's name, columns and networks' names
    header : gives what stands in front of the first record
    enrichment : what adds columns, None for nothing
    """

    def __init__(
        self,
        output: Output,
        make_format: Callable[[str, Sequence[Column], Sequence[str]], Format],
        header: Callable[[Sequence[Column]], bytes] | None = None,
        enrichment: Enrichment | None = None,
    ) -> None:
        self._output = output
        self._make_format = make_format
        self._enrichment = enrichment
        self._columns = columns_with(enrichment)
        self._made_for: tuple[str, tuple[str, ...]] | None = None
        if header is not None:
            output.write(header(self._columns))

    def write(self, flows: Any, verdicts: Any, capture: str) -> None:
        """Write FLOW[n] with its VERDICT[n]."""
        made_for = (capture, self._enrichment.names if self._enrichment is not None else ())
        if made_for != self._made_for:
            self._made_for = made_for
            self._format = self._make_format(capture, self._columns, made_for[1])
        for _, text in self._format.render(values_of(flows, verdicts)):
            self._output.write(text.data)

    def close(self) -> None:
        """Close the file."""
        self._output.close()
