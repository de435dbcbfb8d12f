"""Kernels go through few of numba's passes, and types of operators are remembered: the answers are numba's own."""

from __future__ import annotations

import operator

import numba
import pytest
from numba.core import types
from numba.core.registry import cpu_target
from numba.core.types.functions import BaseFunction

from flowclass.jit import JIT_ENABLED, entry, kernel

pytestmark = pytest.mark.skipif(not JIT_ENABLED, reason="nothing is compiled")
SCALARS = (types.int64, types.uint64, types.uint8, types.float32, types.float64, types.boolean, types.literal(3))
OPERATORS = (operator.add, operator.sub, operator.and_, operator.rshift, operator.eq, operator.lt, operator.floordiv)


@pytest.mark.parametrize("name", [one.__name__ for one in OPERATORS])
def test_an_operator_has_the_types_that_numba_gives_it(name: str) -> None:
    context = cpu_target.typing_context
    context.refresh()
    function = context.resolve_value_type(getattr(operator, name))
    for left in SCALARS:
        for right in SCALARS:
            try:
                own = BaseFunction.get_call_type(function, context, (left, right), {})
            except numba.core.errors.TypingError:
                with pytest.raises(numba.core.errors.TypingError):
                    function.get_call_type(context, (left, right), {})
                continue
            for _ in range(2):
                assert function.get_call_type(context, (left, right), {}) == own


@kernel
def collatz(n: int) -> int:
    """Count the steps to 1: branches, a loop, variables bound anew."""
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def test_a_kernel_computes_what_python_does() -> None:
    def longest(limit: int) -> int:
        best = 1
        for n in range(1, limit):
            if collatz(n) > collatz(best):
                best = n
        return best

    assert entry(longest)(1000) == 871
