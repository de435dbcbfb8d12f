"""Host module: the one door to numba: the decorators of kernels, and what kernels need that numba lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from flowclass.jit.cache import (
    BOUNDS_CHECKED,
    CACHE_FOLDER,
    JIT_ENABLED,
    KERNEL_SOURCES,
    RAW_LOADS,
    cache_is_cold,
    kernel_digest,
)

__all__ = [
    "BOUNDS_CHECKED",
    "CACHE_FOLDER",
    "JIT_ENABLED",
    "KERNEL_SOURCES",
    "RAW_LOADS",
    "cache_is_cold",
    "entry",
    "fused",
    "int64",
    "kernel",
    "kernel_digest",
    "link_units",
    "multiply_high",
    "prefetch",
    "reference",
    "swapped_load",
    "unit",
]

F = TypeVar("F", bound=Callable[..., Any])
S = TypeVar("S")

if TYPE_CHECKING:

    def kernel(function: F) -> F:
        """Mark a function that other kernels call."""
        return function

    def fused(function: F) -> F:
        """Mark a kernel that is always merged into its caller."""
        return function

    def entry(function: F) -> F:
        """Mark a kernel that Python calls: compiled once a type, cached on disk, releases the GIL."""
        return function

    def unit(function: F) -> F:
        """Mark a kernel that is compiled apart and called by other kernels across rooms.

        Its first argument is a ``reference``, the others are integers; it returns an integer. Units keep what is
        seldom run out of the packet path's machine code, compile in parallel and are cached one by one. A process
        calls ``link_units`` before it calls an entry that reaches one.
        """
        return function

    def link_units(state: Any, *calls: Callable[[], object]) -> None:
        """Load or compile all units for references to this named tuple of arrays.

        Parameters
        ----------
        state : the named tuple
        calls : calls of entries that reach a unit, with arguments for which they do not run it. When nothing is
            compiled yet, units and these entries are compiled at once, each in a process of its own.
        """

    def reference(state: S) -> S:
        """Return a named tuple of arrays as one that kernels pass on by its address."""
        return state

    def int64(value: Any) -> int:
        """Return a record field or any number as a signed 64-bit integer.

        numba's ``int()`` keeps unsigned types, and uint64 with int64 silently becomes float64.
        """
        return int(value)

    def prefetch(array: Any, index: int) -> None:
        """Ask the memory system for ``array[index]`` ahead of use; never faults, changes nothing."""

    def multiply_high(x: np.uint64, y: np.uint64) -> np.uint64:
        """Return the high 64 bits of the 128-bit product of two unsigned words."""
        return np.uint64(int(x) * int(y) >> 64)

    def swapped_load(bits: int) -> Callable[[Any, int], int]:
        """Return ``load(data, index)`` for a big-endian word of ``bits``; only when ``RAW_LOADS``.

        An index is never negative, which ``data[index]`` would have to find out each time.
        """
        return lambda data, index: 0

elif JIT_ENABLED:
    from functools import partial

    from flowclass.jit.apart import compile_apart
    from flowclass.jit.compile import Kernel, Unit, make_entry
    from flowclass.jit.memory import multiply_high, prefetch, reference, swapped_load

    int64 = np.int64
    UNITS = {}

    def kernel(function):
        return Kernel(function)

    def fused(function):
        return Kernel(function, forceinline=True)

    def entry(function):
        return make_entry(function, cache=True)

    def unit(function):
        if BOUNDS_CHECKED:
            # An index out of bounds must reach Python, and a C symbol has no way to raise.
            return Kernel(function)
        UNITS[function.__name__] = Unit(function)
        return UNITS[function.__name__].call

    def link_units(state, *calls):
        def compile_entry(call):
            for each in UNITS.values():
                each.promise()
            call()

        if UNITS:
            # Units that are named last lean on the others, and take longest: they begin first.
            units = [partial(each.load, state) for each in reversed(UNITS.values())]
            compile_apart([*units, *[partial(compile_entry, call) for call in calls]])
        for each in UNITS.values():
            each.link(state)

else:
    int64 = np.int64

    def kernel(function):
        return function

    fused = entry = unit = kernel

    def reference(state):
        return state

    def link_units(state, *calls):
        """Do nothing: units are plain functions."""

    def prefetch(array, index):
        """Do nothing: without the JIT there is nothing to hurry."""

    def multiply_high(x, y):
        """Return the high 64 bits of the 128-bit product of two unsigned words."""
        return np.uint64(int(x) * int(y) >> 64)

    def swapped_load(bits):
        """Not available: ``RAW_LOADS`` is false."""
        raise NotImplementedError(bits)
