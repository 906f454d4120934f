"""The type of lanes, and what it takes to make operations on them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.extending import intrinsic, lower_builtin, register_model, type_callable

INT = ir.IntType(32)


class Lanes(types.Type):
    """The type of `count` numbers of type `of`."""

    def __init__(self, count: int, of: Any) -> None:
        self.count, self.of = count, of
        super().__init__(f"Lanes({count} x {of})")


@register_model(Lanes)
class _Register(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        one = manager[kind.of].get_value_type()
        super().__init__(manager, kind, ir.VectorType(one, kind.count))  # type: ignore[no-untyped-call]


def kind_of(count: int, of: Any) -> Any:
    """The type of so many numbers: lanes, or for one the number itself."""
    return of if count == 1 else Lanes(count, of)


def count_of(kind: Any) -> int:
    """How many numbers a value of that type is."""
    return kind.count if isinstance(kind, Lanes) else 1


def number_of(kind: Any) -> Any:
    """The type of each of them."""
    return kind.of if isinstance(kind, Lanes) else kind


def is_number(kind: Any) -> bool:
    """Whether they are floating-point numbers."""
    return isinstance(number_of(kind), types.Float)


def _operators() -> None:
    """Teach the compiler + - * / between lanes of one kind, and - before them."""

    @type_callable(operator.neg)
    def typed_negative(context: Any) -> Any:
        return lambda a: a if isinstance(a, Lanes) else None

    @lower_builtin(operator.neg, Lanes)  # type: ignore[no-untyped-call]
    def lowered_negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fneg(*args)

    named = {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}
    for name, instruction in named.items():
        symbol = getattr(operator, name)

        @type_callable(symbol)
        def typed(context: Any) -> Any:
            return lambda a, b: a if isinstance(a, Lanes) and a == b else None

        @lower_builtin(symbol, Lanes, Lanes)  # type: ignore[no-untyped-call]
        def lowered(
            context: Any, builder: Any, sig: Any, args: Any, instruction: str = instruction
        ) -> Any:
            return getattr(builder, instruction)(*args)


_operators()


def shuffled(builder: Any, x: Any, y: Any, order: list[int]) -> Any:
    """Lanes of x and then y, by those indices."""
    return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT, len(order)), order))


def spread(builder: Any, x: Any, count: int) -> Any:
    """A number in every lane."""
    if count == 1:
        return x
    nothing = ir.Constant(ir.VectorType(x.type, count), ir.Undefined)
    first = builder.insert_element(nothing, x, ir.Constant(INT, 0))
    return shuffled(builder, first, nothing, [0] * count)


def operation(make: Callable[..., Any]) -> Any:
    """An operation for compiled code, which may ask for literals."""
    return intrinsic(prefer_literal=True)(make)
