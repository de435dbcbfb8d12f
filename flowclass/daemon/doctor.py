"""Host module: what stands between a machine and a sound capture, each finding with its remedy: ``flowclass doctor``.

Reads only; the one thing it opens is a packet socket that binds nothing.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flowclass.daemon.settings import ServiceSettings
from flowclass.errors import FlowclassError

NET = Path("/sys/class/net")
#: Offloads that hand several packets on as one: sizes and gaps, and so labels and jitter, are then not the wire's.
MERGING = ("generic-receive-offload", "large-receive-offload", "rx-gro-hw")
#: Seconds of a full 1 Gbit/s link that the ring should bridge, and the bytes of one.
BRIDGED_S, GIGABIT_BYTES = 0.1, 125_000_000
LEAST_FREE_BYTES = 1 << 30
#: adjtimex(2): the clock is not disciplined by anybody.
TIME_ERROR = 5
EVERYTHING_UP = 0x1


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"  #: figures may be wrong
    FAILURE = "failure"  #: the service cannot run


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : what was looked at
    level : see Level
    text : what was found
    remedy : what to do, empty for OK
    """

    what: str
    level: Level
    text: str
    remedy: str = ""


def examine(settings: ServiceSettings) -> Iterator[Finding]:
    """Yield a finding for everything there is to look at."""
    yield permission()
    for interface in settings.interfaces:
        yield from network(interface)
        yield from offloads(interface)
    yield ring(settings.workers * sum(capture.ring_bytes for capture in settings.captures))
    yield kernels()
    yield model(settings.model)
    yield clock()
    for pattern in (*settings.flows, *settings.calls):
        yield disk(pattern)


def permission() -> Finding:
    """Look whether a packet socket may be opened."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except AttributeError:
        return Finding("permission", Level.FAILURE, "there are no packet sockets here", "capture needs Linux")
    except OSError as error:
        remedy = "run as root, or under deploy/systemd/flowclass.service, which grants CAP_NET_RAW alone"
        return Finding("permission", Level.FAILURE, f"a packet socket is refused: {error.strerror}", remedy)
    return Finding("permission", Level.OK, "a packet socket may be opened")


def network(interface: str) -> Iterator[Finding]:
    """Look at the interface itself."""
    folder = NET / interface
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in NET.glob("*"))) or "none"
        yield Finding("interface", Level.FAILURE, f"there is no {interface}", f"choose one of {known}")
        return
    if not int((folder / "flags").read_text(), 16) & EVERYTHING_UP:
        yield Finding("interface", Level.FAILURE, f"{interface} is down", f"ip link set {interface} up")
        return
    yield Finding("interface", Level.OK, f"{interface} is up, MTU {(folder / 'mtu').read_text().strip()}")


def offloads(interface: str) -> Iterator[Finding]:
    """Look whether the card or the kernel merges packets before capture."""
    if not (NET / interface).is_dir():
        return
    if shutil.which("ethtool") is None:
        yield Finding("offloads", Level.WARNING, "cannot be asked for", "apt-get install ethtool")
        return
    done = subprocess.run(["ethtool", "-k", interface], capture_output=True, text=True, check=False)
    merging = [name for name in MERGING if f"{name}: on" in done.stdout]
    if merging:
        short = {"generic-receive-offload": "gro", "large-receive-offload": "lro"}
        switches = " ".join(f"{short.get(name, name)} off" for name in merging)
        remedy = f"ethtool -K {interface} {switches}"
        yield Finding("offloads", Level.WARNING, f"{', '.join(merging)} merge packets before capture", remedy)
    else:
        yield Finding("offloads", Level.OK, "packets arrive as they were on the wire")


def ring(ring_bytes: int) -> Finding:
    """Look whether the ring is large enough, and not too large."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    text = f"{ring_bytes >> 20} MiB, {ring_bytes / GIGABIT_BYTES:.2f} s of a full gigabit link"
    if ring_bytes > free // 2:
        return Finding("ring", Level.WARNING, f"{text}; half of the free memory is less", "lower capture.ring_mb")
    if ring_bytes < BRIDGED_S * GIGABIT_BYTES:
        return Finding("ring", Level.WARNING, f"{text}: bursts will be dropped", "raise capture.ring_mb")
    return Finding("ring", Level.OK, text)


def kernels() -> Finding:
    """Look whether the compiled kernels are there, and whether they could be kept."""
    from flowclass.jit import CACHE_FOLDER, cache_is_cold

    folder = CACHE_FOLDER
    if folder is None:
        remedy = "set FLOWCLASS_JIT_CACHE to a folder that may be written"
        return Finding("kernels", Level.WARNING, "there is no folder to keep them in: every start compiles", remedy)
    if cache_is_cold():
        return Finding("kernels", Level.OK, f"not compiled yet: the first start takes some 20 s longer ({folder})")
    return Finding("kernels", Level.OK, f"compiled, in {folder}")


def model(folder: str | None) -> Finding:
    """Look whether the model can be loaded."""
    from flowclass.model.bundle import ModelBundle, load_default

    try:
        bundle = ModelBundle.load(Path(folder)) if folder else load_default()
    except FlowclassError as error:
        return Finding("model", Level.FAILURE, str(error), "set model.folder, or train the bundle anew")
    return Finding("model", Level.OK, f"{bundle.name}, {len(bundle.labels)} classes")


def clock(adjust: Callable[[], int] | None = None) -> Finding:
    """Look whether somebody keeps the clock right; ``adjust`` stands for adjtimex(2)."""
    state = (adjust or _adjtimex)()
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if state == TIME_ERROR:
        remedy = "run an NTP client (systemd-timesyncd, chrony): records of two probes cannot be compared otherwise"
        return Finding("clock", Level.WARNING, f"{now}, not synchronised", remedy)
    return Finding("clock", Level.OK, now if state < 0 else f"{now}, synchronised")


def _adjtimex() -> int:
    """Return what adjtimex(2) says of the clock, reading only; -1 where it cannot be asked."""
    try:
        # struct timex with modes 0; 256 bytes are more than it has on any Linux.
        return int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(256)))
    except (OSError, AttributeError):
        return -1


def disk(pattern: str) -> Finding:
    """Look whether records have room."""
    folder = Path(time.strftime(pattern, time.gmtime())).absolute().parent
    what = f"disk of {pattern}"
    if not folder.is_dir():
        return Finding(what, Level.FAILURE, f"{folder} does not exist", f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK):
        return Finding(what, Level.FAILURE, f"{folder} cannot be written", "choose another folder, or its owner")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        return Finding(what, Level.WARNING, f"{free >> 20} MiB are free", "make room: records are lost on a full disk")
    return Finding(what, Level.OK, f"{free >> 30} GiB are free")
