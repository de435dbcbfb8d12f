"""Host module: when media of known flows went both ways, by tshark's reading of the packets alone.

Nothing of flowclass is used: RTP is what has its version, a plausible payload type and a source that goes on, at the
places where the applications put it; where a flow has none, its packets other than STUN are the media.
"""

from __future__ import annotations

import csv
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

#: Bytes in front of RTP: none, Viber's id, TURN ChannelData, Zoom's P2P and server audio and video, MS-TURN (FACTS §1).
OFFSETS = (0, 2, 4, 12, 19, 24, 27, 32, 20, 35)
#: Packets that a source must have sent to be one, and a silence that ends a call (FACTS §3.1).
LEAST_PACKETS, GAP_S = 10, 10.0
#: Media without RTP, or the RTCP of a call in which nobody speaks, goes at this rate at least, packets a second.
LEAST_RATE = 1.0
#: Both ways within this of each other is both ways at once.
TWO_WAY_S = 1.0
#: Mean size of RTP payload above which a source is video (FACTS §3.1), and how long it must be for that to be said.
VIDEO_BYTES, LONG_S, LONG_PACKETS = 400, 2.0, 20
COOKIE = "2112a442"

Socket = tuple[str, int]


@dataclass(frozen=True)
class Packet:
    """A datagram of a labelled flow; ``up`` leads away from the client."""

    at: float
    up: bool
    flow: frozenset[Socket]
    payload: bytes


@dataclass(frozen=True)
class Talk:
    """One call as the packets tell: first and last media, seconds both ways, kinds of media."""

    begin: float
    end: float
    talk_s: float
    media: str


@cache
def labelled_media(folder: Path) -> dict[str, set[frozenset[Socket]]]:
    """Return the UDP flows labelled as media of calls, by capture."""
    found: dict[str, set[frozenset[Socket]]] = defaultdict(set)
    with (folder / "flows.csv").open() as file:
        for row in csv.DictReader(file):
            if row["kind"] == "call-media" and row["proto"] == "17":
                ends = ((row[end], int(row[port])) for end, port in (("src", "sport"), ("dst", "dport")))
                found[row["capture"]].add(frozenset((str(ip_address(end)), port) for end, port in ends))
    return found


def packets_of(path: Path, flows: set[frozenset[Socket]]) -> Iterator[Packet]:
    """Yield the datagrams of some flows; the client is the private address that most of them have."""
    names = (
        "frame.time_epoch",
        "ip.src",
        "ip.dst",
        "ipv6.src",
        "ipv6.dst",
        "udp.srcport",
        "udp.dstport",
        "udp.payload",
    )
    fields = [word for name in names for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), "-Y", "udp", "-T", "fields", "-E", "occurrence=l", *fields]
    votes: dict[str, int] = defaultdict(int)
    for flow in flows:
        for address, _ in flow:
            votes[address] += 1000 * ip_address(address).is_private + 1
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as reader:
        assert reader.stdout is not None
        for line in reader.stdout:
            at, src4, dst4, src6, dst6, sport, dport, payload = line.rstrip("\n").split("\t")
            if not sport or not payload:
                continue
            src, dst = str(ip_address(src4 or src6)), str(ip_address(dst4 or dst6))
            flow = frozenset(((src, int(sport)), (dst, int(dport))))
            if flow in flows:
                up = (votes[src], src) > (votes[dst], dst)
                yield Packet(float(at), up, flow, bytes.fromhex(payload.replace(":", "")))


def source_at(payload: bytes, offset: int) -> tuple[int, int] | None:
    """Return (SSRC, sequence number) of what looks like RTP at an offset."""
    if len(payload) < offset + 12 or payload[offset] >> 6 != 2 or 192 <= payload[offset + 1] <= 223:
        return None
    return int.from_bytes(payload[offset + 8 : offset + 12], "big"), int.from_bytes(
        payload[offset + 2 : offset + 4], "big"
    )


def media_of(packets: list[Packet]) -> list[tuple[Packet, int | None]]:
    """Return the media among a flow's packets, with their source where there is RTP."""
    media: list[tuple[Packet, int | None]] = []
    for way in (True, False):
        mine = [packet for packet in packets if packet.up == way and packet.payload[4:8].hex() != COOKIE]
        media += max((sources_at(mine, offset) for offset in OFFSETS), key=len)
    if media:
        return media
    for way in (True, False):
        some = [packet for packet in packets if packet.up == way and packet.payload[4:8].hex() != COOKIE]
        if len(some) > 1 and len(some) >= LEAST_RATE * (some[-1].at - some[0].at):
            media += [(packet, None) for packet in some]
    return media


def sources_at(packets: list[Packet], offset: int) -> list[tuple[Packet, int | None]]:
    """Return the packets of one way that are RTP at an offset: of sources whose numbers go on."""
    by_source: dict[int, list[tuple[Packet, int]]] = defaultdict(list)
    for packet in packets:
        found = source_at(packet.payload, offset)
        if found is not None:
            by_source[found[0]].append((packet, found[1]))
    kept: list[tuple[Packet, int | None]] = []
    for source, some in by_source.items():
        steps = sum(1 <= (b - a) % 65536 <= 3 for (_, a), (_, b) in pairwise(some))
        # Consecutive numbers in half of the packets: chance gives none.
        if len(some) >= LEAST_PACKETS and 2 * steps >= len(some) - 1:
            kept += [(packet, source) for packet, _ in some]
    return kept


def talks_of(path: Path, flows: set[frozenset[Socket]]) -> list[Talk]:
    """Return the calls that the media of some flows makes, apart where nothing came for GAP_S."""
    by_flow: dict[frozenset[Socket], list[Packet]] = defaultdict(list)
    for packet in packets_of(path, flows):
        by_flow[packet.flow].append(packet)
    media = sorted((one for some in by_flow.values() for one in media_of(some)), key=lambda one: one[0].at)
    # Beside RTP the rest is its reports.
    media = [one for one in media if one[1] is not None] or media
    parts: list[list[tuple[Packet, int | None]]] = []
    for one in media:
        if not parts or one[0].at - parts[-1][-1][0].at > GAP_S:
            parts.append([])
        parts[-1].append(one)
    return [_talk(part) for part in parts]


def _talk(media: list[tuple[Packet, int | None]]) -> Talk:
    latest: dict[bool, float] = {}
    first = last = None
    for packet, _ in media:
        latest[packet.up] = packet.at
        other = latest.get(not packet.up)
        if other is not None and packet.at - other <= TWO_WAY_S:
            # The end of both ways is when the way that stopped first was last heard.
            first = packet.at if first is None else first
            last = max(last or other, min(packet.at, other))
    talk_s = 0.0 if first is None or last is None else max(0.0, last - first)
    return Talk(media[0][0].at, media[-1][0].at, talk_s, _kinds(media))


def _kinds(media: list[tuple[Packet, int | None]]) -> str:
    """Return audio, video or both by the sizes of the sources that last; empty without RTP."""
    by_source: dict[tuple[bool, int], list[Packet]] = defaultdict(list)
    for packet, source in media:
        if source is not None:
            by_source[packet.up, source].append(packet)
    kinds = set()
    for some in by_source.values():
        if len(some) >= LONG_PACKETS and some[-1].at - some[0].at >= LONG_S:
            mean = sum(len(packet.payload) for packet in some) / len(some)
            kinds.add("video" if mean > VIDEO_BYTES else "audio")
    return "+".join(sorted(kinds))
