"""Host module: a service of one's own for as long as somebody watches: an interface is looked at as any service is."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowclass.errors import CaptureError

#: A cold start compiles the kernels.
START_S = 180.0
#: Seconds between two questions whether it is there, and that it has to end.
PAUSE_S, END_S = 0.1, 10.0


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running_service(interface: str) -> Iterator[str]:
    """Run ``flowclass run`` on an interface, without records; give the address of its metrics.

    Raises
    ------
    CaptureError
        It does not start: what it said is the message.
    """
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "stderr"
        with said.open("wb") as errors:
            service = subprocess.Popen(
                [sys.executable, "-m", "flowclass", "run", "--interface", interface, "--listen", address],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                # Ctrl-C is for who watches; the service is told to stop afterwards.
                start_new_session=True,
            )
        try:
            _wait_for(service, f"http://{address}/-/ready", said)
            yield f"http://{address}"
        finally:
            service.terminate()
            try:
                service.wait(END_S)
            except subprocess.TimeoutExpired:
                service.kill()
                service.wait()


def _wait_for(service: subprocess.Popen[bytes], url: str, said: Path) -> None:
    """Return once the service is ready."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if service.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=PAUSE_S * 10):  # noqa: S310 - our own address
                return
        except (OSError, urllib.error.URLError):
            time.sleep(PAUSE_S)
    lines = said.read_text(errors="replace").strip().splitlines()
    raise CaptureError(lines[-1].removeprefix("flowclass: ") if lines else "the service did not start")
