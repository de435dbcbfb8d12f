"""Host module: where compiled kernels are kept, and under what key.

Numba's on-disk cache looks only at the source of the function it caches: an edit of a callee, of an imported
constant or of the bounds-check flag leaves stale machine code in use, silently. So the cache folder is named by a
digest of every kernel source, of the numba and NumPy versions and of the flags (docs/decisions/0002-kernel-cache.md).

Environment
-----------
FLOWCLASS_JIT_CACHE
    Folder for compiled kernels, or ``off``. Default: ``$XDG_CACHE_HOME/flowclass`` (``~/.cache/flowclass``).
NUMBA_DISABLE_JIT, NUMBA_BOUNDSCHECK
    As numba documents them; both are part of the digest.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.np import linalg


def _load_without_scipy() -> None:
    """Load numba's array functions without SciPy's BLAS, which they look for as they load: a quarter of the start-up.

    No kernel multiplies matrices, and ``np.dot`` of other code in the process finds it when it is compiled.
    """
    look = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = look


_load_without_scipy()
JIT_ENABLED = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
BOUNDS_CHECKED = bool(numba.config.BOUNDSCHECK)  # type: ignore[attr-defined]
#: Whether kernels may read words straight from memory; not when every index has to be checked.
RAW_LOADS = JIT_ENABLED and not BOUNDS_CHECKED
PACKAGE = Path(__file__).parents[1]
#: Folders and files whose source is compiled, or gives constants to what is; all of it goes into the cache key.
KERNEL_SOURCES = (
    "jit",
    "record",
    "dissect",
    "apps",
    "flow",
    "features",
    "model/decision.py",
    "model/forest.py",
    "model/norms.py",
    "model/verdict.py",
    "networks/lookup.py",
    "capture/bpf_vm.py",
    "capture/index_pcap.py",
    "capture/index_pcapng.py",
    "capture/index_ring.py",
    "capture/walk.py",
    "sinks/column.py",
    "sinks/community.py",
    "sinks/text.py",
    "sinks/totals.py",
    "sinks/values.py",
    "training/views.py",
)


def kernel_digest() -> str:
    """Return 16 hex digits naming this exact set of kernel sources, library versions and flags."""
    digest = hashlib.sha256()
    for name in KERNEL_SOURCES:
        root = PACKAGE / name
        for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
            digest.update(path.relative_to(PACKAGE).as_posix().encode())
            digest.update(path.read_bytes())
    flags = (numba.__version__, np.__version__, sys.version, BOUNDS_CHECKED, os.environ.get("NUMBA_CPU_NAME", ""))
    digest.update(repr(flags).encode())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path | None:
    """Return the writable folder for compiled kernels, or None when caching is off or impossible."""
    chosen = os.environ.get("FLOWCLASS_JIT_CACHE")
    if chosen == "off" or not JIT_ENABLED:
        return None
    try:
        base = (
            Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowclass"
        )
        folder = base / kernel_digest()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        # No right to write there, or a user without a home.
        return None
    return folder if os.access(folder, os.W_OK) else None


#: Where compiled kernels are kept; None means every start compiles anew.
CACHE_FOLDER = _cache_folder()


class _FolderLocator(_CacheLocator):  # type: ignore[misc]
    """Keeps a function's machine code in ``CACHE_FOLDER``, whose name already says which source it is of."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._module = function.__module__

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> _FolderLocator:
        return cls(py_func)

    def get_cache_path(self) -> str:
        return str(CACHE_FOLDER)

    def get_source_stamp(self) -> str:
        return ""

    def get_disambiguator(self) -> str:
        return self._module


class _KernelCacheImpl(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = [_FolderLocator]  # type: ignore[list-item]  # noqa: RUF012


class KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache on disk of one function.

    A class of its own, because numba's settings for where caches lie hold for all numba code of the process, ours
    or not.
    """

    _impl_class = _KernelCacheImpl


def kernels_can_be_kept() -> bool:
    """Whether there is a folder to keep compiled kernels in."""
    return CACHE_FOLDER is not None


def cache_is_cold() -> bool:
    """Whether kernels will be compiled at first use, which takes some seconds."""
    return JIT_ENABLED and (CACHE_FOLDER is None or not any(CACHE_FOLDER.rglob("*.nbi")))
