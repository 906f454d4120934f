"""What travels: an example, and a batch of them as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numba import njit, types

from learners.features.labels import label_key
from learners.types import F32, I32, I64, U8, U32, Label


class Example(NamedTuple):
    """What travels: one example of one task. Without a label it asks for a prediction."""

    task: str
    features: Mapping[str, object]
    label: Label | None = None
    weight: float = 1.0
    id: str | None = None


class Batch(NamedTuple):
    """n examples as columns, in arrival order. Within an example, ids ascend."""

    tasks: tuple[str, ...]  # the names met, in order of appearance
    task: I32  # (n,) index into tasks
    indptr: I64  # (n + 1,)
    columns: U32  # (nnz,) feature ids below 2**bits
    values: F32  # (nnz,)
    kinds: U8  # (nnz,)
    classes: tuple[Label, ...]  # the labels met, in order of appearance
    label: I32  # (n,) index into classes, -1 where there is none
    weight: F32  # (n,)


def join(batches: Sequence[Batch]) -> Batch:
    """Batches end to end, in order: the batch that all their examples together would have made."""
    if len(batches) == 1:
        return batches[0]
    tasks: dict[str, int] = {}
    classes: dict[tuple[str, Label], int] = {}
    to_task = [tasks.setdefault(name, len(tasks)) for one in batches for name in one.tasks]
    to_class = [
        classes.setdefault(label_key(c), len(classes)) for one in batches for c in one.classes
    ]
    sizes = np.array([(len(one.task), len(one.tasks), len(one.classes)) for one in batches])
    task = np.concatenate([one.task for one in batches])
    label = np.concatenate([one.label for one in batches])
    renumber(task, sizes[:, 0], sizes[:, 1], np.array(to_task, np.int32))
    renumber(label, sizes[:, 0], sizes[:, 2], np.array(to_class, np.int32))
    indptr, at = [np.zeros(1, np.int64)], 0
    for one in batches:
        indptr.append(one.indptr[1:] + at)
        at += len(one.columns)
    return Batch(
        tuple(tasks),
        task,
        np.concatenate(indptr),
        np.concatenate([one.columns for one in batches]),
        np.concatenate([one.values for one in batches]),
        np.concatenate([one.kinds for one in batches]),
        tuple(key[1] for key in classes),
        label,
        np.concatenate([one.weight for one in batches]),
    )


# Compiled, or loaded, when this is imported: no request waits for it.
_APPEARING = types.UniTuple(types.int32[::1], 2)(  # type: ignore[no-untyped-call]  # numba's
    types.Array(types.int32, 1, "C", readonly=True), types.int64
)


@njit(
    types.boolean(types.int32[::1], types.int64[:], types.int64[:], types.int32[::1]),
    cache=True,
    nogil=True,
)
def renumber(codes: I32, counts: I64, names: I64, to: I32) -> bool:
    """Make each batch's codes of its own names those of all names, in place; -1 stays.

    Batch b has counts[b] of the codes, and names[b] of what its names become; False where a code is
    that of no name.
    """
    sound, at, first = True, 0, 0
    for b in range(len(counts)):
        for i in range(at, at + counts[b]):
            code = codes[i]
            if 0 <= code < names[b]:
                codes[i] = to[first + code]
            else:
                sound &= code == -1
        at += counts[b]
        first += names[b]
    return sound


def take(one: Batch, rows: Sequence[int] | I64) -> Batch:
    """The batch that those examples alone would have made, in that order: names of others go too.

    >>> from learners.features import batch
    >>> take(batch([Example("a", {}, "x"), Example("b", {}, "y")]), [1]).tasks
    ('b',)
    """
    rows = np.asarray(rows, np.int64)
    begin, counts = one.indptr[rows], one.indptr[rows + 1] - one.indptr[rows]
    indptr = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    at = np.repeat(begin - indptr[:-1], counts) + np.arange(indptr[-1])
    met, task = appearing(one.task[rows], len(one.tasks))
    seen, label = appearing(one.label[rows], len(one.classes))
    return Batch(
        tuple(one.tasks[i] for i in met.tolist()),
        task,
        indptr,
        one.columns[at],
        one.values[at],
        one.kinds[at],
        tuple(one.classes[i] for i in seen.tolist()),
        label,
        one.weight[rows],
    )


@njit(_APPEARING, cache=True, nogil=True)
def appearing(codes: I32, size: int) -> tuple[I32, I32]:
    """Which of `size` codes appear, in that order, and the codes as indices there; -1 stays."""
    to = np.full(size, -1, np.int32)
    met = np.empty(size, np.int32)
    found = np.empty(len(codes), np.int32)
    n = 0
    for i in range(len(codes)):
        c = codes[i]
        if c >= 0 and to[c] < 0:
            to[c] = n
            met[n] = c
            n += 1
        found[i] = to[c] if c >= 0 else -1
    return met[:n], found
