"""Host module: lines for people on stderr, which the journal files by severity: ``journalctl -p warning``."""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from functools import cache
from typing import Protocol


class Level(IntEnum):
    """Severity of a line, as syslog(3) numbers it."""

    ERROR = 3
    WARNING = 4
    INFO = 6


class Log(Protocol):
    """Takes lines."""

    def __call__(self, message: str, level: Level = Level.WARNING) -> None: ...


def log(message: str, level: Level = Level.WARNING) -> None:
    """Write a line."""
    print(f"{f'<{level:d}>' if _is_journal() else ''}flowclass: {message}", file=sys.stderr, flush=True)


@cache
def _is_journal() -> bool:
    """Whether stderr goes to the journal, which takes a severity in front of a line (systemd.exec(5), sd-daemon(3))."""
    try:
        stderr = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stderr.st_dev}:{stderr.st_ino}"
