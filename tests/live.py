"""Live tests: a pair of network interfaces, frames sent over it, and the service that listens at its other end."""

from __future__ import annotations

import contextlib
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

#: Longest wait for anything, in seconds; reached only when something is wrong.
PATIENCE_S = 240.0


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


@dataclass
class Wire:
    """Two interfaces joined by a wire: what is sent into one comes out of the other."""

    near: str
    far: str

    def plug(self) -> None:
        """Make the interfaces, silent by themselves."""
        ip_link("add", self.near, "type", "veth", "peer", "name", self.far)
        for name in (self.near, self.far):
            # Without an address of its own the kernel sends no discovery.
            ip_link("set", name, "addrgenmode", "none")
            ip_link("set", name, "up")

    def unplug(self) -> None:
        """Remove both."""
        ip_link("del", self.near)

    def send(self, frames: list[bytes]) -> None:
        """Send frames from the near end."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind((self.near, 0))
            for frame in frames:
                sock.send(frame)

    def replay(self, capture: Path, *options: str) -> None:
        """Send a capture with tcpreplay."""
        if shutil.which("tcpreplay") is None:
            pytest.skip("tcpreplay (Debian: tcpreplay) is not installed")
        subprocess.run(
            ["tcpreplay", "-q", "-i", self.near, *options, str(capture)], check=True, capture_output=True, timeout=120
        )


@contextlib.contextmanager
def wire() -> Iterator[Wire]:
    """Give a wire; skip where none can be made."""
    missing = why_not()
    if missing:
        pytest.skip(missing)
    name = uuid.uuid4().hex[:8]
    made = Wire(f"fca{name}", f"fcb{name}")
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
