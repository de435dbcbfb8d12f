"""Host module: ``python -m bench.invariance``: what must not change the calls of a capture, on the corpus and our own.

Each capture of calls is cut in two files, at every packet (our own) or at CUTS random ones, and both are read as one;
traffic of others, and other traffic of the same client, is added to it; and the ends of every datagram are exchanged,
which must exchange up and down and nothing else. Prints every record that differs, and totals; exit code 1 when any
does.
"""

from __future__ import annotations

import csv
import os
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from bench.mutate import Datagram, datagrams_of, plain
from flowclass.calls.record import Call, as_dict
from flowclass.capture.source import open_source
from flowclass.errors import FlowclassError
from flowclass.flow.state import MeterSettings
from flowclass.model.bundle import load_default
from flowclass.pipeline import analyze

#: Random places at which a capture of the corpus is cut.
CUTS = 25
#: Packets above which a capture of the corpus takes too long to be read some thirty times.
MOST_PACKETS = 200_000
SEED = 20_261
SETTINGS = MeterSettings(max_flows=1 << 14, max_streams=1 << 13, seed=1)
OWN = Path(__file__).parents[1] / "pcaps"
#: Traffic of others: without calls, with chat of their applications, with calls.
OTHERS = ("ordinary/web", "ordinary/games", "ordinary/services", "viber/chat", "lab/http3", "lab/wireguard-call",
          "lab/sip-opus", "lab/webrtc-turn", "teams/call-2020")  # fmt: skip
#: Of it, what a client may do beside its call, by the address that is its own there.
OF_THE_CLIENT = {"ordinary/web": "10.20.0.30", "ordinary/games": "10.20.0.32", "ordinary/services": "10.20.0.31"}
#: What speaks of one side: evidence in what a client or a server says, how many speak towards the client, and, where
#: nobody can say who the client is, the caller.
ONE_SIDED = ("reasons", "group", "client")
NANOSECOND_MAGIC, SNAP_BYTES, NS_PER_S = 0xA1B23C4D, 1 << 18, 10**9
ETHERNET, IPV4_AT, IPV4_TYPE = 1, 14, b"\x08\x00"


class Packet(NamedTuple):
    """One frame: time in ns, link type, length on the wire, bytes captured."""

    ts_ns: int
    link: int
    wire: int
    frame: bytes


def packets_of(path: Path) -> list[Packet]:
    """Return the packets of a capture."""
    source = open_source([str(path)])
    found = []
    try:
        for block in source.blocks():
            for ref in block.refs:
                lo = int(ref["offset"])
                frame = block.data[lo : lo + int(ref["caplen"])].tobytes()
                found.append(Packet(int(ref["ts_ns"]), int(ref["linktype"]), int(ref["wirelen"]), frame))
    finally:
        source.close()
    return found


def pcap(packets: Sequence[Packet]) -> BytesIO:
    """Return packets of one link type as a pcap file."""
    parts = [struct.pack("<IHHiIII", NANOSECOND_MAGIC, 2, 4, 0, 0, SNAP_BYTES, packets[0].link)]
    for one in packets:
        parts.append(struct.pack("<IIII", *divmod(one.ts_ns, NS_PER_S), len(one.frame), one.wire) + one.frame)
    return BytesIO(b"".join(parts))


MODEL = load_default()


def calls_of(*files: Sequence[Packet]) -> list[Call]:
    """Return the calls of some files read as one capture, in the order of their begin."""
    calls: list[Call] = []
    analyze(
        [pcap(packets) for packets in files if packets],
        lambda *_: None,
        settings=SETTINGS,
        model=MODEL,
        on_calls=calls.extend,
    )
    return sorted(calls, key=lambda call: (call.start, call.call_id))


def values(call: Call) -> dict[str, Any]:
    """Return a record without the name of its capture."""
    return {name: value for name, value in as_dict(call).items() if name != "capture"}


def turned(call: Call) -> dict[str, Any]:
    """Return a record as it must be when the ends of every datagram are exchanged."""
    found = values(call)
    for name in [name for name in found if name.endswith("_up")]:
        down = name.removesuffix("_up") + "_down"
        found[name], found[down] = found[down], found[name]
    found["access_hint"], found["access_hint_peer"] = found["access_hint_peer"], found["access_hint"]
    other = {"up": "down", "down": "up"}
    found["streams"] = [{**stream, "direction": other[stream["direction"]]} for stream in call.streams]
    return found


def with_ends_exchanged(datagrams: Sequence[Datagram]) -> list[Datagram]:
    """Return the datagrams as if the other end had sent each of them."""
    return [replace(one, src=one.dst, sport=one.dport, dst=one.src, dport=one.sport) for one in datagrams]


def framed(datagrams: Sequence[Datagram]) -> list[Packet]:
    """Return datagrams in Ethernet frames."""
    return [Packet(one.ts_ns, ETHERNET, wire, frame) for one in datagrams for frame, wire in [plain(one)]]


def beside(packets: Sequence[Packet], others: Sequence[Packet], start: float) -> list[Packet]:
    """Return packets with those of others in between, which begin after a share of the time and end with them."""
    first, last = packets[0].ts_ns, packets[-1].ts_ns
    moved_ns = first + int(start * (last - first)) - others[0].ts_ns
    mixed = [one._replace(ts_ns=one.ts_ns + moved_ns) for one in others]
    # Packets whose clock steps back would be put in order: captures of that kind are left out.
    return sorted([*packets, *(one for one in mixed if one.ts_ns < last)], key=lambda one: one.ts_ns)


def addresses(packets: Sequence[Packet]) -> set[bytes]:
    """Return the IPv4 addresses of Ethernet frames."""
    ends = (IPV4_AT + 12, IPV4_AT + 16)
    return {one.frame[at : at + 4] for one in packets if one.frame[12:14] == IPV4_TYPE for at in ends}


def as_client(packets: Sequence[Packet], own: str, client: str) -> list[Packet]:
    """Return Ethernet frames with one IPv4 address in the place of another."""
    old, new = (bytes(map(int, address.split("."))) for address in (own, client))
    found = []
    for one in packets:
        if one.frame[IPV4_AT - 2 : IPV4_AT] == IPV4_TYPE:
            frame = bytearray(one.frame)
            for at in (IPV4_AT + 12, IPV4_AT + 16):
                if frame[at : at + 4] == old:
                    frame[at : at + 4] = new
            found.append(one._replace(frame=bytes(frame)))
    return found


class Report:
    """Counts, and the records that differ."""

    def __init__(self) -> None:
        self.totals: Counter[str] = Counter()

    def compare(self, where: str, what: str, wanted: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> None:
        """Count a comparison; print what differs."""
        self.totals[what] += 1
        if wanted == found:
            return
        self.totals[f"{what}: differ"] += 1
        if len(wanted) != len(found):
            print(f"  {where}: {what}: {len(found)} calls, not {len(wanted)}")
            return
        for one, other in zip(wanted, found, strict=True):
            differ = {name: (one[name], other[name]) for name in one if one[name] != other[name]}
            if differ:
                print(f"  {where}: {what}: {one['app']} {one['call_id']}: {differ}")


def cut(where: str, packets: Sequence[Packet], places: Sequence[int], report: Report) -> None:
    """Hold the calls of a capture in two files against those of the whole."""
    whole = [values(call) for call in calls_of(packets)]
    for place in places:
        parts = packets[:place], packets[place:]
        report.compare(f"{where} at packet {place}", "cut in two", whole, [values(one) for one in calls_of(*parts)])


def added(where: str, packets: Sequence[Packet], others: dict[str, list[Packet]], report: Report) -> None:
    """Hold the calls of a capture against those of the same with other traffic in between."""
    if any(one.link != ETHERNET for one in packets) or packets != sorted(packets, key=lambda one: one.ts_ns):
        report.totals["no traffic added: not Ethernet, or out of order"] += 1
        return
    calls = calls_of(packets)
    alone = [values(call) for call in calls]
    ids = {call.call_id for call in calls}
    clients = [call.client for call in calls if "." in call.client and call.media_flows]
    seen = addresses(packets)
    for place, (name, some) in enumerate(others.items()):
        if not seen.isdisjoint(addresses(some)):
            report.totals["no traffic added: it has hosts in common"] += 1
            continue
        kinds = [("traffic of others", some)]
        if clients and name in OF_THE_CLIENT:
            kinds.append(("other traffic of the client", as_client(some, OF_THE_CLIENT[name], clients[0])))
        for what, more in kinds:
            found = calls_of(beside(packets, more, place / len(others)))
            report.compare(f"{where} with {name}", what, alone, [values(call) for call in found if call.call_id in ids])


def swapped(where: str, path: Path, report: Report) -> None:
    """Hold the calls of a capture's datagrams against those of the same with their ends exchanged."""
    datagrams = datagrams_of(str(path), MOST_PACKETS)
    if not datagrams:
        return
    # Who asks a relay is what an attempt is: exchanged, it is none.
    calls, mirrored = (
        [call for call in calls_of(framed(some)) if call.media_flows]
        for some in (datagrams, with_ends_exchanged(datagrams))
    )
    found = [two_sided(values(call)) for call in mirrored]
    # Where nobody can say who the client is, the sender of the first packet is taken for it, exchanged or not.
    wanted = [other if (other := two_sided(values(call))) in found else two_sided(turned(call)) for call in calls]
    report.compare(where, "ends exchanged", wanted, found)


def two_sided(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a record says of both sides."""
    return {name: value for name, value in record.items() if name not in ONE_SIDED}


def captures(corpus: Path) -> Iterator[tuple[str, Path, Callable[[int], Sequence[int]]]]:
    """Yield (name, file, places to cut at for so many packets)."""
    chance = Random(SEED)

    def some(count: int) -> Sequence[int]:
        return sorted(chance.sample(range(1, count), min(CUTS, count - 1)))

    for path in sorted(OWN.rglob("*.pcap")):
        yield str(path.relative_to(OWN)), path, lambda count: range(1, count)
    with (corpus / "index.csv").open() as file:
        for row in csv.DictReader(file):
            if int(row["n_call_media"]) and int(row["packets"] or 0) <= MOST_PACKETS:
                yield row["path"], corpus / "captures" / row["path"], some


def main() -> int:
    """Compare; return 1 when a record differs."""
    corpus = Path(os.environ.get("FLOWCLASS_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
    others = {name: packets_of(OWN / f"{name}.pcap") for name in OTHERS}
    report = Report()
    for name, path, places in captures(corpus):
        try:
            packets = packets_of(path)
        except FlowclassError as error:
            print(f"{name}: {error}")
            continue
        if len({one.link for one in packets}) != 1:
            report.totals["left out: several link types"] += 1
            continue
        report.totals["captures"] += 1
        cut(name, packets, places(len(packets)), report)
        added(name, packets, others, report)
        swapped(name, path, report)
    print(*(f"{name}: {count}" for name, count in report.totals.items()), sep="\n")
    return 1 if any(name.endswith("differ") for name in report.totals) else 0


if __name__ == "__main__":
    sys.exit(main())
