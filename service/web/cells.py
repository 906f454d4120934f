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

from learners.kernels import LOOP, loop
from learners.types import F64, I64, U8
from service.web.eight import get
from service.web.scan import number, string, word

NUMBER, BOOLEAN, NULL, TEXT, OTHER, _HARD = range(6)  # kinds of a value
VALUE, OPEN, COMMA = range(3)  # what may be before another


class Cells(NamedTuple):
    """The values of n rows, each of so many as there are columns; one without has nulls."""

    starts: I64  # (n, columns) where in the text each begins
    ends: I64
    kinds: U8
    values: F64  # of numbers and booleans
    wrong: I64  # rows that have another number of values, or are no arrays
    found: I64  # how many values these have; -1: no array
    sound: bool  # whether there was nothing but arrays of plain values
    end: int  # of the array


def cells(text: bytes, columns: int, *, strict: bool = False) -> Cells:
    """The values in a JSON array of arrays, which the text begins with.

    With `strict` a ValueError where it is not sound, and nothing behind that place is looked at:
    so of such a text nobody need know before whether it is JSON.

    >>> found = cells(b'[[1, "x"], [null, 2.5], [3]]', 2)
    >>> found.values[:2].tolist(), found.kinds[:2].tolist(), found.wrong
    ([[1.0, 0.0], [0.0, 2.5]], [[0, 3], [2, 0]], array([2]))
    """
    letters = np.frombuffer(text, np.uint8)
    # Values, and rows, at most: a comma or a bracket is before each.
    size = int(np.count_nonzero(letters == 44) + np.count_nonzero(letters == 91)) + 1
    begins = np.empty(size, np.int64)
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    kinds, values = np.empty(size, np.uint8), np.zeros(size)
    n, m, sound, end = _cells(letters, strict, begins, starts, ends, kinds, values)
    if strict and not sound:
        raise ValueError("not an array of arrays of plain values")
    for i in np.flatnonzero(kinds[:m] == _HARD).tolist():
        values[i], kinds[i] = float(text[starts[i] : ends[i]]), NUMBER
    listed = begins[:n] >= 0
    begins[n] = m
    counts = np.diff(np.where(begins[: n + 1] < 0, ~begins[: n + 1], begins[: n + 1]))
    right = (counts == columns) & listed
    parts: list[NDArray[Any]] = [starts[:m], ends[:m], kinds[:m], values[:m]]
    if not right.all():
        keep, rows = np.repeat(right, counts), np.flatnonzero(right)
        parts = [_put(n, columns, rows, one[keep]) for one in parts]
        parts[2].reshape(n, columns)[~right] = NULL
    begin, ends_, kind, value = (one.reshape(n, columns) for one in parts)
    wrong = np.flatnonzero(~right)
    found = np.where(listed, counts, -1)[wrong]
    return Cells(begin, ends_, kind, value, wrong, found, sound, end)


def distinct(text: bytes, starts: I64, ends: I64) -> tuple[I64, list[bytes]]:
    """Each piece of the text by its number among the distinct ones; and these.

    >>> codes, texts = distinct(b'"a""b""a"', np.array([0, 3, 6]), np.array([3, 6, 9]))
    >>> codes.tolist(), texts
    ([0, 1, 0], [b'"a"', b'"b"'])
    """
    starts, ends = np.ascontiguousarray(starts), np.ascontiguousarray(ends)
    codes, first = _distinct(np.frombuffer(text, np.uint8), starts, ends, _SECRET)
    return codes, [text[starts[i] : ends[i]] for i in first.tolist()]


def _put(n: int, columns: int, rows: I64, values: NDArray[Any]) -> NDArray[Any]:
    """Those rows of n; the others are 0."""
    found = np.zeros((n, columns), values.dtype)
    found[rows] = values.reshape(len(rows), columns)
    return found


_SIGNATURE = types.Tuple((types.int64, types.int64, types.boolean, types.int64))(  # type: ignore[no-untyped-call]  # numba's
    types.Array(types.uint8, 1, "C", readonly=True), types.boolean,
    types.int64[::1], types.int64[::1], types.int64[::1], types.uint8[::1], types.float64[::1],
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
    text: U8, strict: bool, begins: I64, starts: I64, ends: I64, kinds: U8, values: F64
) -> tuple[int, int, bool, int]:
    """How many rows and values, whether all is sound (`strict`: or stop), and where it ends.

    A row begins at its first value, m; at ~m where it is no array.
    """
    rows = m = depth = i = 0
    sound, before = True, COMMA  # what was before: a value, a bracket that opens, a comma
    n = len(text)
    most = len(starts)
    while i < n and m < most and rows < most - 1:  # ever true of JSON, as is i < n below
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
                begins[rows] = m
                rows += 1
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
                kind, i, sound = _HARD, begin + 1, False
                while i < n and get(text, i) > 32 and get(text, i) != 44 and get(text, i) != 93:
                    i += 1
        if depth == 1:  # a row that is no array
            sound = False
            begins[rows] = ~m
            rows += 1
            continue
        starts[m], ends[m], kinds[m], values[m] = begin, i, kind, value
        m += 1
    return rows, m, sound and depth == 0 and i > 0, i


_SECRET = secrets.randbits(63)
_PIECES = types.UniTuple(types.int64[::1], 2)(  # type: ignore[no-untyped-call]  # numba's
    types.Array(types.uint8, 1, "C", readonly=True), types.int64[::1], types.int64[::1], types.int64
)


@njit(_PIECES, cache=True, nogil=True)
def _distinct(text: U8, starts: I64, ends: I64, secret: int) -> tuple[I64, I64]:
    """Each piece's number among the distinct ones, and where each of these came first."""
    n = len(starts)
    size = 4
    while size < 2 * n:
        size *= 2
    table = np.full(size, -1, np.int64)  # hash -> number, or the next free place
    codes, first = np.empty(n, np.int64), np.empty(n, np.int64)
    met = 0
    for i in range(n):
        lo, length = starts[i], ends[i] - starts[i]
        mixed = np.uint64(secret)  # FNV-1a from a start that no sender knows
        for at in range(lo, lo + length):
            mixed = (mixed ^ np.uint64(get(text, at))) * np.uint64(1099511628211)
        place = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(size - 1))
        while True:
            code = table[place]
            if code < 0:
                table[place] = codes[i] = met
                first[met] = i
                met += 1
                break
            other = starts[first[code]]
            if ends[first[code]] - other == length:
                j = 0
                while j < length and get(text, other + j) == get(text, lo + j):
                    j += 1
                if j == length:
                    codes[i] = code
                    break
            place = (place + 1) & (size - 1)
    return codes, first[:met].copy()
