"""Examples as a table: columns named once, a row for each example.

A column is named by where its values would stand in an example: `task`, `label`, `weight`, `id`,
and `features.NAME`; for a feature NAME alone will do, where it is none of the four.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.features.examples import Batch, appearing
from learners.features.labels import check_label, label_key
from learners.features.mappings import HEAVIEST
from learners.features.table import Flaws, Grid, Lists, Named, Numbers, Values, Words, from_table
from learners.kernels import longest
from learners.types import F32, I32, Label
from service.core.prepare import Prepared, invalid, prepared
from service.problems import Problem
from service.settings import Settings
from service.web.wire import wrong

ROLES = ("task", "label", "weight", "id")
FEATURES = "features."
ROWS = 4096  # prepared, then learnt, at once: milliseconds between which others are served
ENTRIES = 1 << 20  # or about as many entries
Make = tuple[int, Callable[[], Prepared]]  # how long it takes, as bytes of JSON; and what prepares


class Coded(NamedTuple):
    """A scalar in each row, by its number among the distinct ones."""

    codes: NDArray[Any]  # (n,), -1 where there is none
    values: Sequence[Any]
    whole: bool = False  # there is one in each row, and they are numbered as they come


class Table(NamedTuple):
    """n examples."""

    n: int
    task: Coded
    label: Coded | None
    weight: Numbers | None
    id: Coded | None
    features: Named | Grid
    problems: Mapping[int, Problem]  # rows that are none


def roles(names: Iterable[object], *, to_learn: bool) -> list[str]:
    """Where the values of each column stand: a role, or `features.` and a name.

    >>> roles(["task", "age", "features.id"], to_learn=False)
    ['task', 'features.age', 'features.id']

    Raises Problem where one is no string or stands twice, the task is missing, or a label where
    there should be none or none where there should be one.
    """
    found: dict[str, None] = {}  # in order
    for name in names:
        if not isinstance(name, str):
            raise wrong("columns", f"the name {name!r} is not a string")
        if name not in ROLES and not name.startswith(FEATURES):
            name = FEATURES + name
        if name in found:
            raise wrong("columns", f"{name!r} stands twice; keep one")
        if name in ROLES[1:] and not to_learn:
            raise wrong(
                "columns",
                f"{name!r} is not for a prediction; leave it out, or call it {FEATURES + name!r} "
                "where it is a feature",
            )
        found[name] = None
    for role in ROLES[: 1 + to_learn]:
        if role not in found:
            raise wrong("columns", f"{role!r} is missing; give each row its {role} in one of them")
    return list(found)


def makes(table: Table, settings: Settings, *, to_learn: bool) -> Iterator[Make]:
    """What prepares some rows at a time."""
    if isinstance(table.features, Grid):
        numbers = len(table.features.names)
    else:
        numbers = sum(isinstance(one, Numbers) for _, one in table.features)
    for lo, hi, size in slices(table):
        # A number takes as long as 2 bytes of JSON; words may all differ.
        cost = 50 * size - 48 * numbers * (hi - lo)
        yield cost, partial(prepare_table, part(table, lo, hi), settings, to_learn=to_learn)


def prepare_table(table: Table, settings: Settings, *, to_learn: bool) -> Prepared:
    """What of a table can be used."""
    flaws: Flaws = {}
    tasks, task = _tasks(table.task, settings.max_task_chars, flaws)
    classes, label = _labels(table.label, table.n, flaws)
    weight = _weights(table.weight, table.n, flaws)
    ids = _ids(table.id, settings.max_id_chars, flaws)
    try:
        if not isinstance(table.features, Grid):
            _refuse_long_lists(table.features, settings.max_features)
        packed, wrong_features = from_table(table.n, table.features, settings.bits)
    except ValueError as error:
        raise invalid(str(error)) from None
    if longest(packed[0]) - 1 > settings.max_features:
        wide = np.diff(packed[0]) - 1
        for row in np.flatnonzero(wide > settings.max_features).tolist():
            flaws.setdefault(row, f"features: {_wide(int(wide[row]), settings.max_features)}")
    made = Batch(tasks, task, *packed, classes, label, weight)
    problems = {row: invalid(why) for row, why in {**wrong_features, **flaws}.items()}
    return prepared(made, ids, {**problems, **table.problems})


def _tasks(one: Coded, most: int, flaws: Flaws) -> tuple[tuple[str, ...], I32]:
    for code, name in enumerate(one.values):
        if not 1 <= len(name) <= most:
            _flaw(one.codes, code, flaws, f"task: has {len(name)} characters; give 1 to {most}")
    if not one.whole:
        _flaw(one.codes, -1, flaws, "task: null is not a name; give a string of 1 or more")
    return _met(one, one.values, one.values)


def _labels(one: Coded | None, n: int, flaws: Flaws) -> tuple[tuple[Label, ...], I32]:
    if one is None:
        return (), np.full(n, -1, np.int32)
    labels: list[Any] = []
    for code, value in enumerate(one.values if one.whole else (*one.values, None)):
        try:
            labels.append(check_label(value))
        except ValueError as error:
            labels.append(0)
            _flaw(one.codes, -1 if value is None else code, flaws, str(error))
    return _met(one, labels, [label_key(label) for label in labels])


def _met(one: Coded, values: Sequence[Any], keys: Sequence[Any]) -> tuple[tuple[Any, ...], I32]:
    """The values met, in order of appearance, and each row's index there; -1 where it has none."""
    codes = one.codes
    if len(set(keys)) < len(keys):  # one value in several ways: all are the first
        first: dict[Any, int] = {}
        codes = np.array([*(first.setdefault(key, i) for i, key in enumerate(keys)), -1])[codes]
    elif one.whole:
        return tuple(values), codes
    met, found = appearing(codes.astype(np.int32, copy=False), len(values))
    return tuple(values[i] for i in met.tolist()), found


def _weights(one: Numbers | None, n: int, flaws: Flaws) -> F32:
    if one is None:
        return np.ones(n, np.float32)
    values = one.values.astype(np.float64)
    wrong_ones = ~((values >= 0) & (values <= HEAVIEST))
    if one.present is not None:
        for row in np.flatnonzero(~one.present).tolist():
            flaws.setdefault(row, "weight: null is not a number from 0 to 1,000,000")
    for row in np.flatnonzero(wrong_ones).tolist():
        flaws.setdefault(row, f"weight: {values[row]!s} is not a number from 0 to 1,000,000")
    values[wrong_ones] = 1
    return values.astype(np.float32)


def _ids(one: Coded | None, most: int, flaws: Flaws) -> Sequence[str | None]:
    if one is None:
        return ()
    for code, name in enumerate(one.values):
        if not 1 <= len(name) <= most:
            _flaw(one.codes, code, flaws, f"id: has {len(name)} characters; give 1 to {most}")
    return [one.values[code] if code >= 0 else None for code in one.codes.tolist()]


def _flaw(codes: NDArray[Any], code: int, flaws: Flaws, why: str) -> None:
    """Note what is wrong with all rows of that code."""
    for row in np.flatnonzero(codes == code if code >= 0 else codes < 0).tolist():
        flaws.setdefault(row, why)


def _wide(n: int, most: int) -> str:
    return (
        f"{n} columns (numbers, words, entries), the limit is {most}; send fewer, or raise "
        "KINDRED_MAX_FEATURES"
    )


def _refuse_long_lists(features: Named, most: int) -> None:
    """ValueError where one list has more items than an example may have columns."""
    for name, one in features:
        if isinstance(one, Lists):
            longest = int(np.diff(one.ends).max(initial=0))
            if longest > most:
                raise ValueError(f"features.{name}: {_wide(longest, most)}")


def part(table: Table, lo: int, hi: int) -> Table:
    """Rows lo to hi."""
    if hi - lo == table.n:
        return table

    def some(one: Any) -> Any:
        if isinstance(one, Grid):
            return one._replace(values=one.values[lo:hi])
        if isinstance(one, Numbers):
            return Numbers(one.values[lo:hi], None if one.present is None else one.present[lo:hi])
        if isinstance(one, Lists):
            return one._replace(ends=one.ends[lo : hi + 1])
        if isinstance(one, Values):
            return Values(one.values[lo:hi])
        return None if one is None else type(one)(one[0][lo:hi], one[1])  # codes, no longer whole

    features = table.features
    return Table(
        min(hi, table.n) - lo,
        some(table.task),
        some(table.label),
        some(table.weight),
        some(table.id),
        some(features)
        if isinstance(features, Grid)
        else [(name, some(one)) for name, one in features],
        {row - lo: why for row, why in table.problems.items() if lo <= row < hi},
    )


def entries(table: Table) -> NDArray[np.int64] | int:
    """About how many entries each row has, and not fewer: (n,), or one number for all."""
    if isinstance(table.features, Grid):
        return len(table.features.names)
    uneven = [one for _, one in table.features if isinstance(one, (Words, Lists))]
    even = len(table.features) - len(uneven)
    if not uneven:
        return even
    found = np.full(table.n, even)
    for one in uneven:
        if isinstance(one, Words):
            most = np.array([len(text) // 2 + 2 for text in one.strings] + [0])
            found += most[one.codes]
        else:
            found += np.diff(one.ends)
    return found


def slices(table: Table) -> Iterator[tuple[int, int, int]]:
    """Rows of about ENTRIES entries together, at most ROWS of them; and how many entries."""
    each = entries(table)
    if isinstance(each, int):
        step = min(max(ENTRIES // max(each, 1), 1), ROWS)
        for lo in range(0, table.n, step):
            hi = min(lo + step, table.n)
            yield lo, hi, each * (hi - lo)
        return
    ends = np.cumsum(each)
    lo = 0
    while lo < table.n:
        before = ends[lo - 1] if lo else 0
        hi = int(np.searchsorted(ends, before + ENTRIES, "right"))
        hi = min(max(hi, lo + 1), lo + ROWS, table.n)
        yield lo, hi, int(ends[hi - 1] - before)
        lo = hi
