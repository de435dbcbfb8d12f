"""jit.cache: what numba is loaded with."""

from __future__ import annotations

import subprocess
import sys

_LOAD = "import sys, flowclass.jit, numba, numpy as np; "


def run(code: str) -> str:
    """Return what a fresh process prints."""
    return subprocess.run(
        [sys.executable, "-c", _LOAD + code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_kernels__load_without_scipy() -> None:
    assert run("print('scipy.linalg' in sys.modules)") == "False"


def test_other_code__still_finds_blas_when_it_multiplies_matrices() -> None:
    assert run("print(numba.njit(lambda a: np.dot(a, a))(np.eye(2))[0])") == "[1. 0.]"
