"""Host module: words on stderr while a command works."""

from __future__ import annotations

import sys
import time
from types import TracebackType

#: Seconds between two updates of the line.
INTERVAL_S = 0.2


class Progress:
    """A line on a terminal that is rewritten as flows come out; silent anywhere else."""

    def __init__(self, *, quiet: bool) -> None:
        self._on = not quiet and sys.stderr.isatty()
        self._began = self._shown = time.monotonic()
        self._flows = 0

    def __enter__(self) -> Progress:
        return self

    def add(self, flows: int) -> None:
        """Count flows; rewrite the line now and then."""
        self._flows += flows
        now = time.monotonic()
        if self._on and now - self._shown >= INTERVAL_S:
            self._shown = now
            print(f"\r{self._flows:,} flows, {now - self._began:.1f} s ", end="", file=sys.stderr, flush=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on and self._shown != self._began:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def announce_compilation(*, quiet: bool) -> None:
    """Say that kernels are about to be compiled, which takes seconds and happens once."""
    from flowclass.jit import cache_is_cold

    if not quiet and cache_is_cold():
        print("flowclass: compiling kernels (first run, 10 to 20 seconds on two cores)…", file=sys.stderr)
