"""``flowclass top`` on a real service: one screen, and on a terminal until q."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from flowclass.cli.main import main
from tests.live import Running, until, wire

CAPTURE = Path(__file__).parents[2] / "pcaps" / "showcase.pcap"


class Terminal:
    """``flowclass top`` on a pseudo-terminal of 80 columns."""

    def __init__(self, *options: str) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 80))
        self.modes = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flowclass", "top", *options],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
        )
        self.text = ""

    def shows(self, what: str) -> bool:
        """Read what came; return whether this is in it."""
        while select.select([self._master], [], [], 0.05)[0]:
            self.text += os.read(self._master, 65536).decode(errors="replace")
        return what in self.text

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def close(self) -> int:
        """Return the exit code; what is still to come is read, or the program could not end."""
        limit = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < limit:
            self.shows("")
        assert termios.tcgetattr(self._slave) == self.modes, "the terminal is not as it was"
        os.close(self._master)
        os.close(self._slave)
        return self.process.wait(1)


def test_one_screen__has_the_calls_of_the_wire(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with wire() as link:
        service = Running(link.far, tmp_path, "--flows", str(tmp_path / "flows.jsonl"))
        link.replay(CAPTURE, "--multiplier=40")
        service.await_metric('flowclass_calls_active{app="viber",network="other"}', 2.0)
        assert main(["top", "--once", "--interval", "0.2", "--url", f"http://127.0.0.1:{service.port}/"]) == 0
        service.stop()
    out = capsys.readouterr().out
    assert f"{link.far} up" in out
    assert next(line for line in out.splitlines() if line.strip().startswith("viber")).split()[1] == "2"
    assert "flows ok" in out


@pytest.mark.parametrize("end", ["q", "\x03"], ids=["q", "ctrl-c"])
def test_terminal__shows_until_told_to_end(tmp_path: Path, end: str) -> None:
    with wire() as link:
        service = Running(link.far, tmp_path)
        terminal = Terminal("--interval", "0.3", "--url", f"http://127.0.0.1:{service.port}")
        until("the screen", lambda: terminal.shows("q to quit"))
        assert link.far in terminal.text
        # Not by the key itself: the session of its own has no controlling terminal.
        terminal.type(end) if end == "q" else terminal.process.send_signal(signal.SIGINT)
        assert terminal.close() == 0
        service.stop()


def test_interface__is_watched_by_a_service_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with wire() as link:
        assert main(["top", "--once", "--interval", "0.2", "--interface", link.far]) == 0
    assert f"{link.far} up" in capsys.readouterr().out


def test_interface_that_is_not_there__is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--interface", "fcnone0"]) == 1
    assert "fcnone0" in capsys.readouterr().err


def test_nobody_there__is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--url", "http://127.0.0.1:1"]) == 1
    assert "no metrics from" in capsys.readouterr().err
