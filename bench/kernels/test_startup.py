"""Start-up of the command: what a person waits for before anything happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHOWCASE = Path(__file__).parents[2] / "pcaps" / "showcase.pcap"


def command(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run flowclass."""
    whole = [sys.executable, "-m", "flowclass", *arguments]
    return subprocess.run(whole, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})})


def analyzed(environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Analyze the showcase; skip where no model is there yet."""
    done = command("analyze", str(SHOWCASE), environment=environment)
    if "no model bundle" in done.stderr:
        pytest.skip(done.stderr.strip())
    return done


def test_help(timed: Callable[..., Any]) -> None:
    done = timed(lambda: command("--help"), 1)
    assert (done.returncode, done.stdout[:6]) == (0, "usage:")


def test_small_capture__warm_cache(timed: Callable[..., Any]) -> None:
    done = timed(analyzed, 1)
    assert done.returncode == 0
    assert "whatsapp" in done.stdout


def test_small_capture__cold_cache(timed: Callable[..., Any], tmp_path: Path) -> None:
    caches = iter(range(10))

    def fresh() -> tuple[tuple[dict[str, str]], dict[str, Any]]:
        return ({"FLOWCLASS_JIT_CACHE": str(tmp_path / str(next(caches)))},), {}

    done = timed(analyzed, 1, setup=fresh, rounds=1)
    assert done.returncode == 0
    assert "compiling" in done.stderr
