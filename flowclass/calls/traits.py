"""Host module: what a call was, in the words of its record: media, path, one or several people, access, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from flowclass.apps._fused import APPS, REASONS
from flowclass.calls.figures import PATH_PACKETS
from flowclass.calls.leg import Leg
from flowclass.calls.stream import Stream
from flowclass.record.verdict import APP_NAMES

NS_PER_S = 1_000_000_000
#: Audio sources towards the client that sound at once for this long are several people.
GROUP_NS = 5 * NS_PER_S
#: Network costs of libwebrtc (rtc_base/network_constants.h), without the 1 it adds for a VPN.
ACCESS = {0: "wired", 10: "wifi", 250: "5g", 500: "4g", 900: "cellular", 910: "3g", 980: "2g"}
#: Unnamed cost of "I do not know", and its like.
NO_ACCESS = ""


def app_names(candidates: int) -> list[str]:
    return list(_app_names(candidates))


@lru_cache(maxsize=1024)
def _app_names(candidates: int) -> tuple[str, ...]:
    return tuple(name for number, name in enumerate(APP_NAMES) if candidates >> number & 1)


def evidence(reasons: Iterable[tuple[int, int]]) -> list[str]:
    """Return the names of evidence given as (word, bits), in the catalog's order."""
    words: dict[int, int] = {}
    for word, bits in reasons:
        words[word] = words.get(word, 0) | bits
    return [name for word in sorted(words) for name in _reason_names(word, words[word])]


@lru_cache(maxsize=1024)
def _reason_names(word: int, bits: int) -> tuple[str, ...]:
    """Return the names of one application's evidence: calls differ in little of it."""
    return tuple(
        f"{APP_NAMES[APPS[word].label]}.{reason.name}"
        for position, reason in enumerate(REASONS[word])
        if bits >> position & 1
    )


def access_network(cost: int) -> str:
    """Return the access network of a network cost plus 1; libwebrtc adds 1 for a VPN on top of it."""
    return ACCESS.get(cost - 1, ACCESS.get(cost - 2, NO_ACCESS)) if cost > 1 else "wired" if cost == 1 else NO_ACCESS


def media_kinds(streams: Sequence[Stream]) -> str:
    """Return what streams carried: audio, share, video, joined by +; empty when no RTP header tells."""
    kinds = sorted({stream.kind for stream in streams if stream.kind != "other" and stream.is_long})
    return "+".join(kinds) or "+".join(sorted({stream.kind for stream in streams if stream.kind != "other"}))


def path_of(media: Sequence[Leg]) -> str:
    """Return the way of the media: relay, p2p, both, or empty when nobody can say."""
    ways = {leg.relayed for leg in media if sum(leg.packets) >= PATH_PACKETS}
    if None in ways or not ways:
        return ""
    return "both" if len(ways) == 2 else "relay" if True in ways else "p2p"


def bytes_by_path(legs: Sequence[Leg], *, relayed: bool) -> int | None:
    """Return the bytes of the media flows that went over relays, or not; None when of one nobody can say."""
    if any(leg.relayed is None for leg in legs):
        return None
    return sum(sum(leg.bytes) for leg in legs if leg.relayed == relayed)


def group_of(streams: Sequence[Stream], path: str) -> str:
    """Return whether two or more people spoke to the client at once, or media went straight to a peer."""
    voices = [one for one in streams if one.direction == "down" and one.kind == "audio" and one.is_long]
    for place, one in enumerate(voices):
        for other in voices[place + 1 :]:
            if min(one.last_ns, other.last_ns) - max(one.first_ns, other.first_ns) > GROUP_NS:
                return "group"
    return "1:1" if path in ("p2p", "both") else ""
