"""Host module: cold kernels compiled in several processes at once.

Most of the work is numba's own Python (types, then LLVM's text), which holds the interpreter's lock, so threads would
not help. Each process compiles one function, writes it to the cache on disk and ends; whoever asked then loads it.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from typing import Any

from flowclass.jit.cache import cache_is_cold, kernels_can_be_kept


def compile_apart(tasks: Sequence[Callable[[], object]]) -> None:
    """Run each task, which fills the cache, in a process of its own, as many at a time as there are processors.

    Does nothing when the cache is warm or absent, on one processor, where processes cannot be forked, or when this
    one has several threads (a lock that another thread holds would stay locked in the child). A task that fails
    fails again, and is reported, when its result is wanted.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    if processors < 2 or not alone or not kernels_can_be_kept() or not cache_is_cold():
        return
    context = multiprocessing.get_context("fork")
    waiting = list(tasks)
    running: dict[Any, multiprocessing.process.BaseProcess] = {}
    while waiting or running:
        while waiting and len(running) < processors:
            process = context.Process(target=_run, args=(waiting.pop(0),), daemon=True)
            process.start()
            running[process.sentinel] = process
        for ended in wait(list(running)):
            running.pop(ended).join()


def _run(task: Callable[[], object]) -> None:
    # A tenth of the time would go into looking for garbage, in a process that soon ends.
    gc.disable()
    task()
