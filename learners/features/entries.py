"""Entries (hash of a name, value, kind) -> the columns of a batch: compiled loops."""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from learners.features.values import LARGEST
from learners.types import CONSTANT, F32, F64, I64, NUMBER, U8, U32

U64 = NDArray[np.uint64]
Packed = tuple[I64, U32, F32, U8]  # indptr, columns, values, kinds: as in a batch
_ROWS = np.uint64(64)  # of a grid that are written together
_FEW = 48  # entries up to which inserting one by one is the fastest way to sort


@njit(cache=True, nogil=True)
def pack(counts: I64, codes: U64, values: F64, kinds: U8, bits: int) -> tuple[Packed, bool]:
    """Entries by example -> columns, each example with its constant; whether values are sound.

    Example i has counts[i] of the entries; kinds are one for each, or one for all. Within an
    example ids ascend; names that hash alike add up in the order given, in float64, and are of
    the first one's kind. A sound value is a number from -1e30 to 1e30.
    """
    n, m = len(counts), len(codes)
    indptr = np.zeros(n + 1, np.int64)
    columns = np.empty(m + n, np.uint32)
    out = np.empty(m + n, np.float32)
    kind = np.empty(m + n, np.uint8)
    ids = np.empty(m, np.uint32)
    shift = np.uint64(64 - bits)
    sound = True
    for i in range(m):
        ids[i] = max(np.uint32(codes[i] >> shift), np.uint32(1))
        sound &= abs(values[i]) <= LARGEST  # false for NaN too
    order = np.arange(m)
    one_kind = len(kinds) == 1
    begin = w = 0
    for r in range(n):
        columns[w], out[w], kind[w] = 0, 1.0, CONSTANT
        w += 1
        part = order[begin : begin + counts[r]]
        begin += counts[r]
        if len(part) <= _FEW:
            for i in range(1, len(part)):
                one = part[i]
                c = ids[one]
                j = i
                while j > 0 and ids[part[j - 1]] > c:
                    part[j] = part[j - 1]
                    j -= 1
                part[j] = one
        else:
            part = part[np.argsort(ids[part], kind="mergesort")]  # stable
        i = 0
        while i < len(part):
            one = part[i]
            c, total = ids[one], values[one]
            kind[w] = kinds[0 if one_kind else one]
            i += 1
            while i < len(part) and ids[part[i]] == c:
                total += values[part[i]]
                i += 1
            columns[w], out[w] = c, total
            w += 1
        indptr[r + 1] = w
    if w < m + n:
        columns, out, kind = columns[:w].copy(), out[:w].copy(), kind[:w].copy()
    return (indptr, columns, out, kind), sound


# Compiled, or loaded, when this is imported: no request waits for it.
_GRID = types.Tuple(  # type: ignore[no-untyped-call]  # numba's
    (
        types.Tuple((types.int64[::1], types.uint32[::1], types.float32[::1], types.uint8[::1])),  # type: ignore[no-untyped-call]
        types.boolean,
    )
)(types.uint32[::1], types.int64[::1], types.float64[:, :])


@njit(_GRID, cache=True, nogil=True)
def grid(ids: U32, at: I64, table: F64) -> tuple[Packed, bool]:
    """As `pack`, of a table of numbers; those of each id, ascending, are in column at[j]."""
    width = np.uint64(len(ids) + 1)
    one, rows = np.uint64(1), np.uint64(len(table))
    indptr = np.empty(rows + one, np.int64)
    columns = np.empty(rows * width, np.uint32)
    values = np.empty(rows * width, np.float32)
    kinds = np.full(rows * width, NUMBER, np.uint8)
    for i in range(rows + one):
        indptr[i] = i * width
    for i in range(rows):
        to = i * width
        columns[to], values[to], kinds[to] = 0, 1.0, CONSTANT
        for j in range(width - one):
            columns[to + one + j] = ids[j]
    sound = True
    for lo in range(0, rows, _ROWS):  # so many rows at once stay in cache
        hi = min(rows, lo + _ROWS)
        for j in range(width - one):
            for i in range(lo, hi):
                value = table[i, np.uint64(at[j])]
                sound &= abs(value) <= LARGEST  # false for NaN too
                values[i * width + one + j] = value
    return (indptr, columns, values, kinds), sound


@njit(cache=True, nogil=True)
def by_row(n: int, row: I64) -> tuple[I64, I64]:
    """How many entries each of n rows has, and the entries row by row, in the order given."""
    counts = np.zeros(n, np.int64)
    for r in row:
        counts[r] += 1
    at = np.cumsum(counts) - counts
    order = np.empty(len(row), np.int64)
    for i in range(len(row)):
        order[at[row[i]]] = i
        at[row[i]] += 1
    return counts, order
