"""Host module: two hosts as network namespaces with a wire between them, programs on them, and a recording of the wire.

Needs root, ``ip`` (Debian: iproute2) and ``tcpdump``. Nothing leaves the namespaces: they have no way to the world.
Addresses are for documentation (RFC 5737).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Longest wait for a program to be ready, in seconds; reached only when something is wrong.
PATIENCE_S = 20.0
#: A program gets this long to stop by itself.
GRACE_S = 5.0
REPOSITORY = Path(__file__).parents[2]
NEAR, FAR = "192.0.2.10", "192.0.2.20"


class LabError(Exception):
    """A program of the laboratory is missing, or did not do what it should."""


def need(*programs: str) -> None:
    """Raise LabError unless all programs are installed."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        raise LabError(f"not installed: {', '.join(missing)}")


def why_not(*programs: str) -> str | None:
    """Return what keeps the laboratory from working on this machine, None when all is there."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        need("ip", "tcpdump", *programs)
        name = f"fcl{uuid.uuid4().hex[:8]}"
        run(["ip", "netns", "add", name])
        run(["ip", "netns", "del", name])
    except LabError as error:
        return str(error)
    return None


def run(command: Sequence[str]) -> str:
    """Run a command to its end and return what it printed; raise LabError when it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; raise LabError when it does not within PATIENCE_S."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > until:
            raise LabError(f"no {what} within {PATIENCE_S:.0f} s")
        time.sleep(0.05)


@dataclass
class Host:
    """One namespace.

    Attributes
    ----------
    name : of the namespace
    address : of its end of the wire
    folder : scratch folder, for configurations and logs
    """

    name: str
    address: str
    folder: Path
    _started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, *words: str) -> list[str]:
        """Return a command that runs inside the namespace."""
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, *words: str) -> str:
        """Run a command to its end."""
        return run(self.command(*words))

    def start(self, *words: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a program that runs until the host is closed; what it prints goes to ``PROGRAM-NUMBER.log``."""
        log = self.log(len(self._started), words[0])
        with log.open("wb") as out:
            process = subprocess.Popen(
                self.command(*words),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else {**os.environ, **env},
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def python(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        """Start a program of ours by its module's name."""
        return self.start(sys.executable, "-m", module, *words, env={"PYTHONPATH": str(REPOSITORY)})

    def log(self, number: int, program: str) -> Path:
        """Return where the program started as ``number`` writes."""
        return self.folder / f"{self.name}-{Path(program).name}-{number}.log"

    def says(self, text: str) -> bool:
        """Whether any program started here has printed a text."""
        needle = text.encode()
        return any(needle in path.read_bytes() for path in self.folder.glob(f"{self.name}-*.log"))

    def device_of(self, address: str) -> str:
        """Return the network device that has an address."""
        return self.run("ip", "-4", "-oneline", "address", "show", "to", f"{address}/32").split()[1]

    def listens(self, port: int, *, udp: bool = True) -> bool:
        """Whether something listens on a port."""
        return bool(self.run("ss", "-Hln", "-u" if udp else "-t", f"sport = :{port}").strip())

    def close(self) -> None:
        """Stop what was started here, and remove the namespace."""
        for process in reversed(self._started):
            stop(process)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a program and its children: ask, then insist."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)


@dataclass
class Wire:
    """Two hosts and the wire between them; ``near`` and ``far`` are its ends' hosts."""

    near: Host
    far: Host
    device: str = "wire"

    def record(self, path: Path, snap_bytes: int = 0) -> contextlib.AbstractContextManager[None]:
        """Record what the near end sends and receives, cut to ``snap_bytes`` a frame, while the context lasts."""
        return recording(self.near, self.device, path, snap_bytes)


@contextlib.contextmanager
def wire(folder: Path) -> Iterator[Wire]:
    """Make two hosts and a wire between them; silent but for what the programs send."""
    mark = uuid.uuid4().hex[:6]
    hosts = [Host(f"lab-{mark}-{side}", address, folder) for side, address in (("n", NEAR), ("f", FAR))]
    try:
        for host in hosts:
            run(["ip", "netns", "add", host.name])
            # No IPv6 discovery among what is recorded.
            host.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
            host.run("ip", "link", "set", "lo", "up")
        near, far = hosts
        near.run("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", far.name)
        for host in hosts:
            host.run("ip", "address", "add", f"{host.address}/24", "dev", "wire")
            host.run("ip", "link", "set", "wire", "up")
            # Large segments are cut and summed before they are recorded, as on a real wire.
            run([*host.command("ethtool"), "-K", "wire", "tso", "off", "gso", "off", "gro", "off", "tx", "off"])
        yield Wire(near, far)
    finally:
        for host in reversed(hosts):
            host.close()


@contextlib.contextmanager
def recording(host: Host, device: str, path: Path, snap_bytes: int = 0) -> Iterator[None]:
    """Record a device of a host to a capture file, while the context lasts."""
    options = ["-i", device, "-w", str(path), "-U", "--immediate-mode", "-s", str(snap_bytes), "ip"]
    process = host.start("tcpdump", *options)
    number = len(host._started) - 1
    wait_for(lambda: b"listening on" in host.log(number, "tcpdump").read_bytes(), "recording")
    try:
        yield
    finally:
        time.sleep(0.2)
        stop(process)
