"""Lanes from arrays and numbers, into arrays, and into other lanes."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from learners.lanes.kinds import (
    INT,
    count_of,
    is_number,
    kind_of,
    number_of,
    operation,
    shuffled,
    spread,
)

LINE = 64  # bytes


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any, to: Any) -> Any:
    start = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(start, [at]), context.get_value_type(to).as_pointer())


@operation
def load(typing: Any, array: Any, at: Any, like: Any) -> Any:
    """Neighbours of a flat array from `at` on, as many as that literal, or as that has lanes."""
    literal = isinstance(like, types.IntegerLiteral)
    if not literal and isinstance(like, types.Integer):
        return None
    kind = kind_of(max(like.literal_value, 1) if literal else count_of(like), array.dtype)

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args[0], args[1], kind)
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return kind(array, types.uint64, like), made


@operation
def store(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """The lanes into a flat array, from `at` on."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args[0], args[1], value)
        builder.store(args[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.uint64, value), made


@operation
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Have the cache get the line around an array's number `at`, which is needed soon."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        pointer = builder.bitcast(
            _pointer(context, builder, array, args[0], args[1], array.dtype), byte
        )
        kind = ir.FunctionType(ir.VoidType(), [byte, INT, INT, INT])
        call = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        reading, always, data = 0, 3, 1  # what LLVM calls rw, locality and cache type
        builder.call(call, [pointer, *(ir.Constant(INT, i) for i in (reading, always, data))])
        return context.get_dummy_value()

    return types.void(array, types.uint64), made


@operation
def per_line(typing: Any, array: Any) -> Any:
    """How many of an array's numbers a cache gets at once."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.get_constant(types.uint64, LINE * 8 // array.dtype.bitwidth)

    return types.uint64(array), made


@operation
def fill(typing: Any, like: Any, value: Any) -> Any:
    """A number in every lane."""
    if not is_number(like):
        return None

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = context.cast(builder, args[1], sig.args[1], number_of(like))
        return spread(builder, number, count_of(like))

    return like(like, value), made


@operation
def pair(typing: Any, like: Any, x: Any, y: Any, first: Any) -> Any:
    """The number x in the first `first` lanes, y in the others."""
    if not isinstance(first, types.IntegerLiteral):
        return None
    n, of_x, one = count_of(like), first.literal_value, number_of(like)

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if of_x in (0, n):
            return spread(builder, args[1 if of_x else 2], n)
        one_x, one_y = (spread(builder, number, n) for number in args[1:3])
        return shuffled(builder, one_x, one_y, [n * (i >= of_x) for i in range(n)])

    return like(like, one, one, first), made


@operation
def widen(typing: Any, x: Any, at: Any, count: Any) -> Any:
    """The lanes of x from lane `at` of `count` on; 0 in the others."""
    if not all(isinstance(i, types.IntegerLiteral) for i in (at, count)):
        return None
    n, begin, wide = count_of(x), at.literal_value, count.literal_value
    kind = kind_of(wide, number_of(x))

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if n == wide:
            return args[0]
        if n == 1:
            return builder.insert_element(
                ir.Constant(context.get_value_type(kind), None), args[0], ir.Constant(INT, begin)
            )
        nothing = ir.Constant(args[0].type, None)
        inside = range(begin, begin + n)
        return shuffled(
            builder, args[0], nothing, [i - begin if i in inside else n for i in range(wide)]
        )

    return kind(x, at, count), made


@operation
def part(typing: Any, x: Any, at: Any, count: Any) -> Any:
    """`count` lanes of x, from lane `at` on."""
    if not all(isinstance(i, types.IntegerLiteral) for i in (at, count)):
        return None
    n, begin, narrow = count_of(x), at.literal_value, max(count.literal_value, 1)

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if n == narrow:
            return args[0]
        if narrow == 1:
            return builder.extract_element(args[0], ir.Constant(INT, begin))
        return shuffled(builder, args[0], args[0], list(range(begin, begin + narrow)))

    return kind_of(narrow, number_of(x))(x, at, count), made


@operation
def repeat(typing: Any, x: Any, times: Any) -> Any:
    """Each lane so many times, one after the other."""
    if not isinstance(times, types.IntegerLiteral):
        return None
    n, each = count_of(x), times.literal_value
    kind = kind_of(n * each, number_of(x))

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if each == 1:
            return args[0]
        if n == 1:
            return spread(builder, args[0], each)
        return shuffled(builder, args[0], args[0], [i // each for i in range(n * each)])

    return kind(x, times), made
