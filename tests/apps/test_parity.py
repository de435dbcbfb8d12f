"""Compiled kernels and plain Python agree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowclass.jit import JIT_ENABLED


def outcomes(disable_jit: str) -> str:
    """Return what ``tests.apps.outcomes`` prints."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.apps.outcomes"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": disable_jit}
    root = Path(__file__).parents[2]
    return subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not JIT_ENABLED, reason="compares the two modes")
@pytest.mark.slow
def test_both_modes_agree() -> None:
    compiled, plain = outcomes("0"), outcomes("1")
    assert compiled.count("\n") > 100
    assert compiled == plain
