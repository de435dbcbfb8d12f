"""Host module: what numba lacks for kernels: references, prefetch, unaligned big-endian loads, wide products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic


class Reference(types.Type):  # type: ignore[misc]
    """The address of a named tuple of arrays: passed as one word, where the tuple itself is seven words an array."""

    def __init__(self, pointee: Any) -> None:
        self.pointee = pointee
        super().__init__(name=f"Reference({pointee})")


@register_default(Reference)
class _ReferenceModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Reference) -> None:
        super().__init__(manager, kind, manager.lookup(kind.pointee).get_value_type().as_pointer())


@infer_getattr
class _ReferenceAttribute(AttributeTemplate):  # type: ignore[misc]
    key = Reference

    def generic_resolve(self, reference: Reference, name: str) -> Any:  # type: ignore[override]
        fields = reference.pointee.fields
        return reference.pointee.types[fields.index(name)] if name in fields else None


@lower_getattr_generic(Reference)  # type: ignore[untyped-decorator]
def _load_attribute(context: Any, builder: Any, kind: Reference, value: Any, name: str) -> Any:
    field = kind.pointee.fields.index(name)
    return builder.load(cgutils.gep_inbounds(builder, value, 0, field))


def reference_type(state: Any) -> Reference:
    """Return the type of ``reference(state)`` in a kernel."""
    return Reference(numba.typeof(state))


@intrinsic  # type: ignore[untyped-decorator]
def reference(typingctx: Any, state: Any) -> Any:
    """Put a named tuple on the stack of the entry kernel and return its address."""
    if not isinstance(state, types.NamedTuple):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return cgutils.alloca_once_value(builder, args[0])

    return Reference(state)(state), codegen


def _item_pointer(context: Any, builder: Any, array_type: Any, array: Any, index_type: Any, index: Any) -> Any:
    struct = context.make_array(array_type)(context, builder, array)
    index = context.cast(builder, index, index_type, types.intp)
    return cgutils.get_item_pointer(context, builder, array_type, struct, [index], wraparound=False, boundscheck=False)


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(typingctx: Any, array: Any, index: Any) -> Any:
    """Ask the memory system for ``array[index]`` ahead of use; never faults, changes nothing."""
    if not isinstance(array, types.Array):
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _item_pointer(context, builder, array, args[0], index, args[1])
        byte_pointer = builder.bitcast(pointer, ir.IntType(8).as_pointer())
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte_pointer.type, i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [byte_pointer, i32(1), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.void(array, index), codegen


@intrinsic  # type: ignore[untyped-decorator]
def multiply_high(typingctx: Any, x: Any, y: Any) -> Any:
    """Return the high 64 bits of the 128-bit product of two unsigned words."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(builder.zext(args[0], wide), builder.zext(args[1], wide))
        return builder.trunc(builder.lshr(product, wide(64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), codegen


def swapped_load(bits: int) -> Callable[[Any, int], int]:
    """Return an intrinsic ``load(data, index)``: one unaligned load and one byte swap."""

    @intrinsic  # type: ignore[untyped-decorator]
    def load(typingctx: Any, data: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = _item_pointer(context, builder, data, args[0], index, args[1])
            word = ir.IntType(bits)
            loaded = builder.load(builder.bitcast(pointer, word.as_pointer()), align=1)
            if bits > 8:
                loaded = builder.bswap(loaded)
            return loaded if bits == 64 else builder.zext(loaded, ir.IntType(64))

        return (types.uint64 if bits == 64 else types.int64)(data, index), codegen

    return load  # type: ignore[return-value]
