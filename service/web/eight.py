"""Eight bytes of a text at once, as one number of 64 bits: compiled (SWAR).

Lamport, "Multiple byte processing with full-word instructions", CACM 1975. A mark is the highest
bit of a byte; that of the first byte marked is exact, those behind it need not be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from learners.lanes.kinds import operation
from learners.links import inlined
from learners.types import U8

WIDTH = 8
EACH = np.uint64(0x0101010101010101)  # times a byte: that byte in all eight
MARKS = EACH * np.uint64(0x80)
_ONE, _TEN, _EIGHT, _WIDE = (np.uint64(i) for i in (1, 10, 8, 64))
_ZEROS = EACH * np.uint64(48)
_OVER_NINE = EACH * np.uint64(0x76)  # makes of 10 and more 128 and more
_PAIRS, _TO_HUNDREDS = np.uint64(0x000000FF000000FF), np.uint64(0x000F424000000064)
_SIXTEEN, _TO_ONES, _HALF = np.uint64(16), np.uint64(0x0000271000000001), np.uint64(32)
_HUNDRED_MILLION = np.uint64(100_000_000)
_TENS = np.array([10**i for i in range(WIDTH)], np.uint64)


@operation
def eight(typing: Any, text: Any, at: Any) -> Any:
    """The eight bytes from `at` on, the first one lowest; they must be there."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        start = context.make_array(sig.args[0])(context, builder, args[0]).data
        wide = ir.IntType(64)
        pointer = builder.bitcast(builder.gep(start, [args[1]]), wide.as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(text, types.int64), made


@operation
def get(typing: Any, text: Any, at: Any) -> Any:
    """The byte there, which must be: `at` is not looked at, whether it counts from the end."""

    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        start = context.make_array(sig.args[0])(context, builder, args[0]).data
        return builder.load(builder.gep(start, [args[1]]))

    return types.uint8(text, types.int64), made


@operation
def _put(typing: Any, out: Any, at: Any, some: Any) -> Any:
    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        start = context.make_array(sig.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(start, [args[1]]), ir.IntType(64).as_pointer())
        builder.store(args[2], pointer, align=1)
        return context.get_dummy_value()

    return types.void(out, types.int64, types.uint64), made


@operation
def _zeros_below(typing: Any, x: Any) -> Any:
    def made(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), made


@inlined
def first(marks: Any) -> Any:
    """Which of the eight bytes is the first that has a mark; 8: none has."""
    return np.int64(_zeros_below(marks) >> np.uint64(3))


@inlined
def equal(eight: Any, byte: int) -> Any:
    """Marks where that byte stands."""
    away = eight ^ (EACH * np.uint64(byte))
    return (away - EACH) & ~away & MARKS


@inlined
def below(eight: Any, byte: int) -> Any:
    """Marks where a smaller one stands; `byte` is at most 128."""
    return (eight - EACH * np.uint64(byte)) & ~eight & MARKS


@inlined
def digits(text: U8, i: int, end: int) -> tuple[np.uint64, int]:
    """The number that the digits there are, by 2**64, and where they end.

    >>> digits(np.frombuffer(b"1234567890, 5", np.uint8), 0, 13)
    (1234567890, 10)
    """
    found = np.uint64(0)
    while i + WIDTH <= end:
        each = eight(text, i) ^ _ZEROS
        n = first(((each + _OVER_NINE) | each) & MARKS)
        if n == 0:
            return found, i
        each = each << (_WIDE - _EIGHT * np.uint64(n))  # zeros in front of them
        each = each * _TEN + (each >> _EIGHT)
        value = (each & _PAIRS) * _TO_HUNDREDS + ((each >> _SIXTEEN) & _PAIRS) * _TO_ONES
        value = value >> _HALF
        i += n
        if n < WIDTH:
            return found * _TENS[n] + value, i
        found = found * _HUNDRED_MILLION + value
    while i < end and 48 <= get(text, i) <= 57:
        found = found * _TEN + np.uint64(get(text, i) - 48)
        i += 1
    return found, i


@inlined
def same(text: U8, a: int, b: int, n: int) -> bool:
    """Whether n bytes are the same."""
    j = 0
    if n < WIDTH:
        while j < n and get(text, a + j) == get(text, b + j):
            j += 1
        return j == n
    while j + WIDTH < n:
        if eight(text, a + j) != eight(text, b + j):
            return False
        j += WIDTH
    j = n - WIDTH  # the last eight, some of them once more
    last: bool = eight(text, a + j) == eight(text, b + j)
    return last


@inlined
def copy(out: U8, at: int, text: U8, lo: int, hi: int) -> int:
    """Where the copy of text[lo:hi] ends; both have WIDTH - 1 bytes more, which are written too."""
    for i in range(0, hi - lo, WIDTH):
        _put(out, at + i, eight(text, lo + i))
    return at + hi - lo
