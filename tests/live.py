"""Live tests: a pair of network interfaces, frames sent over it, and the service that listens at its other end."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

#: Longest wait for anything, in seconds; reached only when something is wrong.
PATIENCE_S = 240.0
#: sched.h.
CLONE_NEWNET = 0x40000000


def why_not() -> str | None:
    """Return what is missing for live tests, None when all is there."""
    if not sys.platform.startswith("linux"):
        return "AF_PACKET is Linux's"
    if os.geteuid() != 0:
        return "making network interfaces needs root"
    if shutil.which("ip") is None:
        return "ip (Debian: iproute2) is not installed"
    name = f"fcp{uuid.uuid4().hex[:8]}"
    probe = subprocess.run(["ip", "link", "add", name, "type", "veth"], capture_output=True)
    subprocess.run(["ip", "link", "del", name], capture_output=True)
    return None if probe.returncode == 0 else f"cannot make network interfaces: {probe.stderr.decode().strip()}"


def ip_link(*arguments: str) -> None:
    """Run ``ip link``."""
    subprocess.run(["ip", "link", *arguments], check=True, capture_output=True)


def socket_in(namespace: str) -> socket.socket:
    """Return a packet socket of a network namespace; only the thread that makes it goes there."""

    def make() -> socket.socket:
        with Path(f"/run/netns/{namespace}").open() as place:
            if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {namespace}")
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()


@dataclass
class Wire:
    """Two interfaces joined by a wire: what is sent into one comes out of the other.

    Attributes
    ----------
    namespace : of its own for the near end, empty for this one
    """

    near: str
    far: str
    namespace: str = ""

    def plug(self) -> None:
        """Make the interfaces, silent by themselves."""
        ip_link("add", self.near, "type", "veth", "peer", "name", self.far)
        for name in (self.near, self.far):
            # Without an address of its own the kernel sends no discovery.
            ip_link("set", name, "addrgenmode", "none")
            ip_link("set", name, "up")
        if self.namespace:
            subprocess.run(["ip", "netns", "add", self.namespace], check=True, capture_output=True)
            ip_link("set", self.near, "netns", self.namespace)
            self.run("ip", "link", "set", self.near, "up")

    def run(self, *command: str) -> None:
        """Run a command where the near end is."""
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        subprocess.run([*inside, *command], check=True, capture_output=True, timeout=120)

    def socket(self) -> socket.socket:
        """Return a socket bound to the near end."""
        sock = socket_in(self.namespace) if self.namespace else socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind((self.near, 0))
        return sock

    def unplug(self) -> None:
        """Remove both."""
        ip_link("del", self.far)
        if self.namespace:
            subprocess.run(["ip", "netns", "del", self.namespace], check=True, capture_output=True)

    def send(self, frames: list[bytes]) -> None:
        """Send frames from the near end."""
        with self.socket() as sock:
            for frame in frames:
                sock.send(frame)

    def replay(self, capture: Path, *options: str) -> None:
        """Send a capture with tcpreplay."""
        if shutil.which("tcpreplay") is None:
            pytest.skip("tcpreplay (Debian: tcpreplay) is not installed")
        self.run("tcpreplay", "-q", "-i", self.near, *options, str(capture))


@contextlib.contextmanager
def wire(*, apart: bool = False) -> Iterator[Wire]:
    """Give a wire, its near end in a network namespace of its own if ``apart``; skip where none can be made."""
    missing = why_not()
    if missing:
        pytest.skip(missing)
    name = uuid.uuid4().hex[:8]
    made = Wire(f"fca{name}", f"fcb{name}", f"fcn{name}" if apart else "")
    made.plug()
    try:
        yield made
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            made.unplug()


def until(what: str, condition: Any) -> Any:
    """Wait until ``condition()`` is true; return it."""
    limit = time.monotonic() + PATIENCE_S
    while time.monotonic() < limit:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE_S} s for {what}")


class Running:
    """A service in a process of its own.

    Parameters
    ----------
    interface : where it listens; None when the settings say
    folder : for its files
    options : more of its command line
    environment : more of its environment
    """

    def __init__(
        self, interface: str | None, folder: Path, *options: str, environment: dict[str, str] | None = None
    ) -> None:
        self.log = folder / "service.log"
        self._stderr = self.log.open("w")
        where = [] if interface is None else ["--interface", interface]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flowclass", "run", *where, "--listen", "127.0.0.1:0", *options],
            stderr=self._stderr,
            env={**os.environ, **(environment or {})},
        )
        until("the service to be ready", lambda: "metrics on port" in self.log.read_text() or self.process.poll())
        assert self.process.poll() is None, self.log.read_text()
        self.port = int(self.log.read_text().split("metrics on port ")[1].split()[0])

    def get(self, path: str, **headers: str) -> str:
        """Return a page."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310  our own server
            return str(answer.read().decode())

    def metric(self, name: str) -> float:
        """Return one sample, named as in the text format."""
        for line in self.get("/metrics").splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        raise KeyError(name)

    def await_metric(self, name: str, value: float) -> None:
        """Wait until a sample has this value."""
        until(f"{name} to become {value}", lambda: self.metric(name) == value)

    def workers(self) -> list[int]:
        """Return the numbers of the worker processes, in their order."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [pid for pid in map(int, children) if b"daemon.process" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def stop(self) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self._stderr.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._stderr.close()


def records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
