"""Where a task and a column lie when not every task has seen every column: compact slots.

A pair (row, column) that was seen has a slot, given out in order of appearance; leaves of pairs are
(slots, ...) arrays then, and memory follows what tasks have really seen. One table for all tasks,
by open addressing; a row's slots are a linked list, so that they can be told and given back.

>>> slots = Slots()
>>> rows, indptr = np.array([7, 8]), np.array([0, 2, 3])
>>> slots.add(rows, indptr, np.array([3, 5, 3], np.int32))
array([1, 2, 3])
>>> slots.find(rows, indptr, np.array([3, 4, 3], np.int32))
array([1, 0, 3])
>>> slots.remove(7)
array([1, 2])
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from learners.types import I32, I64

FULL = 0.7  # share of the table's places that may be taken
_compiled = njit(cache=True, nogil=True, error_model="numpy")
_ONE = np.uint64(1)


@njit(inline="always")
def _key(row: int, column: int) -> Any:
    return (np.uint64(row) << np.uint64(32)) | np.uint64(column)


@_compiled
def _place(key: Any, keys: Any, table: I32) -> int:
    """The place in the table that holds the key's slot, or the free one where it belongs."""
    mask = np.uint64(len(table) - 1)
    x = key * np.uint64(0x9E3779B97F4A7C15)
    at = (x ^ (x >> np.uint64(32))) & mask
    while table[at] != 0 and keys[table[at]] != key:
        at = (at + _ONE) & mask
    return at  # type: ignore[no-any-return]


@_compiled
def _find(rows: I64, indptr: I64, columns: I32, keys: Any, table: I32, out: I64) -> int:
    """Slots into `out`, 0 where there is none; how many there are none of."""
    missing = 0
    for i in range(len(rows)):
        slot = 0
        for j in range(indptr[i], indptr[i + 1]):
            key = _key(rows[i], columns[j])
            # What came together once comes together again: look at the neighbour first.
            if slot != 0 and slot + 1 < len(keys) and keys[slot + 1] == key:
                slot += 1
            else:
                slot = table[_place(key, keys, table)]
                missing += slot == 0
            out[j - indptr[0]] = slot
    return missing


@_compiled
def _add(
    rows: I64, indptr: I64, columns: I32, keys: Any, following: I32, last: I32, table: I32,
    free: int, used: int, out: I64,
) -> tuple[int, int]:  # fmt: skip
    """Slots into `out`, new ones where there were none; the first free one and the count then."""
    for i in range(len(rows)):
        for j in range(indptr[i], indptr[i + 1]):
            if out[j - indptr[0]] != 0:
                continue
            key = _key(rows[i], columns[j])
            at = _place(key, keys, table)
            if table[at] == 0:
                if free != 0:
                    slot, free = free, following[free]
                else:
                    slot, used = used, used + 1
                table[at], keys[slot] = slot, key
                following[slot], last[rows[i]] = last[rows[i]], slot
            out[j - indptr[0]] = table[at]
    return free, used


@_compiled
def _rebuild(keys: Any, used: int, table: I32) -> None:
    for slot in range(1, used):
        if keys[slot] != 0:
            table[_place(keys[slot], keys, table)] = slot


@_compiled
def _remove(slots: I64, keys: Any, table: I32) -> None:
    """Take slots out of the table, moving up what had to give way to them."""
    mask = np.uint64(len(table) - 1)
    for slot in slots:
        hole = np.uint64(_place(keys[slot], keys, table))
        at = (hole + _ONE) & mask
        while table[at] != 0:
            x = keys[table[at]] * np.uint64(0x9E3779B97F4A7C15)
            home = (x ^ (x >> np.uint64(32))) & mask
            if ((at - home) & mask) >= ((at - hole) & mask):
                table[hole], hole = table[at], at
            at = (at + _ONE) & mask
        table[hole] = 0
        keys[slot] = 0


@_compiled
def _listed(rows: I64, following: I32, last: I32, out: I64) -> int:
    """The slots of rows into `out`, row by row; how many."""
    n = 0
    for row in rows:
        slot = last[row]
        while slot != 0:
            if n < len(out):
                out[n] = slot
            n += 1
            slot = following[slot]
    return n


class Slots:
    """Pairs of row and column -> slots. Slot 0 is that of a pair never seen."""

    def __init__(self) -> None:
        self.used = 1  # slots ever given out, slot 0 among them
        self._keys = np.zeros(16, np.uint64)  # slot -> row << 32 | column; 0: free
        self._next = np.zeros(16, np.int32)  # slot -> another of its row, or another free one
        self._last = np.zeros(8, np.int32)  # row -> the slot that it got last
        self._table = np.zeros(32, np.int32)  # places -> slots
        self._free = 0  # a slot that was given back

    def __len__(self) -> int:
        """How many slots there are, slot 0 among them."""
        return self.used

    @property
    def nbytes(self) -> int:
        """Bytes that the table takes up."""
        return sum(a.nbytes for a in (self._keys, self._next, self._last, self._table))

    def add(self, rows: I64, indptr: I64, columns: I32) -> I64:
        """Slots of the entries of examples (as in a block), new ones where needed."""
        out = np.empty(len(columns), np.int64)
        missing = _find(rows, indptr, columns, self._keys, self._table, out)
        if missing:
            self._make_room(self.used + missing, int(rows.max()) + 1)
            self._free, self.used = _add(
                rows, indptr, columns, self._keys, self._next, self._last, self._table,
                self._free, self.used, out,
            )  # fmt: skip
        return out

    def find(self, rows: I64, indptr: I64, columns: I32) -> I64:
        """Slots of the entries; 0 for a pair never seen."""
        out = np.empty(len(columns), np.int64)
        _find(rows, indptr, columns, self._keys, self._table, out)
        return out

    def of(self, rows: I64) -> tuple[I64, I64, I64]:
        """All slots of those rows with the row and the column of each, in no order."""
        slots = self._listed(np.asarray(rows, np.int64))
        keys = self._keys[slots]
        return slots, (keys >> 32).astype(np.int64), (keys & 0xFFFFFFFF).astype(np.int64)

    def remove(self, row: int) -> I64:
        """Give a row's slots back; which they were."""
        slots = np.sort(self._listed(np.array([row])))
        if len(slots):
            _remove(slots, self._keys, self._table)
            self._last[row] = 0
            # The lowest is given out first again, so that what comes together lies together.
            self._next[slots] = [*slots[1:], self._free]
            self._free = int(slots[0])
        return slots

    def _listed(self, rows: I64) -> I64:
        rows = rows[rows < len(self._last)]
        out = np.empty(64, np.int64)
        n = _listed(rows, self._next, self._last, out)
        if n > len(out):
            out = np.empty(n, np.int64)
            _listed(rows, self._next, self._last, out)
        return out[:n]

    def _make_room(self, slots: int, rows: int) -> None:
        if slots > len(self._keys):
            more = max(slots, len(self._keys) * 5 // 4) - len(self._keys)
            self._keys = np.concatenate([self._keys, np.zeros(more, np.uint64)])
            self._next = np.concatenate([self._next, np.zeros(more, np.int32)])
        if rows > len(self._last):
            more = max(rows, len(self._last) * 5 // 4) - len(self._last)
            self._last = np.concatenate([self._last, np.zeros(more, np.int32)])
        if slots > FULL * len(self._table):
            size = len(self._table)
            while slots > FULL * size:
                size *= 2
            self._table = np.zeros(size, np.int32)
            _rebuild(self._keys, self.used, self._table)
