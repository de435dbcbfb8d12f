"""Host module: what calls were, in the words of their records: media, path, one or several people, access, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from operator import or_
from typing import Any

import numpy as np

from flowclass.apps._fused import APPS, REASONS
from flowclass.calls.columns import Runs
from flowclass.calls.parties import PATH_PACKETS
from flowclass.calls.source import AUDIO, KINDS, OTHER
from flowclass.calls.streams import DOWN, UP, Streams
from flowclass.record.verdict import APP_NAMES

NS_PER_S = 1_000_000_000
#: Audio sources towards the client that sound at once for this long are several people.
GROUP_NS = 5 * NS_PER_S
#: Network costs of libwebrtc (rtc_base/network_constants.h), without the 1 it adds for a VPN.
ACCESS = {0: "wired", 10: "wifi", 250: "5g", 500: "4g", 900: "cellular", 910: "3g", 980: "2g"}
#: Unnamed cost of "I do not know", and its like.
NO_ACCESS = ""
#: Bits of evidence of one application.
WORD_BITS = 32
PATHS = ("", "p2p", "relay", "both")


def app_names(candidates: int) -> list[str]:
    return list(_app_names(candidates))


@lru_cache(maxsize=1024)
def _app_names(candidates: int) -> tuple[str, ...]:
    return tuple(name for number, name in enumerate(APP_NAMES) if candidates >> number & 1)


def evidence(reasons: Iterable[int]) -> list[str]:
    """Return the names of evidence given as bit sets, in the catalog's order."""
    return list(_reason_names(reduce(or_, reasons)))


def evidence_of(words: Any) -> list[tuple[str, ...]]:
    """Return the names of evidence given as uint32[n, REASON_WORDS]."""
    data, size = np.ascontiguousarray(words, "<u4").tobytes(), 4 * words.shape[1]
    rows = [data[at : at + size] for at in range(0, len(data), size)]
    names = {row: _reason_names(int.from_bytes(row, "little")) for row in set(rows)}
    return [names[row] for row in rows]


@lru_cache(maxsize=4096)
def _reason_names(reasons: int) -> tuple[str, ...]:
    """Return the names of a bit set of evidence: calls differ in little of it."""
    return tuple(
        f"{APP_NAMES[APPS[word].label]}.{reason.name}"
        for word, catalog in enumerate(REASONS)
        for position, reason in enumerate(catalog)
        if reasons >> (WORD_BITS * word + position) & 1
    )


def access_network(cost: int) -> str:
    """Return the access network of a network cost plus 1; libwebrtc adds 1 for a VPN on top of it."""
    return ACCESS.get(cost - 1, ACCESS.get(cost - 2, NO_ACCESS)) if cost > 1 else "wired" if cost == 1 else NO_ACCESS


def media_kinds(streams: Streams, calls: int) -> tuple[list[str], list[str], list[str]]:
    """Return what the streams of calls carried, and those up and down: audio, share, video, joined by +.

    Of those that are long, if any are; empty when no RTP header tells.
    """
    kinds, ways, length = len(KINDS), 2, 2
    cell = ((streams.call * ways + streams.way) * kinds + streams.kind) * length + streams.is_long
    has = np.bincount(cell, minlength=calls * ways * kinds * length).reshape(calls, ways, kinds, length) > 0
    every, up, down = (_in_words(some) for some in (has.any(axis=1), has[:, UP], has[:, DOWN]))
    return every, up, down


def _in_words(has: Any) -> list[str]:
    """Return kinds of media, bool[calls, kinds, 2] of short and long streams, in words."""
    kinds = [kind for kind in range(len(KINDS)) if kind != OTHER]
    has = has[:, kinds]
    long = has[:, :, 1]
    shown = np.where(long.any(axis=1)[:, None], long, has.any(axis=2))
    words = [
        "+".join(sorted(KINDS[kind] for bit, kind in enumerate(kinds) if number >> bit & 1)) for number in range(8)
    ]
    return [words[number] for number in (shown @ (1, 2, 4)).tolist()]


def paths_of(legs: Any, of: Runs) -> list[str]:
    """Return the way of the media of calls: relay, p2p, both, or empty when nobody can say."""
    relayed = np.where(legs["packets"].sum(axis=1) >= PATH_PACKETS, legs["relayed"], 2)
    nobody, straight, over_relays = (of.any(relayed == flag) for flag in (-1, 0, 1))
    return [PATHS[number] for number in np.where(nobody, 0, straight + 2 * over_relays).tolist()]


def bytes_by_path(legs: Any, of: Runs) -> tuple[list[int | None], list[int | None]]:
    """Return the bytes of the media flows that went over relays, and not; None when of one nobody can say."""
    size, relayed = legs["bytes"].sum(axis=1), legs["relayed"]
    found: list[list[int | None]] = [of.sum(np.where(relayed == flag, size, 0)).tolist() for flag in (1, 0)]
    for place in np.flatnonzero(of.any(relayed < 0)).tolist():
        for column in found:
            column[place] = None
    return found[0], found[1]


def groups_of(streams: Streams, paths: Sequence[str]) -> list[str]:
    """Return whether two or more people spoke to the client at once, or media went straight to a peer."""
    found = ["1:1" if path in ("p2p", "both") else "" for path in paths]
    voices = np.flatnonzero((streams.way == DOWN) & (streams.kind == AUDIO) & streams.is_long)
    call, last_ns = streams.call[voices], -1
    before = -1
    for place, first, last in zip(
        call.tolist(), streams.first_ns[voices].tolist(), streams.last_ns[voices].tolist(), strict=True
    ):
        # Those of a call come by their begin: the one before that lasts longest is beside this for longest.
        if place == before and min(last_ns, last) - first > GROUP_NS:
            found[place] = "group"
        last_ns = max(last_ns, last) if place == before else last
        before = place
    return found
