"""Kernel module: columns of values become text, and columns of text become rows.

Called by ``flowclass.sinks.format`` a few times a batch. ``render_column`` writes all values of one column end to end,
each behind a prefix, as Arrow keeps strings; ``weave`` puts the columns side by side into rows. One column at a time,
so that what a value is gets decided once a column, not once a value (docs/decisions/0006-records-as-columns.md).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from flowclass.jit import entry, kernel
from flowclass.record.packet import TUNNEL_PATH_LENGTH, TunnelKind
from flowclass.sinks.community import has_community_id, put_community_id
from flowclass.sinks.text import put_address, put_bytes, put_decimal, put_hex, put_hex64, put_ratio, put_seconds
from flowclass.sinks.values import WORD_BITS, Value

#: First words of a format: no value, marks around and between the items of a list; then the prefixes.
NULL, LIST_OPEN, LIST_SEPARATOR, LIST_CLOSE = range(4)
PREFIX = 4
SLASH, COLON, ZERO, LETTER_X, PLUS = 47, 58, 48, 120, 43


class Form(IntEnum):
    """How a column is written. ``value`` and ``word`` are the other two numbers of its step."""

    NOTHING = 0  #: the prefix says it all
    NUMBER = 1
    SECONDS = 2  #: value in ns
    RATIO = 3
    WORD = 4  #: ``word`` + value
    BITS = 5  #: list of words: bit b of line value + w is ``word`` + WORD_BITS * w + b, to the last line
    BIT_SET = 6  #: the same of a single line
    HEX64 = 7
    ADDRESS = 8  #: value is the high half
    COMMUNITY_ID = 9
    TUNNEL = 10  #: ``word`` + TunnelKind
    OPTIONAL = 11  #: a number, or no value below 0
    WORD_OR_NULL = 12  #: no value for 0


@kernel
def put_word(out: Any, pos: int, text: Any, ends: Any, index: int) -> int:
    """Write word ``index``."""
    return put_bytes(out, pos, text, ends[index], ends[index + 1])


@kernel
def put_tunnel(out: Any, pos: int, values: Any, row: int, text: Any, ends: Any, names: int) -> int:
    """Write the tunnel layers, outermost first."""
    depth = values[Value.DEPTH, row]
    for layer in range(min(depth, TUNNEL_PATH_LENGTH)):
        if layer > 0:
            out[pos] = SLASH
            pos += 1
        kind, number = values[Value.TUNNEL_KIND + layer, row], values[Value.TUNNEL_ID + layer, row]
        pos = put_word(out, pos, text, ends, names + kind)
        if TunnelKind.IPIP <= kind <= TunnelKind.IP6IN6 or kind == TunnelKind.PSEUDOWIRE:
            continue  # these have no number
        out[pos] = COLON
        pos += 1
        if kind == TunnelKind.GTPU or kind == TunnelKind.L2TP:
            out[pos] = ZERO
            out[pos + 1] = LETTER_X
            pos = put_hex(out, pos + 2, number)
        else:
            pos = put_decimal(out, pos, number)
    if depth > TUNNEL_PATH_LENGTH:
        out[pos] = SLASH
        out[pos + 1] = PLUS
        pos = put_decimal(out, pos + 2, depth - TUNNEL_PATH_LENGTH)
    return pos


@kernel
def put_quote(out: Any, pos: int, quote: int) -> int:
    """Write the quotation mark, if the format has one."""
    out[pos] = quote
    return pos + (quote != 0)


@kernel
def write_numbers(line: Any, form: int, prefix: int, text: Any, ends: Any, places: Any, out: Any) -> int:
    """Write a column of integers, times or ratios."""
    pos = 0
    for row in range(len(line)):
        pos = put_word(out, pos, text, ends, prefix)
        if form == Form.OPTIONAL and line[row] < 0:
            pos = put_word(out, pos, text, ends, NULL)
        elif form == Form.NUMBER or form == Form.OPTIONAL:
            pos = put_decimal(out, pos, line[row])
        elif form == Form.SECONDS:
            pos = put_seconds(out, pos, line[row])
        elif form == Form.RATIO:
            pos = put_ratio(out, pos, line[row])
        places[row + 1] = pos
    return pos


@kernel
def write_words(line: Any, word: int, prefix: int, text: Any, ends: Any, quote: int, places: Any, out: Any) -> int:
    """Write a column of names, or of 64-bit words in hexadecimal when ``word`` is negative."""
    pos = 0
    for row in range(len(line)):
        pos = put_quote(out, put_word(out, pos, text, ends, prefix), quote)
        if word >= 0:
            pos = put_word(out, pos, text, ends, word + line[row])
        else:
            pos = put_hex64(out, pos, line[row])
        pos = put_quote(out, pos, quote)
        places[row + 1] = pos
    return pos


@kernel
def write_words_or_null(
    line: Any, word: int, prefix: int, text: Any, ends: Any, quote: int, places: Any, out: Any
) -> int:
    """Write a column of names, null for the first."""
    pos = 0
    for row in range(len(line)):
        pos = put_word(out, pos, text, ends, prefix)
        if line[row] != 0:
            pos = put_word(out, put_quote(out, pos, quote), text, ends, word + line[row])
            pos = put_quote(out, pos, quote)
        else:
            pos = put_word(out, pos, text, ends, NULL)
        places[row + 1] = pos
    return pos


@kernel
def write_addresses(
    values: Any, high: int, prefix: int, text: Any, ends: Any, quote: int, places: Any, out: Any
) -> int:
    """Write a column of addresses."""
    pos = 0
    for row in range(values.shape[1]):
        pos = put_quote(out, put_word(out, pos, text, ends, prefix), quote)
        pos = put_address(out, pos, values[Value.VERSION, row], values[high, row], values[high + 1, row])
        pos = put_quote(out, pos, quote)
        places[row + 1] = pos
    return pos


@kernel
def write_community_ids(
    values: Any, prefix: int, text: Any, ends: Any, quote: int, block: Any, places: Any, out: Any
) -> int:
    """Write the column of Community IDs."""
    pos = 0
    for row in range(values.shape[1]):
        pos = put_word(out, pos, text, ends, prefix)
        if has_community_id(values[Value.PROTO, row]):
            pos = put_community_id(out, put_quote(out, pos, quote), values, row, block)
            pos = put_quote(out, pos, quote)
        else:
            pos = put_word(out, pos, text, ends, NULL)
        places[row + 1] = pos
    return pos


@kernel
def write_tunnels(values: Any, word: int, prefix: int, text: Any, ends: Any, quote: int, places: Any, out: Any) -> int:
    """Write the column of tunnel layers."""
    pos = 0
    for row in range(values.shape[1]):
        pos = put_word(out, pos, text, ends, prefix)
        if values[Value.DEPTH, row] > 0:
            pos = put_tunnel(out, put_quote(out, pos, quote), values, row, text, ends, word)
            pos = put_quote(out, pos, quote)
        else:
            pos = put_word(out, pos, text, ends, NULL)
        places[row + 1] = pos
    return pos


@kernel
def write_lists(lines: Any, word: int, prefix: int, text: Any, ends: Any, quote: int, places: Any, out: Any) -> int:
    """Write a column of lists: the names of all bits set in a row's words; a bit without a name is left out."""
    pos = 0
    for row in range(lines.shape[1]):
        pos = put_word(out, pos, text, ends, prefix)
        pos = put_word(out, pos, text, ends, LIST_OPEN)
        items = 0
        for index in range(lines.shape[0]):
            rest, name = lines[index, row], word + WORD_BITS * index
            while rest != 0:
                if rest & 1 and ends[name + 1] > ends[name]:
                    if items > 0:
                        pos = put_word(out, pos, text, ends, LIST_SEPARATOR)
                    pos = put_word(out, put_quote(out, pos, quote), text, ends, name)
                    pos = put_quote(out, pos, quote)
                    items += 1
                rest >>= 1
                name += 1
        pos = put_word(out, pos, text, ends, LIST_CLOSE)
        places[row + 1] = pos
    return pos


@entry
def render_column(
    values: Any,
    form: int,
    value: int,
    word: int,
    prefix: int,
    text: Any,
    ends: Any,
    quote: int,
    block: Any,
    places: Any,
    out: Any,
) -> int:
    """Write one column end to end.

    Parameters
    ----------
    values : int64[VALUES, n]
    form, value, word : a Form, its line in ``values``, its vocabulary's first word
    prefix : word in front of every value
    text, ends : words end to end: word ``i`` is ``text[ends[i]:ends[i + 1]]``
    quote : byte around text values, 0 for none
    block : int64[16] scratch
    places : int32[n + 1]; ``places[i]:places[i + 1]`` becomes the place of row ``i`` in ``out``
    out : uint8 buffer, large enough for ``n`` of the column's longest values

    Returns
    -------
    The number of bytes written.
    """  # fmt: skip
    places[0] = 0
    if form == Form.WORD:
        return write_words(values[value], word, prefix, text, ends, quote, places, out)
    if form == Form.WORD_OR_NULL:
        return write_words_or_null(values[value], word, prefix, text, ends, quote, places, out)
    if form == Form.HEX64:
        return write_words(values[value], -1, prefix, text, ends, quote, places, out)
    if form == Form.ADDRESS:
        return write_addresses(values, value, prefix, text, ends, quote, places, out)
    if form == Form.COMMUNITY_ID:
        return write_community_ids(values, prefix, text, ends, quote, block, places, out)
    if form == Form.TUNNEL:
        return write_tunnels(values, word, prefix, text, ends, quote, places, out)
    if form == Form.BITS:
        return write_lists(values[value:], word, prefix, text, ends, quote, places, out)
    if form == Form.BIT_SET:
        return write_lists(values[value : value + 1], word, prefix, text, ends, quote, places, out)
    return write_numbers(values[value], form, prefix, text, ends, places, out)


@entry
def weave(cells: Any, bases: Any, places: Any, out: Any) -> int:
    """Put columns of text side by side into rows.

    Parameters
    ----------
    cells : uint8, all columns; column ``c`` begins at ``bases[c]``
    bases : int64[columns]
    places : int32[columns, n + 1], see ``render_column``
    out : uint8 buffer for all that the columns hold

    Returns
    -------
    The number of bytes written.
    """
    pos = 0
    for row in range(places.shape[1] - 1):
        for column in range(len(bases)):
            base = bases[column]
            pos = put_bytes(out, pos, cells, base + places[column, row], base + places[column, row + 1])
    return pos
