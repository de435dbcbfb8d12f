"""Host module: NFStream and ndpiReader started on a capture, and what they call each flow."""

from __future__ import annotations

import csv
import ipaddress
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from flowclass.errors import UsageError
from flowclass.training.corpus import FlowKey, flow_key, words_of

#: Variable naming the Python that has NFStream; by default the one that ``python -m bench.peers.setup`` makes.
VARIABLE = "FLOWCLASS_NFSTREAM_PYTHON"
_WORKER = Path(__file__).with_name("nfstream_worker.py")
#: A name that says nothing loses to any other of the same five-tuple.
UNKNOWN = "Unknown"


def nfstream_python() -> Path:
    """Return the Python that has NFStream."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "flowclass-bench" / "venv" / "bin" / "python"


class Peer(Protocol):
    """Another classifier."""

    name: str

    def version(self) -> str:
        """Return name and version."""

    def names_of(self, capture: Path) -> dict[FlowKey, str]:
        """Return what each flow of a capture is called."""

    def close(self) -> None:
        """End the program."""


def _collect(found: Iterable[tuple[FlowKey, int, str]]) -> dict[FlowKey, str]:
    """Return one name a five-tuple: of its pieces with a name, the one of most packets."""
    best: dict[FlowKey, tuple[bool, int, str]] = {}
    for key, packets, name in found:
        best[key] = max(best.get(key, (False, 0, UNKNOWN)), (name != UNKNOWN, packets, name))
    return {key: name for key, (_, _, name) in best.items()}


def mended(address: str) -> str:
    """Return an address as ndpiReader meant it: it writes every ``:0:`` of an IPv6 address as ``::``.

    Examples
    --------
    >>> mended("2001:db8:f021::face:b00c::24d9")
    '2001:db8:f021:0:face:b00c:0:24d9'
    """
    parts = address.split("::")
    if len(parts) <= 2:
        return address
    # One of the gaps may be the real one, which stands for all the zeros that are missing.
    tries = [":0:".join(parts)]
    tries += ["::".join((":0:".join(parts[:k]), ":0:".join(parts[k:]))) for k in range(1, len(parts))]
    for one in tries:
        try:
            ipaddress.ip_address(one)
        except ValueError:
            continue
        return one
    return address


def _key(row: dict[str, Any], proto: str, *names: str) -> FlowKey:
    src, sport, dst, dport = (str(row[name]) for name in names)
    return flow_key(int(row[proto]), (*words_of(mended(src)), int(sport)), (*words_of(mended(dst)), int(dport)))


class NFStream:
    """NFStream in one process of its own for all captures, with the nDPI it carries and 20 dissections a flow."""

    name = "nfstream"

    def __init__(self) -> None:
        python = nfstream_python()
        if not python.is_file():
            raise UsageError(
                f"NFStream is not set up ({python} is missing): run python -m bench.peers.setup in the repository, or "
                f"name in {VARIABLE} a Python that has it"
            )
        self._python = str(python)
        self._worker = subprocess.Popen(
            [self._python, str(_WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def version(self) -> str:
        """Return name and version."""
        source = "from importlib.metadata import version; print(version('nfstream'))"
        done = subprocess.run([self._python, "-c", source], capture_output=True, text=True, check=False)
        return f"NFStream {done.stdout.strip()}"

    def names_of(self, capture: Path) -> dict[FlowKey, str]:
        """Return what each flow of a capture is called."""
        asked, answered = self._worker.stdin, self._worker.stdout
        if asked is None or answered is None:
            raise UsageError("NFStream was started without pipes")
        asked.write(f"{capture}\n")
        asked.flush()
        found: list[tuple[FlowKey, int, str]] = []
        for line in answered:
            row = json.loads(line)
            if not row:
                return _collect(found)
            found.append((_key(row, "proto", "src", "sport", "dst", "dport"), int(row["packets"]), str(row["name"])))
        raise UsageError(f"NFStream ended while reading a capture (exit code {self._worker.wait()})")

    def close(self) -> None:
        """End the program."""
        self._worker.communicate()


class NdpiReader:
    """The distribution's ndpiReader with its defaults."""

    name = "ndpi"

    def __init__(self) -> None:
        if shutil.which("ndpiReader") is None:
            raise UsageError("ndpiReader is not installed (Debian and Ubuntu: libndpi-bin)")

    def version(self) -> str:
        """Return name and version."""
        done = subprocess.run(["ndpiReader", "-h"], capture_output=True, text=True, check=False)
        match = re.search(r"nDPI \(?([\w.\-]+)", done.stdout + done.stderr)
        return f"ndpiReader {match[1] if match else 'of unknown version'}"

    def names_of(self, capture: Path) -> dict[FlowKey, str]:
        """Return what each flow of a capture is called."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "flows.csv"
            # It answers 0 even to an unreadable file: an absent list is a capture without flows.
            subprocess.run(["ndpiReader", "-q", "-i", str(capture), "-C", str(out)], capture_output=True, check=False)
            if not out.is_file():
                return {}
            with out.open(newline="", errors="replace") as lines:
                rows = list(csv.DictReader(lines))
        ends = ("src_ip", "src_port", "dst_ip", "dst_port")
        return _collect(
            (_key(row, "protocol", *ends), int(row["c_to_s_pkts"]) + int(row["s_to_c_pkts"]), row["ndpi_proto"])
            for row in rows
            if row["src_ip"] and row["dst_ip"]
        )

    def close(self) -> None:
        """Do nothing: every run has ended."""


PEERS: dict[str, type[NFStream] | type[NdpiReader]] = {"nfstream": NFStream, "ndpi": NdpiReader}


def start(name: str) -> Peer:
    """Return a running peer, to be closed when it is no longer asked.

    Raises
    ------
    UsageError
        For a name that is none, and for a peer that is not installed.
    """
    if name not in PEERS:
        raise UsageError(f"there is no peer {name!r}: choose from {', '.join(PEERS)}")
    return PEERS[name]()
