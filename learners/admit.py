"""What is new in a block gets a row, a column, a class and a slot; what is known is looked up."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from learners import tree
from learners.features import Batch
from learners.frozen import thaw
from learners.kernels import ONE, compiled, repeated
from learners.room import make_room, one
from learners.types import I32, I64, U32, Block

if TYPE_CHECKING:
    from learners.place import Place


@compiled
def unplaced(task: I32, row: I64) -> I64:
    """Those of a batch's tasks that occur and have no row yet, ascending."""
    found = np.zeros(len(row), np.bool_)
    for i in range(len(task)):
        if row[task[i]] == 0:
            found[task[i]] = True
    return np.flatnonzero(found)


@compiled
def place_all(
    task: I32, label: I32, indptr: I64, ids: U32, row: I64, classes: I64, where: I32
) -> tuple[I64, I64, I64, I32, int]:
    """Rows, labels, indptr from 0, columns, and how many columns and labels are unknown.

    Columns are those of one example where all hold the same (`kernels.whole`).
    """
    n = len(task)
    rows, labels, ends = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n + 1, np.int64)
    ends[0] = 0
    unknown = 0
    for i in range(np.uint64(n)):
        rows[i], labels[i] = row[task[i]], classes[label[i]]
        ends[i + ONE] = indptr[i + ONE] - indptr[0]
        unknown += labels[i] < 0
    begin = np.uint64(indptr[0])
    end = np.uint64(indptr[1] if repeated(indptr, ids) else indptr[-1])
    columns = np.empty(end - begin, np.int32)
    for j in range(begin, end):
        columns[j - begin] = where[ids[j]]
        unknown += columns[j - begin] == 0
    return rows, labels, ends, columns, unknown


@compiled
def note(rows: I64, labels: I64, start: int, births: I64, first: I64, often: I64) -> None:
    """Write down when each task was born and first met each class, and how often it did.

    Positions count from `start`; a birth is the position after which the task is there, 0 is none.
    """
    for i in range(len(rows)):
        t, c = rows[i], labels[i]
        if births[t] == 0:
            births[t] = start + i + 1
        first[t, c] = min(first[t, c], start + i)
        first[0, c] = min(first[0, c], start + i)
        often[t, c] += 1


def admit(place: Place, batch: Batch, lo: int, hi: int, row: I64) -> Block:
    """Examples lo to hi as a block, with rows, columns and classes for all new in them.

    `row` is for the rows of the batch's tasks, as they become known.
    """
    task, label, indptr = batch.task[lo:hi], batch.label[lo:hi], batch.indptr[lo : hi + 1]
    if place._cold is not None:  # a task may have gone to disk since, and its row to another
        row[:] = 0
    new: list[str] = []
    back: dict[str, bytes] = {}
    added = np.zeros(0, np.int64)
    if len(there := unplaced(task, row)):
        met = there.tolist()
        names = batch.tasks if len(met) == len(batch.tasks) else [batch.tasks[i] for i in met]
        row[there] = place._tasks.rows(names)
        unknown = there[row[there] == 0]
        new = [batch.tasks[i] for i in unknown]
        back = place._cold.back(new) if place._cold and new else {}
        row[unknown] = added = np.array([place._tasks.add(name) for name in new], np.int64)
    entries = slice(int(indptr[0]), int(indptr[-1]))
    ids, columns = batch.columns[entries], place._columns

    def found() -> Any:
        classes = place._classes.find(batch.classes)
        return place_all(task, label, indptr, batch.columns, row, classes, columns.where)

    rows, labels, ends, where, strange = found()
    place._layout.entries += len(ids)
    if new or strange:
        columns.add(ids)
        place._classes.add([batch.classes[i] for i in np.flatnonzero(np.bincount(label))])
        make_room(place)
        rows, labels, ends, where, _ = found()
    where, slots, runs = place._layout.lay(rows, ends, where, new=True)
    if place._layout.room > place._room.slots:
        make_room(place)
    if new:
        seeds = np.array([_seed(name, place.seed) for name in new], np.int64)
        tree.put(place.bank, added, place.strategy.init(seeds, one(place)))
    if back:
        thaw(place, {place._tasks.row[name]: data for name, data in back.items()})
    note(rows, labels, place.position, place._births, place._first, place._labels)
    return Block(
        rows, ends, where, slots, ids, batch.values[entries],
        batch.kinds[entries], labels, batch.weight[lo:hi], place._first, place.position, runs,
        place._classes.ids,
    )  # fmt: skip


def _seed(task: str, seed: int) -> int:
    """A task's seed: it comes from its name, so that no order of arrival matters."""
    digest = hashlib.blake2b(f"{seed}:{task}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little") >> 1
