"""Compare PACKET rows with tshark's fields: ``python -m tests.differential.tshark CAPTURE…``.

tshark is asked for every occurrence of each field; ``frame.protocols`` tells which one belongs to the innermost
packet. Where we differ on purpose, ``differences.toml`` says so and why.
"""

from __future__ import annotations

import ipaddress
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowclass.record.status import Anomaly, Status
from tests.dissect.harness import dissect_capture

FIELDS = (
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ip.proto",
    "ip.len",
    "ip.id",
    "ip.ttl",
    "ip.frag_offset",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.plen",
    "ipv6.fraghdr.offset",
    "udp.srcport",
    "udp.dstport",
    "udp.checksum",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.seq_raw",
    "tcp.flags",
    "tcp.checksum",
    "sctp.srcport",
    "sctp.dstport",
)
OPTIONS = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE", "ip.check_checksum:FALSE")
#: Protocols that quote packets.
QUOTING = {"icmp", "icmpv6"}
#: Where the IP length is 0 or beyond the frame, ours is the frame's (differences.toml).
LENGTH_JUDGED_BY_FRAME = 1 << Anomaly.IP_LENGTH_ZERO | 1 << Anomaly.IP_LENGTH_BEYOND_FRAME
DIFFERENCES = tomllib.loads((Path(__file__).parent / "differences.toml").read_text())


def tshark_rows(path: Path) -> Iterator[dict[str, list[str]]]:
    """Yield one dictionary of occurrences a frame."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
    for option in OPTIONS:
        command += ["-o", option]
    for field in FIELDS:
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, check=False).stdout.decode(errors="replace")
    for line in output.splitlines():
        cells = line.split("\t")
        yield {name: cell.split(",") if cell else [] for name, cell in zip(FIELDS, cells, strict=True)}


def _number(text: str) -> int:
    return int(text, 0) if text else 0


def _at(values: list[str], index: int) -> str | None:
    return values[index] if 0 <= index < len(values) else None


def expected(row: dict[str, list[str]]) -> dict[str, Any] | None:
    """Return what tshark says of the innermost packet, or None when it sees no IP."""
    names = row["frame.protocols"][0].split(":") if row["frame.protocols"] else []
    seen: Counter[str] = Counter()
    innermost = None
    transport = None
    for name in names:
        if name in QUOTING or name in DIFFERENCES["closed"]:
            break
        if name in ("ip", "ipv6"):
            if _at(row[f"{name}.dst"], seen[name]) is None:
                break
            innermost, transport = (name, seen[name]), None
        elif name in ("udp", "tcp", "sctp"):
            transport = (name, seen[name])
        seen[name] += 1
    if innermost is None:
        return None
    name, index = innermost
    result: dict[str, Any] = {
        "src": ipaddress.ip_address(row[f"{name}.src"][index]),
        "dst": ipaddress.ip_address(row[f"{name}.dst"][index]),
    }
    if name == "ip":
        for ours, theirs in (
            ("proto", "ip.proto"),
            ("ip_bytes", "ip.len"),
            ("ip_id", "ip.id"),
            ("hop_limit", "ip.ttl"),
        ):
            value = _at(row[theirs], index)
            if value is not None:
                result[ours] = _number(value)
    elif _at(row["ipv6.plen"], index) is not None:
        result["ip_bytes"] = _number(row["ipv6.plen"][index]) + 40
    if "ah" in names:  # tshark's protocol is AH itself, ours what AH protects
        result.pop("proto", None)
    if transport is not None:
        kind, index = transport
        for ours, theirs in (
            ("sport", f"{kind}.srcport"),
            ("dport", f"{kind}.dstport"),
            ("checksum", f"{kind}.checksum"),
            ("tcp_seq", "tcp.seq_raw"),
        ):
            value = _at(row.get(theirs, []), index)
            if value is not None and (kind == "tcp" or ours != "tcp_seq"):
                result[ours] = _number(value)
        if kind == "tcp" and _at(row["tcp.flags"], index) is not None:
            result["tcp_flags"] = _number(row["tcp.flags"][index]) & 0xFF
    return result


def address(row: Any, side: str) -> Any:
    """Return the address of a PACKET row."""
    low, high = int(row[f"{side}_lo"]), int(row[f"{side}_hi"])
    return ipaddress.IPv4Address(low & 0xFFFFFFFF) if row["version"] == 4 else ipaddress.IPv6Address(high << 64 | low)


def disagreement(row: Any, theirs: dict[str, list[str]]) -> str:
    """Return what differs, or "" when nothing does."""
    want = expected(theirs)
    status = Status(int(row["status"]))
    if status is Status.FRAGMENT_ORPHAN:
        offsets = [_number(text) for text in theirs["ip.frag_offset"] + theirs["ipv6.fraghdr.offset"]]
        return "" if any(offsets) else "orphan, but tshark sees no fragment"
    if status is Status.TRANSPORT_TRUNCATED and want and "sport" in want:
        return "TRANSPORT_TRUNCATED, tshark sees ports"
    if status is not Status.OK:
        return f"{status.name}, tshark sees IP" if want and status.name not in DIFFERENCES["refused"] else ""
    if want is None:
        return "OK, tshark sees no IP"
    if int(row["fragment"]) == 2:
        for name in ("sport", "dport", "checksum", "tcp_seq", "tcp_flags"):
            want.pop(name, None)
    if int(row["anomalies"]) & LENGTH_JUDGED_BY_FRAME:
        want.pop("ip_bytes", None)
    found = {"src": address(row, "src"), "dst": address(row, "dst")}
    for name in want:
        if name not in found:
            found[name] = int(row[name])
    wrong = [name for name in want if want[name] != found[name]]
    return ", ".join(sorted(wrong))


def compare(path: Path) -> list[tuple[int, str, str]]:
    """Return (frame number, what differs, tshark's protocols) for each frame that differs."""
    problems = []
    theirs = tshark_rows(path)
    number = 0
    for _, _, rows in dissect_capture(path):
        for row in rows:
            number += 1
            try:
                fields = next(theirs)
            except StopIteration:
                return [*problems, (number, "tshark stopped here", "")]
            what = disagreement(row, fields)
            if what:
                problems.append((number, what, ":".join(fields["frame.protocols"])))
    return problems


def main() -> int:
    """Compare the captures named on the command line."""
    total = 0
    for name in sys.argv[1:]:
        problems = compare(Path(name))
        total += len(problems)
        for number, what, protocols in problems[:5]:
            print(f"{name}:{number}: {what} [{protocols}]")
        if len(problems) > 5:
            print(f"{name}: {len(problems)} in all")
    print(f"{total} frames differ")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
