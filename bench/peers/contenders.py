"""Host module: how each contender is started on a capture, and what its output says it saw."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.peers.setup import nfstream_python
from bench.workloads.catalog import REPOSITORY, Workload


@dataclass(frozen=True)
class Seen:
    """What a contender says of a capture."""

    packets: int
    flows: int
    #: What does not fit the workload, in words.
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contender:
    """One program."""

    name: str
    version: Callable[[], str]
    command: Callable[[Path], Sequence[str]]
    read_output: Callable[[str], Seen]
    #: A variant whose output is read instead, run once before the timed runs, whose own output goes to /dev/null.
    check_command: Callable[[Path], Sequence[str]] | None = None
    #: Replaces ``flood`` for contenders that it would drive out of memory.
    flood: str = "flood-1m"
    #: Part of a workload's packets that the contender has to count; the corpus holds some that are not IP.
    least_share: float = 0.95
    exact: bool = False

    def faults(self, seen: Seen, workload: Workload) -> list[str]:
        """Return why the contender's results cannot be right; empty when they can."""
        found = list(seen.faults)
        if self.exact and seen.packets != workload.packets:
            found.append(f"saw {seen.packets:,} of {workload.packets:,} packets")
        elif seen.packets < workload.packets * self.least_share:
            found.append(f"saw only {seen.packets:,} of {workload.packets:,} packets")
        if workload.flows and not 0.99 <= seen.flows / workload.flows <= 1.01:
            found.append(f"made {seen.flows:,} flows of {workload.flows:,}")
        return found


def number(pattern: str, text: str) -> int:
    """Return the number that the pattern's group finds; raise ValueError with the output's end where it is missing."""
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"nothing matches {pattern!r} in the output: {text[-400:]!r}")
    return int(match[1].replace(",", ""))


def read_flowclass(text: str) -> Seen:
    """Read the account that ``--stats`` prints."""
    read = number(r"(?m)^read +([\d,]+)", text)
    metered = number(r"(?m)^  metered +([\d,]+)", text)
    ignored = sum(int(n.replace(",", "")) for n in re.findall(r"(?m)^  ignored: \S+ +([\d,]+)", text))
    faults = [] if read == metered + ignored else [f"{read:,} read are not {metered:,} + {ignored:,}"]
    if "balance: exact" not in text:
        faults.append("the account does not balance")
    return Seen(read, number(r"flows: ([\d,]+) opened", text), tuple(faults))


def read_nfstream(text: str) -> Seen:
    """Read the line of ``nfstream_run``."""
    found = json.loads(text.strip().splitlines()[-1])
    return Seen(found["packets"], found["flows"])


def read_ndpi(text: str) -> Seen:
    """Read ndpiReader's statistics."""
    return Seen(number(r"IP packets:\s+(\d+)", text), number(r"Unique flows:\s+(\d+)", text))


def _output_of(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _flowclass_version() -> str:
    try:
        return "flowclass " + version("flowclass")
    except PackageNotFoundError:
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
        return f"flowclass {project['version']} (not installed)"


def _nfstream_version() -> str:
    source = "from importlib.metadata import version; print(version('nfstream'))"
    return "NFStream " + _output_of([str(nfstream_python()), "-c", source]).strip()


def _ndpi_version() -> str:
    match = re.search(r"nDPI \(?([\w.\-]+)", _output_of(["ndpiReader", "-h"]))
    return "ndpiReader " + (match[1] if match else "of unknown version")


_ANALYZE = (sys.executable, "-m", "flowclass", "analyze", "--quiet")
_NFSTREAM_RUN = Path(__file__).with_name("nfstream_run.py")


def _nfstream(path: Path) -> Sequence[str]:
    return (str(nfstream_python()), str(_NFSTREAM_RUN), str(path))


def _ndpi(path: Path) -> Sequence[str]:
    return ("ndpiReader", "-i", str(path))


ALL = (
    Contender(
        "flowclass",
        _flowclass_version,
        lambda path: (*_ANALYZE, str(path)),
        read_flowclass,
        check_command=lambda path: (*_ANALYZE, "--stats", str(path)),
        flood="flood",
        exact=True,
    ),
    Contender("nfstream", _nfstream_version, _nfstream, read_nfstream),
    Contender("ndpi", _ndpi_version, _ndpi, read_ndpi),
)


def available(names: Sequence[str]) -> tuple[list[Contender], list[str]]:
    """Return the contenders named that are installed, and why others are not."""
    present, absent = [], []
    for contender in ALL:
        if contender.name not in names:
            continue
        if contender.name == "nfstream" and not nfstream_python().exists():
            absent.append("NFStream is not set up: run python -m bench.peers.setup")
        elif contender.name == "ndpi" and shutil.which("ndpiReader") is None:
            absent.append("ndpiReader is not installed: the package is libndpi-bin")
        else:
            present.append(contender)
    return present, absent
