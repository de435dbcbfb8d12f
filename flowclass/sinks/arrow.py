"""Host module: flow records as Arrow record batches, for Parquet and for the library (needs pyarrow).

Columns have full types: ``start`` is a timestamp in nanoseconds, UTC; ``duration_s`` and ``confidence`` are float64;
names are dictionary-encoded; ``candidates`` and ``reasons`` are lists of text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowclass.errors import SinkError
from flowclass.networks.enrichment import Enrichment
from flowclass.networks.geo import COUNTRY_CODES
from flowclass.record.verdict import APP_NAMES, DECIDED_BY_NAMES, KIND_NAMES
from flowclass.sinks.columns import (
    CLIENT_NAMES,
    COLUMN_NAMES,
    END_REASON_NAMES,
    SCHEMA_VERSION,
    Column,
    columns_with,
)
from flowclass.sinks.format import Format, Marks, reason_names
from flowclass.sinks.text import CONFIDENCE_SCALE, NS_PER_S
from flowclass.sinks.values import NO_VALUE, Value, model_words, values_of

_COUNTRIES = {Column.SRC_COUNTRY: 0, Column.DST_COUNTRY: 1}
_ASNS = {Column.SRC_ASN: 0, Column.DST_ASN: 1}
#: Columns that are text made of the flow; those of MAY_BE_NULL may have no value.
TEXTS = (Column.FLOW_ID, Column.COMMUNITY_ID, Column.SRC, Column.DST, Column.TUNNEL)
MAY_BE_NULL = (Column.COMMUNITY_ID, Column.TUNNEL, Column.VOICE_LIKE_S, Column.CLIENT, *_COUNTRIES, *_ASNS)
#: Columns that are integers, with their place in a row of values.
NUMBERS = {
    Column.PROTO: Value.PROTO,
    Column.SPORT: Value.SPORT,
    Column.DPORT: Value.DPORT,
    Column.PACKETS: Value.PACKETS,
    Column.BYTES: Value.BYTES,
    Column.FWD_PACKETS: Value.FWD_PACKETS,
    Column.REV_PACKETS: Value.REV_PACKETS,
    Column.FWD_BYTES: Value.FWD_BYTES,
    Column.REV_BYTES: Value.REV_BYTES,
    Column.DECIDED_AT_PACKET: Value.DECIDED_AT_PACKET,
}


def require_pyarrow() -> Any:
    """Return pyarrow or say how to get it."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise SinkError(
            "Parquet needs the package pyarrow: install flowclass[parquet], or choose --format jsonl or csv"
        ) from error
    return pa


class ArrowFlows:
    """Makes Arrow record batches of flows.

    Parameters
    ----------
    enrichment : what adds columns, None for nothing

    Attributes
    ----------
    schema : the batches' Arrow schema
    """

    def __init__(self, enrichment: Enrichment | None = None) -> None:
        self._pa = require_pyarrow()
        self._enrichment = enrichment
        self._columns = columns_with(enrichment)
        self._reason_names = reason_names()
        self._texts = {column: Format({column: b""}, Marks()) for column in TEXTS}
        self.schema = self._make_schema()

    def _make_schema(self) -> Any:
        pa = self._pa
        names = pa.dictionary(pa.int8(), pa.string())
        types = {column: pa.int64() for column in Column}
        types |= dict.fromkeys((Column.SCHEMA, Column.PROTO), pa.uint8())
        types |= dict.fromkeys((Column.SPORT, Column.DPORT), pa.uint16())
        types |= dict.fromkeys(TEXTS, pa.string())
        types |= dict.fromkeys((Column.END_REASON, Column.APP, Column.KIND, Column.DECIDED_BY), names)
        types |= dict.fromkeys((Column.DURATION_S, Column.CONFIDENCE), pa.float64())
        types |= dict.fromkeys((Column.CANDIDATES, Column.REASONS), pa.list_(pa.string()))
        wide = pa.dictionary(pa.int16(), pa.string())
        types |= dict.fromkeys((Column.NETWORK, *_COUNTRIES), wide) | {Column.CLIENT: names}
        types |= {Column.CAPTURE: pa.dictionary(pa.int32(), pa.string()), Column.START: pa.timestamp("ns", tz="UTC")}
        fields = [pa.field(COLUMN_NAMES[c], types[c], nullable=c in MAY_BE_NULL) for c in self._columns]
        return pa.schema(fields, metadata={"flowclass.schema": str(SCHEMA_VERSION)})

    def batch(self, flows: Any, verdicts: Any, capture: str) -> Any:
        """Return FLOW[n] with its VERDICT[n] as one record batch."""
        pa, n = self._pa, len(flows)
        values = values_of(flows, verdicts)
        columns: dict[Column, Any] = {column: values[place].copy() for column, place in NUMBERS.items()}
        columns |= {column: self._text(column, values) for column in TEXTS}
        columns |= {
            Column.SCHEMA: np.full(n, SCHEMA_VERSION, np.uint8),
            Column.CAPTURE: pa.DictionaryArray.from_arrays(
                np.zeros(n, np.int32), [capture.encode(errors="backslashreplace").decode()]
            ),
            Column.START: values[Value.FIRST_NS].astype("datetime64[ns]"),
            Column.DURATION_S: values[Value.DURATION_NS] / NS_PER_S,
            Column.END_REASON: self._named(flows["end_reason"], END_REASON_NAMES),
            Column.APP: self._named(verdicts["app"], APP_NAMES),
            Column.KIND: self._named(verdicts["kind"], KIND_NAMES),
            Column.CONFIDENCE: values[Value.CONFIDENCE] / CONFIDENCE_SCALE,
            Column.CANDIDATES: self._listed(verdicts["candidates"], APP_NAMES),
            Column.DECIDED_BY: self._named(verdicts["decided_by"], DECIDED_BY_NAMES),
            Column.REASONS: self._listed(
                np.concatenate([flows["reasons"].astype(np.uint32), model_words(verdicts["signs"])], axis=1),
                self._reason_names,
            ),
            Column.VOICE_LIKE_S: pa.array(values[Value.VOICE_LIKE_S], mask=values[Value.VOICE_LIKE_S] == NO_VALUE),
        }
        if self._enrichment is not None:
            columns[Column.NETWORK] = self._named(values[Value.NETWORK], self._enrichment.names)
            columns[Column.CLIENT] = self._named_or_null(flows["client"], CLIENT_NAMES)
            columns |= {
                c: self._named_or_null(flows["country"][:, way], COUNTRY_CODES) for c, way in _COUNTRIES.items()
            }
            columns |= {c: pa.array(flows["asn"][:, way], mask=flows["asn"][:, way] == 0) for c, way in _ASNS.items()}
        arrays = [pa.array(columns[c]).cast(self.schema.field(COLUMN_NAMES[c]).type) for c in self._columns]
        return pa.record_batch(arrays, self.schema)

    def _named(self, values: Any, names: Sequence[str]) -> Any:
        """Return numbers of a closed vocabulary as a dictionary array."""
        return self._pa.DictionaryArray.from_arrays(values.astype(np.int16), list(names))

    def _named_or_null(self, values: Any, names: Sequence[str]) -> Any:
        """Return the same with null for 0."""
        numbers = self._pa.array(values.astype(np.int16), mask=values == 0)
        return self._pa.DictionaryArray.from_arrays(numbers, list(names))

    def _listed(self, words: Any, names: Sequence[str]) -> Any:
        """Return bit sets (n rows of one or more words) as lists of names; bits without a name are left out."""
        n = len(words)
        octets = words.astype(words.dtype.newbyteorder("<")).reshape(n, -1).view(np.uint8)
        is_set = np.unpackbits(octets, axis=1, bitorder="little")[:, : len(names)].astype(bool)
        is_set &= np.array([bool(name) for name in names])
        offsets = np.zeros(n + 1, np.int32)
        np.cumsum(is_set.sum(axis=1), out=offsets[1:])
        items = self._pa.array(names, self._pa.string()).take(self._pa.array(np.nonzero(is_set)[1]))
        return self._pa.ListArray.from_arrays(offsets, items)

    def _text(self, column: Column, values: Any) -> Any:
        """Return a text column written by the kernel; rows without a value become null."""
        pieces = []
        for places, text in self._texts[column].render(values):
            present = np.packbits(np.diff(places) > 0, bitorder="little")
            buffers = [self._pa.py_buffer(part.tobytes()) for part in (present, places, text)]
            pieces.append(self._pa.StringArray.from_buffers(len(places) - 1, buffers[1], buffers[2], buffers[0]))
        return self._pa.concat_arrays(pieces)
