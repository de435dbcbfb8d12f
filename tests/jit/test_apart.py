"""Cold kernels are compiled in processes of their own; a warm cache, or threads, leave nothing to do there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowclass.jit import JIT_ENABLED

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled without the JIT")

#: Two tasks name the process they ran in, one between them fails; then the cache is made warm and a third must not run.
TASKS = """
import os, sys, threading
from pathlib import Path
from flowclass.jit.apart import compile_apart
from flowclass.jit.cache import CACHE_FOLDER

folder = Path(sys.argv[1])

def task(name):
    return lambda: (folder / name).write_text(str(os.getpid()))

if sys.argv[2] == "threads":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
compile_apart([task("first"), lambda: 1 / 0, task("second")])
(CACHE_FOLDER / "some.nbi").touch()
compile_apart([task("third")])
print(os.getpid())
"""

#: A task makes calls at every depth of its stack; page faults of the process that ran it are told.
DEEP = """
import resource
from flowclass.jit.apart import compile_apart

def leaf():
    pass

def descend(depth):
    for _ in range(500):
        leaf()
    if depth:
        descend(depth - 1)

compile_apart([lambda: descend(800)])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt)
"""

#: Settings of numba that another user of it in the process relies on.
SETTINGS = """
import numba
before = numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES
import os
names = {name for name in os.environ if name.startswith("NUMBA")}
import flowclass.flow.meter
assert before == (numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES)
assert names == {name for name in os.environ if name.startswith("NUMBA")}
"""


def run(source: str, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FLOWCLASS_JIT_CACHE": str(cache)}
    return subprocess.run(
        [sys.executable, "-c", source, *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor compiles one after the other")
def test_tasks_run_in_other_processes_while_the_cache_is_cold(tmp_path: Path) -> None:
    ended = run(TASKS, tmp_path / "cache", str(tmp_path), "alone")
    assert ended.returncode == 0, ended.stderr
    pids = {(tmp_path / name).read_text() for name in ("first", "second")}
    assert ended.stdout.strip() not in pids
    assert not (tmp_path / "third").exists()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor compiles one after the other")
def test_no_depth_of_a_tasks_stack_maps_memory_with_every_call(tmp_path: Path) -> None:
    shallow, deep = (
        int(run(source, tmp_path / name, str(tmp_path)).stdout)
        for name, source in (("shallow", DEEP.replace("800", "0")), ("deep", DEEP))
    )
    assert deep - shallow < 500


def test_nothing_is_forked_beside_other_threads(tmp_path: Path) -> None:
    ended = run(TASKS, tmp_path / "cache", str(tmp_path), "threads")
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / "first").exists()


def test_other_users_of_numba_keep_their_settings(tmp_path: Path) -> None:
    ended = run(SETTINGS, tmp_path / "cache")
    assert ended.returncode == 0, ended.stderr
