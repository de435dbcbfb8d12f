"""Host module: run one command on one core and say what it cost: wall time, CPU time and memory of its whole tree."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_S = 0.02
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    wall_s: float
    #: User and system time of the process and all its descendants.
    cpu_s: float
    #: Largest sum of resident memory over the tree, by samples; shared pages count once per process.
    peak_rss_bytes: int
    code: int
    stdout: str
    stderr: str


class _Tree(threading.Thread):
    """Samples a process and its descendants until told to stop."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.cpu_s: dict[int, float] = {}
        self.peak_rss_bytes = 0
        self._root = root
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(POLL_S):
            self._sample()

    def finish(self) -> None:
        self._stop_asked.set()
        self.join()

    def _sample(self) -> None:
        resident = 0
        waiting = [self._root]
        while waiting:
            pid = waiting.pop()
            process = Path("/proc") / str(pid)
            try:
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                for task in (process / "task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())
            except OSError:
                continue  # it has just ended
            self.cpu_s[pid] = (int(fields[11]) + int(fields[12])) * TICK_S
            resident += int(fields[21]) * PAGE_BYTES
        self.peak_rss_bytes = max(self.peak_rss_bytes, resident)


def run(command: Sequence[str], core: int, *, keep_output: bool, environment: dict[str, str] | None = None) -> Cost:
    """Run ``command`` bound to ``core``; standard output goes to /dev/null unless it is kept.

    CPU time is what the kernel reports for the process and the descendants it waited for, or the sum of the last
    samples of every descendant, whichever is more: children that nobody waits for appear in the second only.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out if keep_output else subprocess.DEVNULL,
            stderr=err,
            env={**os.environ, **(environment or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        tree = _Tree(process.pid)
        tree.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        tree.finish()
        out.seek(0)
        err.seek(0)
        return Cost(
            wall,
            max(usage.ru_utime + usage.ru_stime, sum(tree.cpu_s.values())),
            max(tree.peak_rss_bytes, usage.ru_maxrss * 1024),
            process.returncode,
            out.read().decode(errors="replace"),
            err.read().decode(errors="replace"),
        )
