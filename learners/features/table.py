"""A table: a column for each feature, a row for each example -> a batch, without a look at each.

A column is of one of four kinds, which mean what the same values mean in an example's mapping:
numbers; words (strings by their codes); lists of either, and bags; anything else, value by value.
Where there are numbers alone, in every row of all columns, they may come as one array.

>>> (indptr, _, values, _), flaws = from_table(
...     3, [("age", Numbers(np.array([30.0, 41.0, np.nan]), np.array([True, True, False]))),
...         ("tag", Words(np.array([0, 0, -1]), ["new"]))])
>>> values.tolist(), indptr.tolist(), flaws
([1.0, 30.0, 1.0, 1.0, 41.0, 1.0, 1.0], [0, 3, 6, 7], {})
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.features.entries import U64, Packed, by_row, grid, pack
from learners.features.hashing import BITS, code, column
from learners.features.values import LARGEST, bad_number, entries
from learners.types import AMOUNT, F64, I64, NUMBER, U8, U32

Bools = NDArray[np.bool_]


class Numbers(NamedTuple):
    """A number in each row."""

    values: NDArray[Any]  # (n,) of any numeric type
    present: Bools | None = None  # (n,) False where there is none; None: all are there


class Words(NamedTuple):
    """A string in each row."""

    codes: NDArray[Any]  # (n,) index into `strings`, -1 where there is none
    strings: Sequence[str]


class Lists(NamedTuple):
    """A list in each row, or a bag."""

    ends: I64  # (n + 1,) row i holds items ends[i]:ends[i + 1]
    items: Numbers | Words
    amounts: Numbers | None = None  # of the words, in a bag


class Values(NamedTuple):
    """Any value that a feature may have, in each row."""

    values: Sequence[object]


class Grid(NamedTuple):
    """A number in each row of each column."""

    names: tuple[str, ...]
    at: I64  # where in `values` the numbers of each are
    values: F64  # (n, at least as many columns)

    def columns(self) -> Named:
        """The same, column by column."""
        across = zip(self.names, self.at.tolist(), strict=True)
        return [(name, Numbers(self.values[:, j])) for name, j in across]


Column = Numbers | Words | Lists | Values
Named = Sequence[tuple[str, Column]]
Flaws = dict[int, str]  # row -> what is wrong with it
_SHORT = 1 << 14  # characters of names together up to which their order is remembered
_Entries = tuple[I64, U64, F64, U8]  # row, hash, value, kind
_NONE: _Entries = (
    np.zeros(0, np.int64), np.zeros(0, np.uint64), np.zeros(0), np.zeros(0, np.uint8),
)  # fmt: skip


def from_table(n: int, features: Named | Grid, bits: int = BITS) -> tuple[Packed, Flaws]:
    """The features of n examples as a batch holds them; rows with a flaw hold what there is else.

    Raises ValueError where a name is no string.
    """
    one = features if isinstance(features, Grid) else _together(n, features)
    if one is not None:
        known = _order if sum(map(len, one.names)) <= _SHORT else _order.__wrapped__
        if (found := known(one.names, bits)) is not None:
            ids, order = found
            packed, sound = grid(ids, one.at[order], one.values)
            if sound:
                return packed, {}
    if isinstance(features, Grid):
        features = features.columns()
    flaws: Flaws = {}
    parts = [_NONE, *(_entries(name, column, flaws) for name, column in features)]
    row, codes, values, kinds = map(np.concatenate, zip(*parts, strict=True))
    counts, order = by_row(n, row)
    packed, _ = pack(counts, codes[order], values[order], kinds[order], bits)
    return packed, flaws


def _together(n: int, features: Named) -> Grid | None:
    """Columns as one array, where all hold a number in each row."""
    numbers = [one for _, one in features if isinstance(one, Numbers) and one.present is None]
    if len(numbers) < len(features):
        return None
    across = np.array([one.values for one in numbers], np.float64).reshape(-1, n)
    return Grid(tuple(name for name, _ in features), np.arange(len(numbers)), across.T)


@lru_cache(64)
def _order(names: tuple[str, ...], bits: int) -> tuple[U32, I64] | None:
    """Ids of those names, ascending, and which name has each; None where two have the same."""
    ids = np.array([column(name, bits) for name in names], np.uint32)
    order = np.argsort(ids)
    ids = ids[order]
    return None if (ids[1:] == ids[:-1]).any() else (ids, order)


def _entries(name: str, one: Column, flaws: Flaws) -> _Entries:
    """What a column says, by row and in order."""
    if isinstance(one, Numbers):
        values = _sound(name, one, flaws)
        row = np.arange(len(values)) if one.present is None else np.flatnonzero(one.present)
        return row, np.full(len(row), code(name), np.uint64), values[row], _kinds(row, NUMBER)
    if isinstance(one, Words):
        row = np.flatnonzero(one.codes >= 0)
        used, at = np.unique(one.codes[row], return_inverse=True)
        said = [entries(name, one.strings[c]) for c in used.tolist()]
        times = np.fromiter(map(len, said), np.int64, len(said))
        codes = np.fromiter((c for some in said for c, _, _ in some), np.uint64, times.sum())
        row, at = np.repeat(row, times[at]), ranges((np.cumsum(times) - times)[at], times[at])
        return row, codes[at], np.ones(len(row)), _kinds(row, AMOUNT)
    if isinstance(one, Lists):
        return _list_entries(name, one, flaws)
    found: list[tuple[int, int, float, int]] = []
    for i, value in enumerate(one.values):
        try:
            found += [(i, *entry) for entry in entries(name, value)]
        except ValueError as error:
            flaws.setdefault(i, str(error))
    if not found:
        return _NONE
    rows, hashes, amounts, kinds = zip(*found, strict=True)
    return (
        np.array(rows, np.int64), np.array(hashes, np.uint64),
        np.array(amounts, np.float64), np.array(kinds, np.uint8),
    )  # fmt: skip


def _list_entries(name: str, one: Lists, flaws: Flaws) -> _Entries:
    """What a column of lists or bags says."""
    counts = np.diff(one.ends)
    row = np.repeat(np.arange(len(counts)), counts)
    at = np.arange(one.ends[0], one.ends[-1])
    if isinstance(one.items, Numbers):
        place = at - one.ends[:-1][row]
        names = [f"{name}[{i}]" for i in range(int(counts.max(initial=0)))]
        values, present = one.items
        numbers = Numbers(values[at], None if present is None else present[at])
        kind = NUMBER
    else:
        used, place = np.unique(one.items.codes[at], return_inverse=True)
        there = place >= np.searchsorted(used, 0)  # codes below 0 come first
        names = [f"{name}={one.items.strings[c] if c >= 0 else None}" for c in used.tolist()]
        kind, numbers = AMOUNT, Numbers(np.ones(len(at)), there)
        if one.amounts is not None:
            values, present = one.amounts
            numbers = Numbers(values[at], there if present is None else there & present[at])
    said: Flaws = {}
    found = _sound("", numbers, said)
    for i in said:
        where = names[place[i]].replace(f"{name}=", f"{name}.", 1)
        flaws.setdefault(int(row[i]), f"features.{where}: {bad_number(numbers.values[i].item())}")
    codes = np.fromiter(map(code, names), np.uint64, len(names))
    keep = np.arange(len(at)) if numbers.present is None else np.flatnonzero(numbers.present)
    return row[keep], codes[place[keep]], found[keep], _kinds(keep, kind)


def _sound(name: str, one: Numbers, flaws: Flaws) -> F64:
    """The values; those that are no number from -1e30 to 1e30 are flaws."""
    values = one.values.astype(np.float64)
    wrong = ~(np.abs(values) <= LARGEST)  # NaN too
    if one.present is not None:
        wrong &= one.present
    if wrong.any():
        for row in np.flatnonzero(wrong).tolist():
            flaws.setdefault(row, f"features.{name}: {bad_number(one.values[row].item())}")
        values[wrong] = 0
    return values


def _kinds(rows: NDArray[Any], kind: int) -> U8:
    return np.full(len(rows), kind, np.uint8)


def ranges(begin: I64, counts: I64) -> I64:
    """The ranges of so many numbers that begin there, end to end.

    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    last = np.cumsum(counts)
    found: I64 = np.repeat(begin - (last - counts), counts) + np.arange(counts.sum())
    return found
