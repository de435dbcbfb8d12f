"""Outlets: whoever hands records over never waits, and every record is written, waiting or counted as lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowclass import journal
from flowclass.daemon import outlet as module
from flowclass.daemon.outlet import Outlet, unused
from flowclass.errors import SinkError
from flowclass.journal import Level
from flowclass.sinks.callfile import CallFile
from tests.live import until


class Lines:
    """A record file of one line a record, which fails or stalls while it is told to."""

    def __init__(self, path: str, broken: threading.Event, stalled: threading.Event) -> None:
        if broken.is_set():
            raise SinkError(f"cannot write {path}")
        self._file = Path(path).open("w")  # noqa: SIM115  close()
        self._broken, self._stalled = broken, stalled

    def write(self, lines: list[str] | None = None) -> None:
        """Write records."""
        while self._stalled.is_set():
            time.sleep(0.01)
        if self._broken.is_set():
            raise SinkError("no space left on device")
        self._file.writelines(lines or [])

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


@pytest.fixture
def broken() -> threading.Event:
    return threading.Event()


@pytest.fixture
def stalled() -> threading.Event:
    return threading.Event()


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def make(broken: threading.Event, stalled: threading.Event, log: list[str], tmp_path: Path) -> Callable[..., Outlet]:
    def take(message: str, level: Level = Level.WARNING) -> None:
        log.append(message)

    def made(pattern: str = "records", most: int = 100) -> Outlet:
        outlet = Outlet(str(tmp_path / pattern), lambda name: Lines(name, broken, stalled), "lines", take, most)
        outlet.start()
        return outlet

    return made


def test_records_are_written_in_order(make: Callable[..., Outlet], tmp_path: Path) -> None:
    outlet = make()
    for i in range(50):
        outlet.put(1, [f"{i}\n"])
    outlet.close()
    assert (tmp_path / "records").read_text().split() == [str(i) for i in range(50)]
    assert (outlet.health.written, outlet.health.total_lost, outlet.health.waiting) == (50, 0, 0)


def test_a_sink_that_stalls_holds_up_nobody(make: Callable[..., Outlet], stalled: threading.Event) -> None:
    outlet = make()
    stalled.set()
    began = time.monotonic()
    for _ in range(300):
        outlet.put(1, ["x\n"])
    assert time.monotonic() - began < 1
    assert outlet.health.overflowed >= 190
    stalled.clear()
    outlet.close()
    assert outlet.health.written + outlet.health.overflowed == 300


def test_a_sink_that_never_wakes_is_left_at_the_end(
    make: Callable[..., Outlet], stalled: threading.Event, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSING_S", 0.2)
    outlet = make()
    stalled.set()
    for _ in range(5):
        outlet.put(2, ["x\n", "y\n"])
    outlet.close()
    assert outlet.health.written + outlet.health.overflowed == 10
    assert "lines: 10 records are lost: the sink does not take them" in log
    stalled.clear()


def test_at_the_end_a_slow_sink_is_waited_for(make: Callable[..., Outlet], stalled: threading.Event) -> None:
    outlet = make()
    stalled.set()
    outlet.be_patient()
    threading.Timer(0.3, stalled.clear).start()
    for _ in range(300):
        outlet.put(1, ["x\n"])
    outlet.close()
    assert (outlet.health.written, outlet.health.overflowed) == (300, 0)


def test_a_sink_that_fails_is_tried_again_and_told_of_once(
    make: Callable[..., Outlet],
    broken: threading.Event,
    log: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.1)
    outlet = make()
    broken.set()

    def put(condition: Callable[[], Any]) -> int:
        """Put records until something is true; return how many."""
        count = 0
        while not condition():
            outlet.put(1, ["x\n"])
            count += 1
            time.sleep(0.005)
        return count

    count = put(lambda: outlet.health.lost > 5)
    assert not outlet.health.up
    broken.clear()
    count += put(lambda: outlet.health.up)
    outlet.close()
    assert outlet.health.written + outlet.health.lost == count
    assert [line.split(": ")[1] for line in log] == ["records are being lost", "records are written again"]
    assert (tmp_path / "records-1").exists()


def test_a_new_file_begins_when_the_clock_says_so(make: Callable[..., Outlet], tmp_path: Path) -> None:
    outlet = make("records-%S")
    outlet.put(1, ["a\n"])
    until("the first", lambda: outlet.health.written == 1)
    time.sleep(1.1)
    outlet.put(1, ["b\n"])
    outlet.close()
    files = sorted(path.read_text() for path in tmp_path.iterdir())
    assert files[-2:] == ["a\n", "b\n"]


def test_a_file_is_finished_when_its_time_is_over_though_nothing_more_comes(tmp_path: Path) -> None:
    outlet = Outlet(str(tmp_path / "calls-%S.parquet"), CallFile, "calls", journal.log)
    outlet.start([])
    until("the file", lambda: [path.suffix for path in tmp_path.iterdir()] == [".parquet"])
    outlet.close()


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    first = tmp_path / "flows.jsonl"
    first.touch()
    (tmp_path / "flows-1.jsonl").touch()
    assert unused(str(first)) == str(tmp_path / "flows-2.jsonl")
    assert unused("-") == "-"
