"""Several numbers in one register, for compiled loops: what is done, is done to all of them.

The experts of a mixture do the same arithmetic on different weights. As lanes they take one
instruction where numbers would take one each, with the same bits: every operation here is what IEEE
754 fixes for each lane by itself. A count of 1 makes plain numbers, so a kernel is written once.

All functions here are for compiled code only; counts and offsets are literals or what a closure
captured. `like` is a value whose kind (count, width) the result has.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core.datamodel import models
from numba.extending import intrinsic, lower_builtin, register_model, type_callable

INT = ir.IntType(32)


class Lanes(types.Type):  # type: ignore[misc]
    """The type of `count` numbers of type `of`."""

    def __init__(self, count: int, of: Any) -> None:
        self.count, self.of = count, of
        super().__init__(f"Lanes({count} x {of})")


@register_model(Lanes)
class _Register(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Lanes) -> None:
        one = manager[kind.of].get_value_type()
        super().__init__(manager, kind, ir.VectorType(one, kind.count))


def _kind(count: int, of: Any) -> Any:
    return of if count == 1 else Lanes(count, of)


def _count(kind: Any) -> int:
    return kind.count if isinstance(kind, Lanes) else 1


def _of(kind: Any) -> Any:
    return kind.of if isinstance(kind, Lanes) else kind


def _is_number(kind: Any) -> bool:
    return isinstance(_of(kind), types.Float)


def _operators() -> None:
    """Teach the compiler + - * / between lanes of one kind."""
    named = {"add": "fadd", "sub": "fsub", "mul": "fmul", "truediv": "fdiv"}
    for name, instruction in named.items():
        symbol = getattr(operator, name)

        @type_callable(symbol)
        def typed(context: Any) -> Any:
            return lambda a, b: a if isinstance(a, Lanes) and a == b else None

        @lower_builtin(symbol, Lanes, Lanes)
        def lowered(
            context: Any, builder: Any, sig: Any, args: Any, instruction: str = instruction
        ) -> Any:
            return getattr(builder, instruction)(*args)


_operators()


def _shuffled(builder: Any, x: Any, y: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(INT, len(order)), order))


def _spread(builder: Any, x: Any, count: int) -> Any:
    """A number in every lane."""
    if count == 1:
        return x
    nothing = ir.Constant(ir.VectorType(x.type, count), ir.Undefined)
    first = builder.insert_element(nothing, x, ir.Constant(INT, 0))
    return _shuffled(builder, first, nothing, [0] * count)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any, to: Any) -> Any:
    start = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(start, [at]), context.get_value_type(to).as_pointer())


def _intrinsic(make: Callable[..., Any]) -> Any:
    return intrinsic(prefer_literal=True)(make)


@_intrinsic
def load(typing: Any, array: Any, at: Any, like: Any) -> Any:
    """Neighbours of a flat array from `at` on, as many as that literal, or as that has lanes."""
    literal = isinstance(like, types.IntegerLiteral)
    if not literal and isinstance(like, types.Integer):
        return None
    kind = _kind(max(like.literal_value, 1) if literal else _count(like), array.dtype)

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args[0], args[1], kind)
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return kind(array, types.uint64, like), made


@_intrinsic
def store(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """The lanes into a flat array, from `at` on."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args[0], args[1], value)
        builder.store(args[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.uint64, value), made


@_intrinsic
def fill(typing: Any, like: Any, value: Any) -> Any:
    """A number in every lane."""
    if not _is_number(like):
        return None

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = context.cast(builder, args[1], sig.args[1], _of(like))
        return _spread(builder, number, _count(like))

    return like(like, value), made


@_intrinsic
def pair(typing: Any, like: Any, x: Any, y: Any, first: Any) -> Any:
    """The number x in the first `first` lanes, y in the others."""
    if not isinstance(first, types.IntegerLiteral):
        return None
    n, of_x, one = _count(like), first.literal_value, _of(like)

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if of_x in (0, n):
            return _spread(builder, args[1 if of_x else 2], n)
        both = (_spread(builder, number, n) for number in args[1:3])
        return _shuffled(builder, *both, [n * (i >= of_x) for i in range(n)])

    return like(like, one, one, first), made


@_intrinsic
def widen(typing: Any, x: Any, at: Any, count: Any) -> Any:
    """The lanes of x from lane `at` of `count` on; 0 in the others."""
    if not all(isinstance(i, types.IntegerLiteral) for i in (at, count)):
        return None
    n, begin, wide = _count(x), at.literal_value, count.literal_value
    kind = _kind(wide, _of(x))

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if n == wide:
            return args[0]
        if n == 1:
            return builder.insert_element(
                ir.Constant(context.get_value_type(kind), None), args[0], ir.Constant(INT, begin)
            )
        nothing = ir.Constant(args[0].type, None)
        inside = range(begin, begin + n)
        return _shuffled(
            builder, args[0], nothing, [i - begin if i in inside else n for i in range(wide)]
        )

    return kind(x, at, count), made


@_intrinsic
def part(typing: Any, x: Any, at: Any, count: Any) -> Any:
    """`count` lanes of x, from lane `at` on."""
    if not all(isinstance(i, types.IntegerLiteral) for i in (at, count)):
        return None
    n, begin, narrow = _count(x), at.literal_value, max(count.literal_value, 1)

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if n == narrow:
            return args[0]
        if narrow == 1:
            return builder.extract_element(args[0], ir.Constant(INT, begin))
        return _shuffled(builder, args[0], args[0], list(range(begin, begin + narrow)))

    return _kind(narrow, _of(x))(x, at, count), made


@_intrinsic
def less(typing: Any, a: Any, b: Any, then: Any, other: Any) -> Any:
    """Lane by lane `then` where a < b, else `other` (also where either is no number)."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args[:2]), *args[2:])

    return then(a, b, then, other), made


def _instruction(name: str, arguments: int) -> Any:
    """An operation of the processor that LLVM knows by that name."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = args[0].type
        vector = isinstance(kind, ir.VectorType)
        one = kind.element if vector else kind
        bits = "f32" if one == ir.FloatType() else "f64"
        full = f"llvm.{name}.{f'v{kind.count}' if vector else ''}{bits}"
        known = builder.module.globals.get(full)
        signature = ir.FunctionType(kind, [kind] * arguments)
        return builder.call(known or ir.Function(builder.module, signature, full), args)

    if arguments == 1:
        return _intrinsic(lambda typing, x: (x(x), made))
    return _intrinsic(lambda typing, x, y, z: (x(x, y, z), made) if x == y == z else None)


sqrt = _instruction("sqrt", 1)
size = _instruction("fabs", 1)
fma = _instruction("fma", 3)  # x y + z, rounded once


def _converted(name: str, to: Any) -> Any:
    @_intrinsic
    def convert(typing: Any, x: Any) -> Any:
        kind = _kind(_count(x), to)

        def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return getattr(builder, name)(args[0], context.get_value_type(kind))

        return kind(x), made

    return convert


double = _converted("fpext", types.float64)
single = _converted("fptrunc", types.float32)


def _whole(kind: Any, value: int | None = None) -> Any:
    """The LLVM type of as many whole numbers as there are lanes, or that value in each."""
    made = INT if _count(kind) == 1 else ir.VectorType(INT, _count(kind))
    if value is None:
        return made
    return ir.Constant(made, value if _count(kind) == 1 else [value] * _count(kind))


@_intrinsic
def power_of_two(typing: Any, k: Any) -> Any:
    """2**k of whole float32 numbers k from -126 to 127, exactly."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        n = builder.add(builder.fptosi(args[0], _whole(k)), _whole(k, 127))
        return builder.bitcast(builder.shl(n, _whole(k, 23)), args[0].type)

    return k(k), made


@_intrinsic
def bits(typing: Any, x: Any) -> Any:
    """The bits of float32 numbers, read as whole numbers: about 2**23 (127 + log2 x)."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sitofp(builder.bitcast(args[0], _whole(x)), args[0].type)

    return x(x), made


@_intrinsic
def total(typing: Any, x: Any) -> Any:
    """The sum of all lanes: halves added to halves, and what has no half by itself."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, n, rest = args[0], _count(x), []
        while n > 1:
            if n % 2:
                rest.append(builder.extract_element(value, ir.Constant(INT, n - 1)))
            low, high = ([*range(i, i + n // 2)] for i in (0, n // 2))
            n //= 2
            if n == 1:
                value = builder.fadd(
                    *(builder.extract_element(value, ir.Constant(INT, i)) for i in (0, 1))
                )
            else:
                value = builder.fadd(
                    *(_shuffled(builder, value, value, half) for half in (low, high))
                )
        for one in rest:
            value = builder.fadd(value, one)
        return value

    return _of(x)(x), made


LONG = ir.IntType(64)
_ROOT_HALF = 0x3FE6A09E667F3BCD  # the bits of sqrt(1/2) in float64


def _split(builder: Any, x: Any) -> tuple[Any, Any]:
    """The bits of float64 numbers m 2**n with m from sqrt(1/2) to sqrt(2), and n."""
    vector = isinstance(x.type, ir.VectorType)
    many = ir.VectorType(LONG, x.type.count) if vector else LONG

    def constant(value: int) -> Any:
        return ir.Constant(many, [value] * x.type.count if vector else value)

    whole = builder.bitcast(x, many)
    return whole, builder.ashr(builder.sub(whole, constant(_ROOT_HALF)), constant(52))


@_intrinsic
def exponent(typing: Any, x: Any) -> Any:
    """n of positive, normal float64 numbers m 2**n, with m from sqrt(1/2) to sqrt(2)."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.sitofp(_split(builder, args[0])[1], args[0].type)

    return x(x), made


@_intrinsic
def mantissa(typing: Any, x: Any) -> Any:
    """And m."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole, n = _split(builder, args[0])
        shift = ir.Constant(n.type, [52] * n.type.count if _count(x) > 1 else 52)
        return builder.bitcast(builder.sub(whole, builder.shl(n, shift)), args[0].type)

    return x(x), made


@njit(inline="always", error_model="numpy")
def exp(x: Any) -> Any:
    """e to the x of float32 from -87 to 88, within 1e-7 of it relatively.

    Moshier, "Methods and programs for mathematical functions", 1989 (Cephes): x is k ln 2 + r, and
    e**r for |r| <= 0.35 a polynomial.
    """
    shift = fill(x, 12582912.0)  # 1.5 * 2**23: what is added to it is rounded to a whole number
    k = fma(x, fill(x, 1.44269504088896341), shift) - shift
    r = fma(k, fill(x, 2.12194440e-4), fma(k, fill(x, -0.693359375), x))
    s = fma(fill(x, 1.9875691500e-4), r, fill(x, 1.3981999507e-3))
    s = fma(s, r, fill(x, 8.3334519073e-3))
    s = fma(s, r, fill(x, 4.1665795894e-2))
    s = fma(s, r, fill(x, 1.6666665459e-1))
    s = fma(s, r, fill(x, 5.0000001201e-1))
    return (fma(s * r, r, r) + fill(x, 1.0)) * power_of_two(k)
