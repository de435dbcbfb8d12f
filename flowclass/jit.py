"""Host module: the one door to numba: decorators, the kernel cache, and three memory intrinsics.

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
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.dispatcher import _FunctionCompiler as FunctionCompiler  # type: ignore[attr-defined]
from numba.core.registry import CPUDispatcher
from numba.extending import intrinsic

F = TypeVar("F", bound=Callable[..., Any])

JIT_ENABLED = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
BOUNDS_CHECKED = bool(numba.config.BOUNDSCHECK)  # type: ignore[attr-defined]
#: Whether kernels may read words straight from memory; not when every index has to be checked.
RAW_LOADS = JIT_ENABLED and not BOUNDS_CHECKED
PACKAGE = Path(__file__).parent
#: Folders and files whose source is compiled, or gives constants to what is; all of it goes into the cache key.
KERNEL_SOURCES = (
    "jit.py",
    "record",
    "dissect",
    "apps",
    "flow",
    "features",
    "model/decision.py",
    "model/forest.py",
    "model/verdict.py",
    "capture/bpf_vm.py",
    "capture/index_pcap.py",
    "capture/index_pcapng.py",
    "capture/walk.py",
    "sinks/column.py",
    "sinks/community.py",
    "sinks/text.py",
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
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flowclass"
    folder = base / kernel_digest()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


#: Where compiled kernels are kept; None means every start compiles anew.
CACHE_FOLDER = _cache_folder()
if CACHE_FOLDER is not None:
    numba.config.CACHE_DIR = str(CACHE_FOLDER)  # type: ignore[attr-defined]


def cache_is_cold() -> bool:
    """Whether kernels will be compiled at first use, which takes some seconds."""
    return JIT_ENABLED and (CACHE_FOLDER is None or not any(CACHE_FOLDER.rglob("*.nbi")))


if TYPE_CHECKING:

    def kernel(function: F) -> F:
        """Mark a function that other kernels call."""
        return function

    def fused(function: F) -> F:
        """Mark a kernel that is always merged into its caller.

        For kernels that take the meter's whole state: an array is seven words by value, so a real call would push
        some hundred words on the stack, which costs more than most of them do. Call such a kernel from one place.
        """
        return function

    def entry(function: F) -> F:
        """Mark a kernel that Python calls: compiled once a type, cached on disk, releases the GIL."""
        return function

    def int64(value: Any) -> int:
        """Return a record field or any number as a signed 64-bit integer.

        numba's ``int()`` keeps unsigned types, and uint64 with int64 silently becomes float64.
        """
        return int(value)

    def prefetch(array: Any, index: int) -> None:
        """Ask the memory system for ``array[index]`` ahead of use; never faults, changes nothing."""

    def swapped_load(bits: int) -> Callable[[Any, int], int]:
        """Return ``load(data, index)`` for a big-endian word of ``bits``; only when ``RAW_LOADS``."""
        return lambda data, index: 0

else:
    int64 = np.int64

    #: ``_nrt=False``: kernels allocate nothing, so no reference is counted either (atomic adds on the packet path).
    OPTIONS = {"nopython": True, "error_model": "numpy", "boundscheck": BOUNDS_CHECKED or None, "_nrt": False}

    class _InnerLibrary(JITCodeLibrary):
        """Bitcode on its way into an entry kernel: optimised and made machine code there, once, not here."""

        def _optimize_final_module(self):
            pass

        def _finalize_specific(self):
            pass

    class _InnerCompiler(FunctionCompiler):
        """Compiles to bitcode only, without the wrappers for calls from Python and C."""

        def _customize_flags(self, flags):
            flags.no_compile = True
            flags.no_cpython_wrapper = True
            flags.no_cfunc_wrapper = True
            return flags

        def compile(self, args, return_type):
            result = super().compile(args, return_type)
            result.library.__class__ = _InnerLibrary
            # Callers find the function by this object; nobody ever calls it.
            result = result._replace(entry_point=object())
            result.target_context.insert_user_function(result.entry_point, result.fndesc, [result.library])
            return result

    class _Kernel(CPUDispatcher):
        """A function for kernels. Left to itself numba makes machine code and two wrappers of each of some hundred
        functions, and the whole of what it calls again in each: cold start took three times as long."""

        def __init__(self, function, **more):
            options = {**OPTIONS, **more}
            super().__init__(function, targetoptions=options)
            outer = self._compiler
            self._compiler = _InnerCompiler(function, self.targetdescr, options, {}, outer.pipeline_class)
            self._callable = None

        def add_overload(self, cres):
            self.overloads[tuple(cres.signature.args)] = cres

        def __call__(self, *args):
            """Serve a call from Python (tests, tools) by an ordinary compilation."""
            if self._callable is None:
                self._callable = numba.njit(self.py_func, **{k: v for k, v in OPTIONS.items() if k != "nopython"})
            return self._callable(*args)

    def kernel(function):
        return _Kernel(function) if JIT_ENABLED else function

    def fused(function):
        return _Kernel(function, forceinline=True) if JIT_ENABLED else function

    def entry(function):
        options = {name: value for name, value in OPTIONS.items() if name != "nopython"}
        return numba.njit(function, cache=CACHE_FOLDER is not None, nogil=True, **options)

    def _item_pointer(context, builder, array_type, array, index_type, index):
        struct = context.make_array(array_type)(context, builder, array)
        index = context.cast(builder, index, index_type, types.intp)
        return cgutils.get_item_pointer(
            context, builder, array_type, struct, [index], wraparound=False, boundscheck=False
        )

    if JIT_ENABLED:

        @intrinsic
        def prefetch(typingctx, array, index):
            """Ask the memory system for ``array[index]`` ahead of use; never faults, changes nothing."""
            if not isinstance(array, types.Array):
                return None

            def codegen(context, builder, signature, args):
                from llvmlite import ir

                pointer = _item_pointer(context, builder, array, args[0], index, args[1])
                byte_pointer = builder.bitcast(pointer, ir.IntType(8).as_pointer())
                i32 = ir.IntType(32)
                kind = ir.FunctionType(ir.VoidType(), [byte_pointer.type, i32, i32, i32])
                function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
                builder.call(function, [byte_pointer, i32(1), i32(3), i32(1)])
                return context.get_dummy_value()

            return types.void(array, index), codegen

        def swapped_load(bits):
            """Return an intrinsic ``load(data, index)``: one unaligned load and one byte swap."""

            @intrinsic
            def load(typingctx, data, index):
                def codegen(context, builder, signature, args):
                    from llvmlite import ir

                    pointer = _item_pointer(context, builder, data, args[0], index, args[1])
                    word = ir.IntType(bits)
                    loaded = builder.bswap(builder.load(builder.bitcast(pointer, word.as_pointer()), align=1))
                    return loaded if bits == 64 else builder.zext(loaded, ir.IntType(64))

                return (types.uint64 if bits == 64 else types.int64)(data, index), codegen

            return load

    else:

        def prefetch(array, index):
            """Do nothing: without the JIT there is nothing to hurry."""

        def swapped_load(bits):
            """Not available: ``RAW_LOADS`` is false."""
            raise NotImplementedError(bits)
