"""Host module: Calls, records of calls that are given out together, a column after the other.

A file is written, and totals are kept, from the columns; a `Call` is made only for those who ask for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flowclass.calls.record import COLUMN_NAMES, VALUES, Call, StreamRecord

STREAMS = "streams"
#: Columns of values of a record by name.
Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Calls:
    """Records of calls.

    Attributes
    ----------
    columns : the values of each column of `Call` but its streams; none of no calls
    streams : the columns of their streams, those of a call together, in the order of the calls
    counts : how many streams each has
    """

    columns: Columns = field(default_factory=dict)
    streams: Columns = field(default_factory=dict)
    counts: Sequence[int] = ()

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Calls:
        """Return records as columns."""
        if not calls:
            return cls()
        columns = dict(zip(COLUMN_NAMES, zip(*map(VALUES, calls), strict=True), strict=True))
        lists = columns.pop(STREAMS)
        streams = [stream for some in lists for stream in some]
        names = streams[0] if streams else ()
        return cls(columns, {name: [one[name] for one in streams] for name in names}, [len(some) for some in lists])

    def __add__(self, other: Calls) -> Calls:
        """Return the records of both."""
        if not self or not other:
            return self or other
        return Calls(
            {name: [*column, *other.columns[name]] for name, column in self.columns.items()},
            {
                name: [*self.streams.get(name, ()), *other.streams.get(name, ())]
                for name in self.streams or other.streams
            },
            [*self.counts, *other.counts],
        )

    def __len__(self) -> int:
        return len(self.counts)

    def __iter__(self) -> Iterator[Call]:
        # By place: for each record Python would look 54 names up one by one.
        columns = {**self.columns, STREAMS: self._streams()} if self else dict.fromkeys(COLUMN_NAMES, ())
        return map(Call, *[columns[name] for name in COLUMN_NAMES])

    def _streams(self) -> list[list[StreamRecord]]:
        """Return the streams of each."""
        values = zip(*self.streams.values(), strict=True)
        each = (dict(zip(self.streams, one, strict=True)) for one in values)
        return [list(islice(each, count)) for count in self.counts]
