"""Host module: how kernels are compiled: bitcode of each, machine code of a few.

Left to itself numba makes machine code and two wrappers of every function, and the whole of what it calls again in
each. Here a kernel is only bitcode. Machine code is made of an *entry*, which Python calls, or of a *unit*, which
entries and other units call by its C symbol; either takes in the bitcode of all kernels it reaches, once each, and
is cached on disk by itself (docs/decisions/0007-units.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import cgutils, compiler, types
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.dispatcher import _FunctionCompiler as FunctionCompiler  # type: ignore[attr-defined]
from numba.core.registry import CPUDispatcher
from numba.extending import intrinsic

from flowclass.jit.cache import BOUNDS_CHECKED, CACHE_FOLDER, KernelCache
from flowclass.jit.memory import Reference, reference_type
from flowclass.jit.passes import kernel_passes, remember_call_types

#: ``_nrt=False``: kernels allocate nothing, so no reference is counted either (atomic adds on the packet path).
OPTIONS: dict[str, Any] = {
    "nopython": True,
    "error_model": "numpy",
    "boundscheck": BOUNDS_CHECKED or None,
    "_nrt": False,
}


remember_call_types()


class _KernelLibrary(JITCodeLibrary):
    """Bitcode of one kernel, which waits to be taken into an entry or a unit, and is optimised there."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True


def _reached(library: JITCodeLibrary) -> Iterable[JITCodeLibrary]:
    """Return each library that ``library`` calls, directly or through others, once."""
    seen: dict[int, JITCodeLibrary] = {}
    waiting = list(library._linking_libraries)
    while waiting:
        callee = waiting.pop()
        if id(callee) not in seen:
            seen[id(callee)] = callee
            waiting.extend(callee._linking_libraries)
    return seen.values()


def _is_exported(symbol: Any) -> bool:
    return not symbol.is_declaration and symbol.linkage not in (llvm.Linkage.internal, llvm.Linkage.private)


class _MachineLibrary(JITCodeLibrary):
    """Machine code of an entry or a unit with all that it reaches."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        module = self._final_module
        exported = {function.name for function in module.functions if not function.is_declaration}
        for callee in _reached(self):
            module.link_in(callee._final_module, preserve=True)
        for function in module.functions:
            # What nobody outside can call may be merged into its caller, lose unused arguments, or vanish.
            if not function.is_declaration and function.name not in exported:
                function.linkage = llvm.Linkage.internal
        self._optimize_final_module()
        self._final_module.verify()
        self._finalize_final_module()

    def _optimize_final_module(self) -> None:
        # One full pass: numba's cheap pass before it serves reference counts, and there is nothing to vectorise.
        manager, builder = self._codegen._module_pass_manager(loop_vectorize=False, slp_vectorize=False)
        manager.run(self._final_module, builder)

    def _get_module_for_linking(self) -> Any:
        # Nobody links an entry or a unit: the cache file need hold no bitcode, just the names that are defined.
        module = self._final_module
        names = [
            *(f'define void @"{f.name}"() {{ ret void }}' for f in module.functions if _is_exported(f)),
            *(f'@"{v.name}" = global i8 0' for v in module.global_variables if _is_exported(v)),
        ]
        return llvm.parse_assembly("\n".join(names))


class _MachinePipeline(compiler.CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> Any:
        library = _MachineLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        library.enable_object_caching()
        self.state.library = library
        return kernel_passes()


class _KernelPipeline(compiler.CompilerBase):  # type: ignore[misc]
    def define_pipelines(self) -> Any:
        self.state.library = _KernelLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return kernel_passes()


class _KernelCompiler(FunctionCompiler):  # type: ignore[misc]
    """Compiles to bitcode only, without the wrappers for calls from Python and C."""

    def _customize_flags(self, flags: Any) -> Any:
        flags.no_compile = True
        flags.no_cpython_wrapper = True
        flags.no_cfunc_wrapper = True
        return flags

    def compile(self, args: Any, return_type: Any) -> Any:
        # Callers find the function by this object; nobody ever calls it.
        result = super().compile(args, return_type)._replace(entry_point=object())
        result.target_context.insert_user_function(result.entry_point, result.fndesc, [result.library])
        return result


class Kernel(CPUDispatcher):
    """A function that other kernels call. A call from Python (tests, tools) compiles it the ordinary way."""

    def __init__(self, function: Callable[..., Any], **more: Any) -> None:
        options = {**OPTIONS, **more}
        super().__init__(function, targetoptions=options, pipeline_class=_KernelPipeline)
        self._compiler = _KernelCompiler(function, self.targetdescr, options, {}, _KernelPipeline)
        self._callable: Callable[..., Any] | None = None

    def add_overload(self, cres: Any) -> None:
        self.overloads[tuple(cres.signature.args)] = cres

    def __call__(self, *args: Any) -> Any:
        if self._callable is None:
            self._callable = make_entry(self.py_func, cache=False)
        return self._callable(*args)


def make_entry(function: Callable[..., Any], *, cache: bool) -> Callable[..., Any]:
    """Return the function compiled for calls from Python, once a type; it releases the GIL."""
    options = {name: value for name, value in OPTIONS.items() if name != "nopython"}
    made = numba.njit(function, nogil=True, pipeline_class=_MachinePipeline, **options)
    if cache and CACHE_FOLDER is not None:
        made._cache = KernelCache(function)
    return made  # type: ignore[no-any-return]


class Unit:
    """A function compiled apart, which kernels call by its C symbol.

    Its first argument is a reference, the others and the result are int64.

    Attributes
    ----------
    function : the Python function
    symbol : its name for the linker
    call : what stands for it in kernels
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.symbol = f"flowclass_{function.__name__}"
        self.numbers = function.__code__.co_argcount - 1
        self.call = _caller(self.symbol, self.numbers)
        self._compiled: CFunc | None = None

    def load(self, state: Any) -> None:
        """Load the unit from the cache, or compile it, for references to ``state``."""
        if self._compiled is not None:
            return
        signature = ((reference_type(state), *[types.int64] * self.numbers), types.int64)
        self._compiled = CFunc(self.function, signature, {}, OPTIONS, pipeline_class=_MachinePipeline)  # type: ignore[arg-type]
        if CACHE_FOLDER is not None:
            self._compiled._cache = KernelCache(self.function)  # type: ignore[attr-defined]
        self._compiled.compile()

    def link(self, state: Any) -> None:
        """Load the unit and make its symbol known to what is compiled or loaded after."""
        self.load(state)
        llvm.add_symbol(self.symbol, self._compiled.address)  # type: ignore[union-attr]

    def promise(self) -> None:
        """Let what is compiled, never run, in this process refer to the symbol."""
        llvm.add_symbol(self.symbol, 1)


def _caller(symbol: str, numbers: int) -> Any:
    """Return an intrinsic that calls ``symbol`` with a reference and so many integers."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        word = ir.IntType(64)
        numbers_in = [
            context.cast(builder, value, kind, types.int64)
            for value, kind in zip(args[1:], signature.args[1:], strict=True)
        ]
        pointer = builder.bitcast(args[0], cgutils.voidptr_t)
        kind = ir.FunctionType(word, [pointer.type, *[word] * numbers])
        function = cgutils.get_or_insert_function(builder.module, kind, symbol)
        return builder.call(function, [pointer, *numbers_in])

    def typed(*args: Any) -> Any:
        return (types.int64(*args), codegen) if isinstance(args[0], Reference) else None

    if numbers == 1:
        return intrinsic(lambda typingctx, state, a: typed(state, a))
    if numbers == 2:
        return intrinsic(lambda typingctx, state, a, b: typed(state, a, b))
    return intrinsic(lambda typingctx, state, a, b, c: typed(state, a, b, c))
