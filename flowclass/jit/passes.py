"""Host module: numba's compilation without what kernels have no use for (docs/decisions/0019-lean-compilation.md)."""

from __future__ import annotations

from typing import Any

from numba.core import typed_passes, types, untyped_passes
from numba.core.compiler_machinery import PassManager

_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.GenericRewrites,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)
_SCALARS = (types.Number, types.Boolean, types.Literal)


def kernel_passes() -> list[PassManager]:
    """Return numba's nopython pipeline without the passes for closures, ``with``, array expressions, literal unrolling,
    inlined overloads, dynamic exceptions, branches on constants (LLVM prunes those) and the ends of references (kernels
    count none): each works out anew where every variable lives."""
    passes = PassManager("kernel")
    for one in _PASSES:
        passes.add_pass(one, one.__name__)
    passes.finalize()
    return [passes]


def remember_call_types() -> None:
    """Let numba remember the signature of an operator or function by the types of its scalar arguments.

    It tries dozens of overloads for each ``a + b``, and comes to the same answer thousands of times.
    """
    resolve = types.Function.get_call_type
    known: dict[Any, Any] = {}

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws or not all(isinstance(argument, _SCALARS) for argument in args):
            return resolve(self, context, args, kws)
        call = (context, self, tuple(args))
        if call not in known:
            known[call] = resolve(self, context, args, kws)
        return known[call]

    types.Function.get_call_type = get_call_type  # type: ignore[method-assign]
