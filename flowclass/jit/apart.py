"""Host module: cold kernels compiled in several processes at once.

Most of the work is numba's own Python (types, then LLVM's text), which holds the interpreter's lock, so threads would
not help. Each process compiles functions, writes them to the cache on disk and ends; whoever asked then loads them.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from flowclass.jit.cache import cache_is_cold, kernels_can_be_kept

#: Words that a frame claims to get a mebibyte of the interpreter's frame stack, of which it leaves half to others.
FRAME_WORDS = (1 << 20) // 2 // 8 + 1


def compile_apart(tasks: Sequence[Callable[[], object]]) -> None:
    """Run the tasks, which fill the cache, in as many processes as there are processors: each takes the next task.

    Does nothing when the cache is warm or absent, on one processor, where processes cannot be forked, or when this
    one has several threads (a lock that another thread holds would stay locked in the child). A task that fails
    fails again, and is reported, when its result is wanted.
    """
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    alone = threading.active_count() == 1 and "fork" in multiprocessing.get_all_start_methods()
    if processors < 2 or not alone or not kernels_can_be_kept() or not cache_is_cold():
        return
    context = multiprocessing.get_context("fork")
    numbers, writing = os.pipe()
    os.write(writing, bytes(range(len(tasks))))
    os.close(writing)
    running = [context.Process(target=_run, args=(tasks, numbers), daemon=True) for _ in range(processors)]
    for process in running:
        process.start()
    os.close(numbers)
    for process in running:
        process.join()


def _run(tasks: Sequence[Callable[[], object]], numbers: int) -> None:
    """Run the task whose number comes next from a pipe, a byte each, until it is empty."""
    # A tenth of the time would go into looking for garbage, in a process that soon ends.
    gc.disable()
    while number := os.read(numbers, 1):
        with suppress(Exception):
            tasks[number[0]]()


# CPython keeps frames in pieces of 16 kB, and maps and unmaps one with every call that crosses the end of a piece
# (push_chunk in Python/pystate.c): half a million times as kernels compile, a seventh of the time. A frame that claims
# more gets a piece that is larger, in which the frames of all that it calls find room.
_run.__code__ = _run.__code__.replace(co_stacksize=FRAME_WORDS)
