"""Host module: what a call was, in the words of its record: media, path, one or several people, access, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from operator import or_

from flowclass.apps._fused import APPS, REASONS
from flowclass.calls.figures import PATH_PACKETS
from flowclass.calls.leg import Leg
from flowclass.calls.source import AUDIO, KINDS, OTHER
from flowclass.calls.streams import DOWN, Stream
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


def app_names(candidates: int) -> list[str]:
    return list(_app_names(candidates))


@lru_cache(maxsize=1024)
def _app_names(candidates: int) -> tuple[str, ...]:
    return tuple(name for number, name in enumerate(APP_NAMES) if candidates >> number & 1)


def evidence(reasons: Iterable[int]) -> list[str]:
    """Return the names of evidence given as bit sets, in the catalog's order."""
    return list(_reason_names(reduce(or_, reasons)))


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


def media_kinds(streams: Sequence[Stream]) -> str:
    """Return what streams carried: audio, share, video, joined by +; empty when no RTP header tells."""
    return _in_words(tuple([(stream.kind, stream.is_long) for stream in streams])) if streams else ""


@lru_cache(maxsize=1024)
def _in_words(streams: Sequence[tuple[int, bool]]) -> str:
    """Return what streams (kind, whether it is long) carried: most calls have the same few."""
    every = {KINDS[kind] for kind, _ in streams if kind != OTHER}
    long = {KINDS[kind] for kind, is_long in streams if kind != OTHER and is_long}
    return "+".join(sorted(long or every))


def path_of(media: Sequence[Leg]) -> str:
    """Return the way of the media: relay, p2p, both, or empty when nobody can say."""
    ways = {leg.relayed for leg in media if sum(leg.packets) >= PATH_PACKETS}
    if None in ways or not ways:
        return ""
    return "both" if len(ways) == 2 else "relay" if True in ways else "p2p"


def bytes_by_path(legs: Sequence[Leg]) -> tuple[int | None, int | None]:
    """Return the bytes of the media flows that went over relays, and not; None when of one nobody can say."""
    over_relays = to_peers = 0
    for leg in legs:
        if leg.relayed is None:
            return None, None
        if leg.relayed:
            over_relays += sum(leg.bytes)
        else:
            to_peers += sum(leg.bytes)
    return over_relays, to_peers


def group_of(streams: Sequence[Stream], path: str) -> str:
    """Return whether two or more people spoke to the client at once, or media went straight to a peer."""
    voices = [one for one in streams if one.way == DOWN and one.kind == AUDIO and one.is_long]
    for place, one in enumerate(voices):
        for other in voices[place + 1 :]:
            if min(one.last_ns, other.last_ns) - max(one.first_ns, other.first_ns) > GROUP_NS:
                return "group"
    return "1:1" if path in ("p2p", "both") else ""
