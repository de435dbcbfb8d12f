"""Host module: Format, all that ``flowclass.sinks.column`` needs to know: steps, literals, vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from flowclass.apps._fused import APPS, REASONS
from flowclass.features.row import FEATURE_NAMES
from flowclass.model.norms import STATE_NAMES
from flowclass.networks.geo import COUNTRY_CODES
from flowclass.record.packet import TunnelKind
from flowclass.record.verdict import APP_NAMES, DECIDED_BY_NAMES, KIND_NAMES
from flowclass.sinks.column import PREFIX, Form, render_column, weave
from flowclass.sinks.columns import CLIENT_NAMES, END_REASON_NAMES, SCHEMA_VERSION, Column
from flowclass.sinks.values import MODEL_WORDS, WORD_BITS, Value

#: Rows rendered at a time: their columns stay in the second-level cache.
CHUNK_ROWS = 1024
#: Upper bound of a value that is no list and no word: four tunnel layers of ten letters, a colon and a number.
LONGEST_VALUE = 128
#: Names that differ from the enumeration's, which must be a Python name.
_TUNNEL_NAMES = {TunnelKind.IP6IN4: "6in4", TunnelKind.IP4IN6: "4in6", TunnelKind.IP6IN6: "6in6"}
TUNNEL_NAMES = tuple(_TUNNEL_NAMES.get(kind, kind.name.lower()) for kind in TunnelKind)

#: How each column is written: form, place in the row of values, vocabulary.
STEPS: dict[Column, tuple[Form, int, str]] = {
    Column.SCHEMA: (Form.NOTHING, 0, ""),
    Column.CAPTURE: (Form.NOTHING, 0, ""),
    Column.FLOW_ID: (Form.HEX64, Value.FLOW_ID, ""),
    Column.COMMUNITY_ID: (Form.COMMUNITY_ID, 0, ""),
    Column.PROTO: (Form.NUMBER, Value.PROTO, ""),
    Column.SRC: (Form.ADDRESS, Value.SRC_HI, ""),
    Column.SPORT: (Form.NUMBER, Value.SPORT, ""),
    Column.DST: (Form.ADDRESS, Value.DST_HI, ""),
    Column.DPORT: (Form.NUMBER, Value.DPORT, ""),
    Column.TUNNEL: (Form.TUNNEL, 0, "tunnel"),
    Column.PACKETS: (Form.NUMBER, Value.PACKETS, ""),
    Column.BYTES: (Form.NUMBER, Value.BYTES, ""),
    Column.FWD_PACKETS: (Form.NUMBER, Value.FWD_PACKETS, ""),
    Column.REV_PACKETS: (Form.NUMBER, Value.REV_PACKETS, ""),
    Column.FWD_BYTES: (Form.NUMBER, Value.FWD_BYTES, ""),
    Column.REV_BYTES: (Form.NUMBER, Value.REV_BYTES, ""),
    Column.START: (Form.SECONDS, Value.FIRST_NS, ""),
    Column.DURATION_S: (Form.SECONDS, Value.DURATION_NS, ""),
    Column.END_REASON: (Form.WORD, Value.END_REASON, "end_reason"),
    Column.APP: (Form.WORD, Value.APP, "app"),
    Column.KIND: (Form.WORD, Value.KIND, "kind"),
    Column.CONFIDENCE: (Form.RATIO, Value.CONFIDENCE, ""),
    Column.CANDIDATES: (Form.BIT_SET, Value.CANDIDATES, "app"),
    Column.DECIDED_BY: (Form.WORD, Value.DECIDED_BY, "decided_by"),
    Column.DECIDED_AT_PACKET: (Form.NUMBER, Value.DECIDED_AT_PACKET, ""),
    Column.REASONS: (Form.BITS, Value.REASONS, "reason"),
    Column.VOICE_LIKE_S: (Form.OPTIONAL, Value.VOICE_LIKE_S, ""),
    Column.NETWORK: (Form.WORD, Value.NETWORK, "network"),
    Column.CLIENT: (Form.WORD_OR_NULL, Value.CLIENT, "client"),
    Column.SRC_COUNTRY: (Form.WORD_OR_NULL, Value.SRC_COUNTRY, "country"),
    Column.DST_COUNTRY: (Form.WORD_OR_NULL, Value.DST_COUNTRY, "country"),
    Column.SRC_ASN: (Form.OPTIONAL, Value.SRC_ASN, ""),
    Column.DST_ASN: (Form.OPTIONAL, Value.DST_ASN, ""),
}


def reason_names() -> list[str]:
    """Return the name of every bit of the reasons, "" where a bit has no meaning.

    Those of evidence first, as ``application.reason``; then those of a model's verdict, as ``model.feature-state``.
    """
    of_model = [f"model.{name.replace('_', '-')}-{state}" for name in FEATURE_NAMES for state in STATE_NAMES]
    of_model += [""] * (MODEL_WORDS * WORD_BITS - len(of_model))
    return evidence_names() + of_model


def evidence_names() -> list[str]:
    """Return the name of every bit of ``FLOW["reasons"]`` as ``application.reason``, "" where a bit has no meaning."""
    return [
        f"{APP_NAMES[application.label]}.{reasons[bit].name}" if bit < len(reasons) else ""
        for application, reasons in zip(APPS, REASONS, strict=True)
        for bit in range(WORD_BITS)
    ]


@cache
def vocabularies() -> dict[str, Sequence[str]]:
    """Return every closed vocabulary of a record. Bit sets need WORD_BITS names a word, so ``app`` is filled up."""
    return {
        "app": [*APP_NAMES, *[""] * (WORD_BITS - len(APP_NAMES))],
        "kind": KIND_NAMES,
        "decided_by": DECIDED_BY_NAMES,
        "end_reason": END_REASON_NAMES,
        "tunnel": TUNNEL_NAMES,
        "reason": reason_names(),
        "client": CLIENT_NAMES,
        "country": COUNTRY_CODES,
    }


@dataclass(frozen=True)
class Marks:
    """The literals of a text format."""

    row_end: bytes = b""
    null: bytes = b""
    brackets: bytes = b""  #: both marks around a list, or none
    separator: bytes = b""  #: between the items of a list
    quote: bytes = b""


class Format:
    """Columns to write, in order, with the text in front of each.

    Parameters
    ----------
    prefixes : column → literal
    marks : the format's other literals
    networks : names of networks by number
    """

    def __init__(self, prefixes: dict[Column, bytes], marks: Marks, networks: Sequence[str] = ()) -> None:
        used = {STEPS[column][2] for column in prefixes}
        names = {name: words for name, words in vocabularies().items() if name in used}
        names["network"] = networks
        literals = [*prefixes.values(), marks.row_end]
        words = [marks.null, marks.brackets[:1], marks.separator, marks.brackets[1:], *literals]
        first = {"": 0}
        for name, vocabulary in names.items():
            first[name] = len(words)
            words += [word.encode() for word in vocabulary]
        self._text = np.frombuffer(b"".join(words) + b"\0", np.uint8).copy()
        self._ends = np.cumsum([0, *(len(word) for word in words)], dtype=np.int64)
        self._quote = ord(marks.quote) if marks.quote else 0
        self._block = np.zeros(16, np.int64)
        # The row's end is one more column, which has a prefix only.
        steps = [*(STEPS[column] for column in prefixes), (Form.NOTHING, 0, "")]
        self._steps = [(int(form), int(value), first[name]) for form, value, name in steps]
        item = len(marks.separator) + 2
        longest = [
            len(literal) + len(marks.null) + 4 + LONGEST_VALUE + _longest(form, names.get(name, ()), item)
            for literal, (form, _, name) in zip(literals, steps, strict=True)
        ]
        self._bases = np.cumsum([0, *longest], dtype=np.int64) * CHUNK_ROWS
        # Sized for the longest rows; memory that short rows never touch is never given.
        self._cells = np.empty(int(self._bases[-1]), np.uint8)
        self._out = np.empty(0, np.uint8)

    def render(self, values: Any) -> Iterator[tuple[Any, Any]]:
        """Write int64[VALUES, n] (``flowclass.sinks.values``).

        Yields
        ------
        For each chunk of rows: where each begins and ends (int32[rows + 1]), and their bytes (uint8); both are valid
        until the next chunk is asked for. The places are those of the only column when there is but one.
        """
        for lo in range(0, values.shape[1], CHUNK_ROWS):
            chunk = np.ascontiguousarray(values[:, lo : lo + CHUNK_ROWS])
            places = np.zeros((len(self._steps), chunk.shape[1] + 1), np.int32)
            total = sum(self._render_column(index, chunk, places[index]) for index in range(len(self._steps)))
            if self._out.size < total:
                self._out = np.empty(2 * total, np.uint8)
            yield places[0], self._out[: weave(self._cells, self._bases[:-1], places, self._out)]

    def _render_column(self, index: int, chunk: Any, places: Any) -> int:
        """Write one column of a chunk; return its bytes."""
        form, value, word = self._steps[index]
        cells = self._cells[self._bases[index] : self._bases[index + 1]]
        return int(
            render_column(
                chunk,
                form,
                value,
                word,
                PREFIX + index,
                self._text,
                self._ends,
                self._quote,
                self._block,
                places,
                cells,
            )
        )


def _longest(form: Form, words: Sequence[str], item: int) -> int:
    """Return the most bytes that words of a vocabulary take: a list may hold them all, others hold one."""
    lengths = [len(word.encode()) + item for word in words] or [0]
    return sum(lengths) if form in (Form.BITS, Form.BIT_SET) else max(lengths)


def prefixed(make: Any, capture: bytes, columns: Sequence[Column]) -> dict[Column, bytes]:
    """Return the prefixes of columns; schema version and capture name, which never change, are part of theirs."""
    prefixes = {column: make(column) for column in columns}
    prefixes[Column.SCHEMA] += str(SCHEMA_VERSION).encode()
    prefixes[Column.CAPTURE] += capture
    return prefixes
