"""Host module: when media of known flows went both ways, by tshark's reading of the packets alone.

Nothing of flowclass is used: RTP is what has its version, a plausible payload type and a source that goes on, at the
places where the applications put it; a source proven in a labelled flow counts in every flow, however few packets of it
went there. Where a flow has none, its packets other than STUN and bandwidth tests are the media, from the first to the
last of the size of speech.
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
from statistics import median

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
#: Sequence numbers (RFC 3550 §5.1), how far from those proven in one flow a source's in another may lie, RTP's header.
SEQUENCES, SEQUENCE_SLACK, RTP_BYTES = 1 << 16, 3000, 12
#: Bytes of a payload that are kept: RTP behind the attributes of a TURN Send indication; and those at its end.
HEAD_BYTES, TAIL_BYTES = 160, 32
#: A silence that ends a call without RTP, whose next media is on sockets of its own.
SOCKET_GAP_S = 5.0
#: Without RTP, packets of this share of the median size of their way are speech; pings and acknowledgements are less.
SPEECH_SHARE = 0.75

Socket = tuple[str, int]


@dataclass(frozen=True)
class Packet:
    """A datagram; ``up`` leads away from the client, ``payload`` is the beginning of its ``size`` bytes.

    ``is_filler`` says that it ends in one byte repeated, as the packets of a bandwidth test do.
    """

    at: float
    up: bool
    flow: frozenset[Socket]
    payload: bytes
    size: int
    is_filler: bool


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
    """Yield all datagrams; the client is the private address that most of the flows given have."""
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
    votes: dict[str, float] = defaultdict(float)
    for flow in flows:
        for address, _ in flow:
            votes[address] += 1000 * ip_address(address).is_private + 1
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    rows = [
        (float(at), str(ip_address(src4 or src6)), int(sport), str(ip_address(dst4 or dst6)), int(dport), payload)
        for at, src4, dst4, src6, dst6, sport, dport, payload in (line.split("\t") for line in lines)
        if sport and payload
    ]
    for _, src, _, dst, _, _ in rows:
        # Of two public ends the client is the one that speaks with others, too.
        for address in (src, dst):
            votes[address] += 0.5 / len(rows)
    for at, src, sport, dst, dport, payload in rows:
        up = (votes[src], src) > (votes[dst], dst)
        whole = bytes.fromhex(payload.replace(":", ""))
        is_filler = len(whole) > HEAD_BYTES and len(set(whole[-TAIL_BYTES:])) == 1
        flow = frozenset(((src, sport), (dst, dport)))
        yield Packet(at, up, flow, whole[:HEAD_BYTES], len(whole), is_filler)


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
        some = [
            packet
            for packet in packets
            if packet.up == way and packet.payload[4:8].hex() != COOKIE and not packet.is_filler
        ]
        if len(some) > 1 and len(some) >= LEAST_RATE * (some[-1].at - some[0].at):
            speech = SPEECH_SHARE * median(packet.size for packet in some)
            places = [place for place, packet in enumerate(some) if packet.size >= speech]
            media += [(packet, None) for packet in some[places[0] : places[-1] + 1]]
    return media


def elsewhere(packets: list[Packet], ranges: dict[tuple[bool, int], range]) -> list[tuple[Packet, int | None]]:
    """Return the packets of a flow that carry a source proven in another one, whatever they wrap it in.

    Parameters
    ----------
    ranges : for each way and source, the sequence numbers that it has near those proven, modulo SEQUENCES
    """
    found: list[tuple[Packet, int | None]] = []
    for packet in packets:
        for offset in range(len(packet.payload) - RTP_BYTES + 1):
            seen = source_at(packet.payload, offset)
            near = None if seen is None else ranges.get((packet.up, seen[0]))
            if seen is not None and near is not None and (seen[1] in near or seen[1] + SEQUENCES in near):
                found.append((packet, seen[0]))
                break
    return found


def ranges_of(media: list[tuple[Packet, int | None]]) -> dict[tuple[bool, int], range]:
    """Return the sequence numbers to be expected of each way and source in other flows."""
    numbers: dict[tuple[bool, int], list[int]] = defaultdict(list)
    for packet, source in media:
        for offset in OFFSETS:
            seen = source_at(packet.payload, offset)
            if seen is not None and seen[0] == source:
                numbers[packet.up, seen[0]].append(seen[1])
                break
    return {key: range(some[0] - SEQUENCE_SLACK, some[0] + len(some) + SEQUENCE_SLACK) for key, some in numbers.items()}


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
    # In the order of the packets: of a set's no two runs would agree where packets came at the same time.
    media = [one for flow, some in by_flow.items() if flow in flows for one in media_of(some)]
    ranges = ranges_of(media)
    if ranges:
        # Beside RTP the rest is its reports.
        known = {(packet.at, packet.flow) for packet, source in media if source is not None}
        media = [one for one in media if one[1] is not None]
        hosts = {address for flow in flows for address, _ in flow}
        for flow, some in by_flow.items():
            if any(address in hosts for address, _ in flow):
                media += [one for one in elsewhere(some, ranges) if (one[0].at, one[0].flow) not in known]
    media.sort(key=lambda one: one[0].at)
    parts: list[list[tuple[Packet, int | None]]] = []
    for one in media:
        silence = one[0].at - parts[-1][-1][0].at if parts else GAP_S
        if silence >= GAP_S or (silence > SOCKET_GAP_S and one[1] is None and not shares_socket(one[0], parts[-1])):
            parts.append([])
        parts[-1].append(one)
    return [_talk(part) for part in parts]


def shares_socket(packet: Packet, media: list[tuple[Packet, int | None]]) -> bool:
    """Whether a packet has a socket with any of these in common."""
    return any(not packet.flow.isdisjoint(other.flow) for other, _ in media)


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
            mean = sum(packet.size for packet in some) / len(some)
            kinds.add("video" if mean > VIDEO_BYTES else "audio")
    return "+".join(sorted(kinds))
