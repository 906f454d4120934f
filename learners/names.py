"""What a place calls its rows, columns and classes: names outside, indices inside."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

import numpy as np
from numba import njit

from learners.features import label_key
from learners.features.hashing import code
from learners.types import I32, I64, U32, U64, Label


class Tasks:
    """Task names -> rows. Row 0 is nobody's; rows of tasks that left are given out again."""

    def __init__(self) -> None:
        self.row: dict[str, int] = {}
        self.free: list[int] = []
        self.used = 1  # rows ever given out, row 0 among them
        self._sorted: tuple[str, ...] | None = ()  # as long as nobody comes or leaves
        self._rows = np.zeros(0, np.int64)  # of these

    def lend(self) -> int:
        """A row of no name; who has done with it puts it among the free ones."""
        row = self.free.pop() if self.free else self.used
        self.used = max(self.used, row + 1)
        return row

    def add(self, name: str) -> int:
        """A row for a new task."""
        row = self.row[name] = self.lend()
        self._sorted = None
        return row

    def remove(self, name: str) -> int:
        """The row that the task leaves behind."""
        row = self.row.pop(name)
        self.free.append(row)
        self._sorted = None
        return row

    def sorted(self) -> tuple[str, ...]:
        """Names in the canonical order, which no order of arrival changes."""
        if self._sorted is None:
            self._sorted = tuple(sorted(self.row))
            self._rows = self.rows(list(self._sorted))
        return self._sorted

    def rows(self, names: Sequence[str]) -> I64:
        """Their rows; 0 for a task never seen."""
        if names is self._sorted:
            return self._rows
        return np.fromiter(map(self.row.get, names, repeat(0)), np.int64, len(names))


@njit(cache=True, nogil=True)
def _admit(ids: U32, where: I32, found: U32, used: int) -> int:
    """Give a column to each id that has none; how many are used then."""
    for i in ids:
        if where[i] == 0:
            found[used] = i
            where[i] = used
            used += 1
    return used


@njit(cache=True, nogil=True)
def _look(ids: U32, where: I32, columns: I32) -> int:
    """Columns of those ids into `columns`; how many have none."""
    missing = 0
    for i in range(len(ids)):
        columns[i] = where[ids[i]]
        missing += columns[i] == 0
    return missing


FIRST = 4096  # columns from 0 on in which the tasks of a place meet: later features are rare ones


class Columns:
    """Feature ids -> columns, given out as features appear. Column 0 is nobody's.

    So memory follows the features that were seen, whatever the size of the space of ids.
    """

    def __init__(self, bits: int) -> None:
        self.where = np.zeros(1 << bits, np.int32)  # id -> column, 0: none
        self.ids = np.zeros(16, np.uint32)  # column -> id
        self.used = 1

    def add(self, ids: U32) -> I32:
        """Columns of those ids, new ones where needed."""
        columns = np.empty(len(ids), np.int32)
        missing = _look(ids, self.where, columns)
        if missing:
            # at most as many new ones as ids, at most one for each of the space
            need = min(self.used + missing, len(self.where) + 1)
            if need > len(self.ids):
                self.ids = np.concatenate([self.ids, np.zeros(need, np.uint32)])
            self.used = _admit(ids, self.where, self.ids, self.used)
            _look(ids, self.where, columns)
        return columns

    def find(self, ids: U32) -> I32:
        """Columns of those ids; 0 for a feature never seen."""
        return self.where[ids]

    def sorted(self) -> I64:
        """Used columns in the canonical order, that of their ids."""
        return 1 + np.argsort(self.ids[1 : self.used])

    def first(self) -> I64:
        """Those below FIRST, in that order."""
        columns = self.sorted()
        return columns[columns < FIRST]

    def stored(self) -> I64:
        """All, the first ones first: so given out again, the same are the first."""
        columns = self.sorted()
        return np.concatenate([columns[columns < FIRST], columns[columns >= FIRST]])


class Classes:
    """Labels -> class indices, in order of appearance."""

    def __init__(self) -> None:
        self.names: list[Label] = []
        self.index: dict[tuple[str, Label], int] = {}
        self.ids: U64 = np.zeros(0, np.uint64)  # hashes of the labels, the same at every place

    def add(self, labels: Sequence[Label]) -> I64:
        """Class indices of those labels (-1 last, for no label), new ones where needed."""
        for label in labels:
            key = label_key(label)
            if key not in self.index:
                self.index[key] = len(self.names)
                self.names.append(label)
                self.ids = np.append(self.ids, np.uint64(code(f"{key[0]} {label}")))
        return self.find(labels)

    def find(self, labels: Sequence[Label]) -> I64:
        """Class indices of those labels; -1 for one never seen, and last."""
        return np.array([*(self.index.get(label_key(v), -1) for v in labels), -1], np.int64)


class Numbers:
    """A number for each name that was met, so that lists of names are compared as arrays."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._rank = np.zeros(0, np.int64)  # of each number, in the order of the names
        self._known: list[tuple[tuple[str, ...], I64]] = []  # lists looked up last time

    def ranks(self, lists: Sequence[tuple[str, ...]]) -> I64:
        """Of several lists end to end: equal for equal names, and in their order."""
        if len(self._number) > 2 * sum(map(len, lists)) + 1000:  # most are of tasks that left
            self._number, self._known, self._rank = {}, [], self._rank[:0]
        self._known = [(names, self.of(names)) for names in lists]
        if len(self._number) != len(self._rank):
            names = list(self._number)
            self._rank = np.empty(len(names), np.int64)
            self._rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        ranks: I64 = self._rank[np.concatenate([numbers for _, numbers in self._known])]
        return ranks

    def of(self, names: tuple[str, ...]) -> I64:
        """Their numbers."""
        for known, numbers in self._known:
            if known == names:  # at once where it is the same object
                return numbers
        number = self._number
        for name in names:
            if name not in number:
                number[name] = len(number)
        return np.fromiter(map(number.__getitem__, names), np.int64, len(names))

    def common(
        self, names: tuple[str, ...], births: I64, others: tuple[str, ...], their_births: I64
    ) -> tuple[I64, I64]:
        """Where in both lists the lives are that are in both."""
        here, there = self.of(names), self.of(others)
        at = np.full(len(self._number), -1)
        at[there] = np.arange(len(there))
        rows = at[here]
        both = np.flatnonzero(rows >= 0)
        both = both[their_births[rows[both]] == births[both]]
        return both, rows[both]
