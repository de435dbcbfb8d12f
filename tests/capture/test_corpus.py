"""Every capture of the corpus against independent readers: dpkt for packets, capinfos for the account of each file."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import dpkt
import pytest

from flowclass.capture.source import open_source
from tests.capture.capture_files import read

_GUESSED = "Wireshark guesses 24-byte record headers under the plain magic, libpcap and we do not"
_YEAR = "times in the year 151,990: ours take the clock's"
#: Files about which the other reader is of another opinion, with the reason.
CAPINFOS_DIFFERS = {
    "xz1_telegram_filtered.pcap": _GUESSED,
    "xz1_wa_merged.pcap": _GUESSED,
    "dhcp_little_endian.pcapng": _YEAR,
    "fuzz-2021-10-13.pcap": "a fraction above a second, which overflows capinfos' nanoseconds",
    "pcapng-example.pcapng.zst.pcapng": "capinfos has no latest time where some are 0",
    "sip_ipv6_udp.pcap": "capinfos takes the last time for the first, tshark agrees with us",
}
DPKT_DIFFERS = {
    "test202.pcapng": "dpkt ends at the second section",
    "fuzz-2021-10-13.pcap": "format version 2.0, whose two lengths are exchanged",
}
#: Files with something rare, read with tshark packet by packet beside every 60th file.
RARE = {
    "ldap.pcapng": "several sections",
    "test202.pcapng": "big-endian, simple packets, several interfaces",
    "custom_rules_same-ip_multiple_ports.pcapng": "interfaces with different clocks",
    "dlms.pcapng": "interfaces with different clocks",
    "quic-fragmented-handshakes.pcapng": "interfaces with different clocks",
    "dtls.pcap": "nanoseconds",
    "sip_ipv6_udp.pcap": "times after 2038",
}


def captures(corpus: Path) -> list[Path]:
    return sorted(path for path in corpus.glob("captures/**/*") if path.is_file())


def dpkt_frames(path: Path) -> list[bytes]:
    """Return the frames that dpkt reads before it ends or gives up (its times ignore all but the last interface)."""
    frames: list[bytes] = []
    with path.open("rb") as stream:
        ng = stream.read(4) == b"\x0a\x0d\x0d\x0a"
        stream.seek(0)
        reader: Any = dpkt.pcapng.Reader(stream) if ng else dpkt.pcap.Reader(stream)
        with contextlib.suppress(dpkt.dpkt.Error, ValueError):
            frames.extend(bytes(frame) for _, frame in reader)
    return frames


@pytest.mark.slow
def test_frames_equal_dpkts(corpus: Path) -> None:
    wrong = []
    for path in captures(corpus):
        ours, _, partial = read([path])
        theirs = dpkt_frames(path)
        if partial:
            # dpkt hands out the piece of a packet that a cut file ends with
            theirs = theirs[: len(ours)]
        if [frame for _, frame, _ in ours] != theirs and path.name not in DPKT_DIFFERS:
            wrong.append((path.name, len(ours), len(theirs)))
    assert wrong == []


@pytest.mark.slow
def test_times_and_lengths_equal_tsharks(corpus: Path) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    fields = [part for name in ("time_epoch", "cap_len", "len") for part in ("-e", f"frame.{name}")]
    everything = captures(corpus)
    chosen = everything[::60] + [path for path in everything if path.name in RARE]
    for path in chosen:
        if path.name in CAPINFOS_DIFFERS and path.name not in RARE:
            continue
        command = ["tshark", "-n", "-r", str(path), "-Y", "frame.protocols", "-T", "fields", *fields]
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        packets, _, _ = read([path])
        rows = [line.split("\t") for line in text.splitlines()]
        theirs = [(int(Decimal(at) * 10**9), int(cap), int(wire)) for at, cap, wire in rows if at]
        if len(theirs) == len(packets):
            assert [(ts, len(frame), wire) for ts, frame, wire in packets] == theirs, path.name
        else:
            # tshark shows packets without a time (simple packets) without one
            have = [(ts, len(frame), wire) for ts, frame, wire in packets]
            assert path.name == "test202.pcapng"
            assert [row for row in have if row in theirs] != []
            assert all(row in have for row in theirs)


def ours(path: Path) -> tuple[int, int, int, int]:
    """Return packets, wire bytes, first and last time (earliest and latest) of one file."""
    source = open_source([path])
    count, size, first, last = 0, 0, 2**63 - 1, 0
    for block in source.blocks():
        count += len(block.refs)
        size += int(block.refs["wirelen"].sum())
        if len(block.refs):
            first = min(first, int(block.refs["ts_ns"].min()))
            last = max(last, int(block.refs["ts_ns"].max()))
    source.close()
    return count, size, first if count else 0, last


@pytest.mark.slow
def test_account_of_every_file_equals_capinfos(corpus: Path) -> None:
    if shutil.which("capinfos") is None:
        pytest.skip("capinfos (Wireshark) is not installed")
    paths = captures(corpus)
    command = ["capinfos", "-T", "-r", "-m", "-M", "-S", "-c", "-d", "-a", "-e", *map(str, paths)]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    wrong = []
    told = 0
    for line in text.splitlines():
        name, count, size, first, last = line.split(",")[:5]
        path = Path(name)
        if path.name in CAPINFOS_DIFFERS:
            continue
        theirs: tuple[int, ...] = (int(count), int(size))
        if "n/a" not in (first, last):
            # n/a: no packet, or one without a time
            theirs += (int(Decimal(first) * 10**9), int(Decimal(last) * 10**9))
        told += 1
        if ours(path)[: len(theirs)] != theirs:
            wrong.append((name, ours(path), theirs))
    assert wrong == []
    assert told > 1000
