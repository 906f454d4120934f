"""Rows of JSON -> where each value lies, and the numbers among them: a compiled loop.

A text is sound that is an array of arrays of plain values: numbers, strings with nothing escaped,
`true`, `false` and `null`. Such a text is JSON, where it is UTF-8. Of any other a library is to say
whether it is: here nothing of it is checked. A number with more digits than 64 bits hold, or a
large exponent, is left to Python.
"""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from learners.kernels import LOOP, ONE, ZERO, loop
from learners.types import F64, I32, I64, U8
from service.web.eight import get
from service.web.scan import name, number, string, word

NUMBER, BOOLEAN, NULL, TEXT, OTHER, _HARD = range(6)  # kinds of a value
VALUE, OPEN, COMMA = range(3)  # what may be before another


class Cells(NamedTuple):
    """The values of n rows, each of so many as there are columns; one without has nulls."""

    starts: I64  # (n, columns) where in the text each begins
    ends: I64
    kinds: U8
    values: F64  # of numbers and booleans
    highest: U8  # (columns,) the last of the kinds in each; 0: none, or numbers
    wrong: I64  # rows that have another number of values, or are no arrays
    found: I64  # how many values these have; -1: no array
    sound: bool  # whether there was nothing but arrays of plain values
    end: int  # of the array


_NO_ROWS = np.zeros(0, np.int64)


def cells(text: bytes, columns: int, at: int = 0, *, strict: bool = False) -> Cells:
    """The values in a JSON array of arrays, which begins in the text at that place.

    With `strict` a ValueError where it is not sound, and nothing behind that place is looked at:
    so of such a text nobody need know before whether it is JSON.

    >>> found = cells(b'[[1, "x"], [null, 2.5], [3]]', 2)
    >>> found.values[:2].tolist(), found.kinds[:2].tolist(), found.wrong
    ([[1.0, 0.0], [0.0, 2.5]], [[0, 3], [2, 0]], array([2]))
    """
    letters = np.frombuffer(text, np.uint8)
    size = _most(letters, at)
    begins = np.empty(size, np.int64)
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    kinds, values = np.empty(size, np.uint8), np.empty(size)
    highest = np.zeros(columns, np.uint8)
    n, m, even, hard, sound, end = _cells(
        letters, at, strict, begins, starts, ends, kinds, values, highest
    )
    if strict and not sound:
        raise ValueError("not an array of arrays of plain values")
    wrong = found = _NO_ROWS
    parts: list[NDArray[Any]] = [starts[:m], ends[:m], kinds[:m], values[:m]]
    if hard:
        for i in np.flatnonzero(parts[2] == _HARD).tolist():
            values[i], kinds[i] = float(text[starts[i] : ends[i]]), NUMBER
    if not even:
        listed = begins[:n] >= 0
        begins[n] = m
        counts = np.diff(np.where(begins[: n + 1] < 0, ~begins[: n + 1], begins[: n + 1]))
        right = (counts == columns) & listed
        keep, rows = np.repeat(right, counts), np.flatnonzero(right)
        parts = [_put(n, columns, rows, one[keep]) for one in parts]
        parts[2].reshape(n, columns)[~right] = NULL
        wrong = np.flatnonzero(~right)
        found = np.where(listed, counts, -1)[wrong]
    begin, end_, kind, value = (one.reshape(n, columns) for one in parts)
    if hard or not even:
        highest = kind.max(0, initial=0)
    return Cells(begin, end_, kind, value, highest, wrong, found, sound, end)


class Distinct(NamedTuple):
    """Pieces of a text by their number among the distinct ones, which are numbered as they come."""

    codes: I32  # -1 of `null`, and of a piece that is empty
    texts: list[bytes]
    whole: bool  # whether there is none of these


def distinct(text: bytes, starts: I64, ends: I64) -> Distinct:
    """Look at each piece.

    >>> codes, texts, _ = distinct(b'"a"null"a"', np.array([0, 3, 7]), np.array([3, 7, 10]))
    >>> codes.tolist(), texts
    ([0, -1, 0], [b'"a"'])
    """
    codes, spans, whole = _distinct(np.frombuffer(text, np.uint8), starts, ends, _SECRET)
    return Distinct(codes, [text[lo:hi] for lo, hi in spans.tolist()], whole)


def _put(n: int, columns: int, rows: I64, values: NDArray[Any]) -> NDArray[Any]:
    """Those rows of n; the others are 0."""
    found = np.zeros((n, columns), values.dtype)
    found[rows] = values.reshape(len(rows), columns)
    return found


_TEXT = types.Array(types.uint8, 1, "C", readonly=True)


@njit(types.int64(_TEXT, types.int64), **LOOP)
def _most(text: U8, at: int) -> int:
    """How many values, or rows, there are at most: a comma or a bracket is before each."""
    found = 1
    for i in range(at, len(text)):
        byte = get(text, i)
        found += (byte == 44) | (byte == 91)
    return found


_SIGNATURE = types.Tuple(  # type: ignore[no-untyped-call]  # numba's
    (types.int64, types.int64, types.boolean, types.boolean, types.boolean, types.int64)
)(
    _TEXT, types.int64, types.boolean, types.int64[::1], types.int64[::1], types.int64[::1],
    types.uint8[::1], types.float64[::1], types.uint8[::1],
)  # fmt: skip


@loop
def _behind(text: U8, i: int, n: int) -> int:
    """Behind the string that begins there, whatever is in it."""
    i += 1
    while i < n and get(text, i) != 34:
        i += 2 if get(text, i) == 92 else 1
    return i + 1


@njit(_SIGNATURE, **LOOP)
def _cells(
    text: U8, at: int, strict: bool, begins: I64, starts: I64, ends: I64, kinds: U8, values: F64,
    highest: U8,
) -> tuple[int, int, bool, bool, bool, int]:  # fmt: skip
    """Counts of rows and values; whether every row has as many as there are columns; whether some
    number is left to Python; whether all is sound (`strict`: or stop); and where it ends.

    A row begins at its first value, m; at ~m where it is no array.
    """
    depth = 0
    rows = m = row = ZERO  # row: the first value of this one
    i = at
    columns = np.uint64(len(highest))
    even, hard = True, False
    sound, before = True, COMMA  # what was before: a value, a bracket that opens, a comma
    n = len(text)
    most = np.uint64(len(starts))
    while i < n and m < most and rows < most - ONE:  # ever true of JSON, as is i < n below
        if strict and not sound:
            break
        byte = get(text, i)
        if byte <= 32:
            sound &= byte == 32 or byte == 10 or byte == 13 or byte == 9
            i += 1
            continue
        if byte == 44:
            sound &= before == VALUE
            before = COMMA
            i += 1
            continue
        if byte == 93:
            sound &= before != COMMA
            before = VALUE
            depth -= 1
            i += 1
            if depth == 0:
                break
            continue
        sound &= before != VALUE
        before = VALUE
        if depth == 0 or (depth == 1 and byte == 91):
            sound &= byte == 91
            before = OPEN
            if depth == 1:
                even &= rows == 0 or m - row == columns
                begins[rows] = row = m
                rows += ONE
            depth += 1
            i += 1
            continue
        begin = i
        kind, value = NULL, 0.0
        if byte == 34:
            kind, i = TEXT, string(text, i + 1, n)
            if i < 0:
                sound, i = False, _behind(text, begin, n)
        elif byte == 91 or byte == 123:
            sound, inside = False, 0
            while i < n:
                if get(text, i) == 34:
                    i = _behind(text, i, n)
                    continue
                inside += get(text, i) == 91 or get(text, i) == 123
                inside -= get(text, i) == 93 or get(text, i) == 125
                i += 1
                if inside == 0:
                    break
            kind = OTHER
        elif byte == 110 or byte == 116 or byte == 102:
            i = word(text, i, n)
            if i < 0:
                sound, i = False, begin + 4
            if byte != 110:
                kind, value = BOOLEAN, 1.0 if byte == 116 else 0.0
        else:
            kind = NUMBER
            value, i = number(text, begin, n)
            if i < 0:
                kind, i, sound, hard = _HARD, begin + 1, False, True
                while i < n and get(text, i) > 32 and get(text, i) != 44 and get(text, i) != 93:
                    i += 1
        if depth == 1:  # a row that is no array
            sound = even = False
            begins[rows] = ~m
            rows += ONE
            continue
        starts[m], ends[m], kinds[m], values[m] = begin, i, kind, value
        if m - row < columns:
            highest[m - row] = max(highest[m - row], kind)
        m += ONE
        if i + 1 < n and get(text, i) == 44:  # mostly another one follows
            before = COMMA
            i += 2 if get(text, i + 1) == 32 else 1
    even &= rows == 0 or m - row == columns
    return int(rows), int(m), even, hard, sound and depth == 0 and i > at, i


_SECRET = secrets.randbits(63)
_PIECES = types.Tuple((types.int32[::1], types.int64[:, ::1], types.boolean))(  # type: ignore[no-untyped-call]  # numba's
    _TEXT, types.int64[:], types.int64[:], types.int64
)


@njit(_PIECES, cache=True, nogil=True)
def _distinct(text: U8, starts: I64, ends: I64, secret: int) -> tuple[I32, I64, bool]:
    """The number of each piece, where the distinct ones lie, and whether all are one."""
    n = len(starts)
    size = 4
    while size < 2 * n:
        size *= 2
    seats = np.full(size, -1, np.int32)
    codes, spans = np.full(n, -1, np.int32), np.empty((n, 2), np.int64)
    met, whole = 0, True
    for i in range(n):
        if starts[i] == ends[i] or get(text, starts[i]) == 110:
            whole = False
        else:
            codes[i] = name(text, starts[i], ends[i], secret, seats, spans, met)
            met += codes[i] == met
    return codes, spans[:met].copy(), whole
