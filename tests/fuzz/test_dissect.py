"""A small run of the fuzzer: ``python -m tests.fuzz.dissect`` is the large one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def fuzz(*arguments: str, **environment: str) -> str:
    """Run the fuzzer with bounds checks on; return what it prints."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.dissect", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.slow
def test_mutated_frames__are_dissected_within_bounds() -> None:
    assert "300000 frames" in fuzz("--frames", "300000")


@pytest.mark.slow
def test_mutated_frames__of_each_encapsulation_alone(tmp_path: Path) -> None:
    # Beside frames of the corpus those of seldom link types are few.
    assert "1000000 frames" in fuzz("--frames", "1000000", FLOWCLASS_CORPUS=str(tmp_path / "none"))


@pytest.mark.slow
def test_cut_frames__are_dissected_within_bounds(corpus: Path) -> None:
    captures = sorted(path for path in (corpus / "captures").rglob("*.pcap") if path.stat().st_size < 30_000)
    assert "nothing wrong" in fuzz("--cut", *(str(path) for path in captures[::6]))
