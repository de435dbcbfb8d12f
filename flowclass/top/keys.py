"""Host module: Keys, single key presses from a terminal, Ctrl-C among them."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from types import FrameType, TracebackType

QUIT = "q"


class Keys:
    """Reads keys without Enter while it is entered; where standard input is no terminal, it only waits.

    An interrupt is raised and remembered as well: Python drops what is raised where nobody can catch it (while an
    object is being deleted), and a person should not have to ask twice.
    """

    def __enter__(self) -> Keys:
        self._is_interrupted = False
        self._handler = signal.signal(signal.SIGINT, self._interrupt)
        self._saved = None
        self._input = -1
        try:
            import termios
            import tty

            self._input = sys.stdin.fileno()
            if os.isatty(self._input):
                self._saved = termios.tcgetattr(self._input)
                # Keys come at once; Ctrl-C stays what it is.
                tty.setcbreak(self._input)
        except (ImportError, OSError, ValueError):
            self._saved = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._handler)
        if self._saved is not None:
            import termios

            termios.tcsetattr(self._input, termios.TCSADRAIN, self._saved)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._is_interrupted = True
        raise KeyboardInterrupt

    def wait(self, seconds: float) -> str:
        """Return the next key within some seconds, QUIT after an interrupt, an empty text when there is none."""
        if self._is_interrupted:
            return QUIT
        if self._saved is None:
            time.sleep(seconds)
            return ""
        ready, _, _ = select.select([self._input], [], [], seconds)
        return os.read(self._input, 1).decode("latin-1") if ready else ""
