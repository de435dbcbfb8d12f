"""Host module: FLOW and VERDICT as lines of integers, one line a value, gathered by NumPy for the text kernels.

The kernels of ``flowclass.sinks.column`` see these lines only, so neither record's layout matters to them, and 64-bit
words (addresses, identifiers) are simply bits in an int64.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

from flowclass.apps._fused import REASON_WORDS
from flowclass.features.row import FEATURE_COUNT
from flowclass.flow.record import NO_VOICE
from flowclass.model.norms import STATES
from flowclass.record.packet import TUNNEL_PATH_LENGTH
from flowclass.record.verdict import App
from flowclass.sinks.text import CONFIDENCE_SCALE


class Value(IntEnum):
    """Line of each value; the last three are followed by the rest of their arrays."""

    FLOW_ID = 0
    VERSION = 1
    SRC_HI = 2
    SRC_LO = 3
    DST_HI = 4
    DST_LO = 5
    LESSER_FIRST = 6  #: 1 when (src, sport) orders before (dst, dport)
    PROTO = 7
    SPORT = 8
    DPORT = 9
    PACKETS = 10
    BYTES = 11
    FWD_PACKETS = 12
    REV_PACKETS = 13
    FWD_BYTES = 14
    REV_BYTES = 15
    FIRST_NS = 16
    DURATION_NS = 17
    END_REASON = 18
    APP = 19
    KIND = 20
    CONFIDENCE = 21  #: in CONFIDENCE_SCALE parts
    CANDIDATES = 22
    DECIDED_BY = 23
    DECIDED_AT_PACKET = 24
    DEPTH = 25
    VOICE_LIKE_S = 26  #: NO_VALUE for none
    NETWORK = 27
    CLIENT = 28
    SRC_COUNTRY = 29
    DST_COUNTRY = 30
    SRC_ASN = 31  #: NO_VALUE for none
    DST_ASN = 32
    TUNNEL_KIND = 33
    TUNNEL_ID = TUNNEL_KIND + TUNNEL_PATH_LENGTH
    REASONS = TUNNEL_ID + TUNNEL_PATH_LENGTH


#: Lines of the reasons of a model's verdict: one bit a feature and state, behind those of evidence.
MODEL_REASONS = Value.REASONS + REASON_WORDS
WORD_BITS = 32
MODEL_WORDS = -(-FEATURE_COUNT * STATES // WORD_BITS)
VALUES = MODEL_REASONS + MODEL_WORDS

#: Stands for "none" among numbers that are never negative.
NO_VALUE = NO_VOICE
#: Bits of ``candidates`` that have a name.
KNOWN_APPS = np.uint64((1 << len(App)) - 1)

#: Values copied as they are: (value, name in FLOW) and (value, name in VERDICT).
_FROM_FLOW = (
    (Value.VERSION, "version"),
    (Value.PROTO, "proto"),
    (Value.SPORT, "sport"),
    (Value.DPORT, "dport"),
    (Value.FIRST_NS, "first_ns"),
    (Value.END_REASON, "end_reason"),
    (Value.CLIENT, "client"),
    (Value.DEPTH, "depth"),
    (Value.VOICE_LIKE_S, "voice_like_s"),
)
_WORDS_FROM_FLOW = (
    (Value.FLOW_ID, "flow_id"),
    (Value.SRC_HI, "src_hi"),
    (Value.SRC_LO, "src_lo"),
    (Value.DST_HI, "dst_hi"),
    (Value.DST_LO, "dst_lo"),
)
_FROM_VERDICT = (
    (Value.APP, "app"),
    (Value.KIND, "kind"),
    (Value.DECIDED_BY, "decided_by"),
    (Value.DECIDED_AT_PACKET, "decided_at_packet"),
)


def values_of(flows: Any, verdicts: Any) -> Any:
    """Return int64[VALUES, n] for FLOW[n] and VERDICT[n]."""
    values = np.empty((VALUES, len(flows)), np.int64)
    for place, name in _FROM_FLOW:
        values[place] = flows[name]
    for place, name in _WORDS_FROM_FLOW:
        values[place] = flows[name].view(np.int64)
    for place, name in _FROM_VERDICT:
        values[place] = verdicts[name]
    values[Value.CANDIDATES] = verdicts["candidates"] & KNOWN_APPS
    values[Value.LESSER_FIRST] = _lesser_first(flows)
    values[Value.FWD_PACKETS : Value.REV_PACKETS + 1] = flows["packets"].T
    values[Value.FWD_BYTES : Value.REV_BYTES + 1] = flows["bytes"].T
    values[Value.NETWORK] = client_network(flows)
    values[Value.SRC_COUNTRY : Value.DST_COUNTRY + 1] = flows["country"].T
    values[Value.SRC_ASN : Value.DST_ASN + 1] = np.where(flows["asn"] == 0, NO_VALUE, flows["asn"].astype(np.int64)).T
    values[Value.PACKETS] = values[Value.FWD_PACKETS] + values[Value.REV_PACKETS]
    values[Value.BYTES] = values[Value.FWD_BYTES] + values[Value.REV_BYTES]
    values[Value.DURATION_NS] = flows["last_ns"] - flows["first_ns"]
    values[Value.CONFIDENCE] = np.rint(
        np.nan_to_num(verdicts["confidence"].astype(float)).clip(0, 1) * CONFIDENCE_SCALE
    )
    values[Value.TUNNEL_KIND : Value.TUNNEL_ID] = flows["tunnel_kind"].T
    values[Value.TUNNEL_ID : Value.REASONS] = flows["tunnel_id"].T
    values[Value.REASONS : MODEL_REASONS] = flows["reasons"].T
    values[MODEL_REASONS:] = model_words(verdicts["signs"]).T
    return values


def client_network(flows: Any) -> Any:
    """Return uint16[n]: the number of the client's network of FLOW[n], 0 for other."""
    sides = [np.zeros(len(flows), np.uint16), flows["network"][:, 0], flows["network"][:, 1]]
    return np.choose(flows["client"], sides)


def model_words(signs: Any) -> Any:
    """Return uint32[n, MODEL_WORDS]: the bits of ``VERDICT["signs"]``, uint16[n, WEIGHED]."""
    words = np.zeros((len(signs), MODEL_WORDS), np.uint32)
    for mine in signs.T:
        row = np.flatnonzero(mine)
        bit = mine[row].astype(np.int64) - 1
        words[row, bit // WORD_BITS] |= np.uint32(1) << (bit % WORD_BITS).astype(np.uint32)
    return words


def _lesser_first(flows: Any) -> Any:
    """Return bool[n]: whether the source endpoint orders before the destination, as the Community ID compares them."""
    result = flows["sport"] < flows["dport"]
    for half in ("lo", "hi"):
        src, dst = flows[f"src_{half}"], flows[f"dst_{half}"]
        result = (src < dst) | ((src == dst) & result)
    return result
