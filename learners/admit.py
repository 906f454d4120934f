"""What is new in a block gets a row, a column, a class and a slot."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from learners import tree
from learners.features import Batch
from learners.frozen import thaw
from learners.names import note
from learners.room import make_room, one
from learners.types import I64, Block

if TYPE_CHECKING:
    from learners.place import Place


def admit(place: Place, batch: Batch, lo: int, hi: int, row: I64) -> Block:
    """Examples lo to hi as a block, with rows, columns and classes for all new in them.

    `row` is for the rows of the batch's tasks, as they become known.
    """
    task, label, indptr = batch.task[lo:hi], batch.label[lo:hi], batch.indptr[lo : hi + 1]
    entries = slice(int(indptr[0]), int(indptr[-1]))
    few = len(row) > 4 * len(task)  # a batch may hold many tasks, a part few
    there = np.unique(task) if few else np.flatnonzero(np.bincount(task))
    names = [batch.tasks[i] for i in there]
    row[there] = place._tasks.rows(names)
    unknown = there[row[there] == 0]
    new = [batch.tasks[i] for i in unknown]
    back = place._cold.back(new) if place._cold and new else {}
    row[unknown] = added = np.array([place._tasks.add(name) for name in new], np.int64)
    columns = place._columns.add(batch.columns[entries])
    place._classes.add([batch.classes[i] for i in np.flatnonzero(np.bincount(label))])
    labels = place._classes.find(batch.classes)[label]
    rows = row[task]
    indptr = indptr - indptr[0]
    place._layout.entries += len(columns)
    make_room(place)
    slots, runs = place._layout.lay(rows, indptr, columns, new=True)
    if place._layout.room > place._room.slots:
        make_room(place)
    if new:
        seeds = np.array([_seed(name, place.seed) for name in new], np.int64)
        tree.put(place.bank, added, place.strategy.init(seeds, one(place)))
    if back:
        thaw(place, {place._tasks.row[name]: data for name, data in back.items()})
    note(rows, labels, place.position, place._births, place._first, place._labels)
    return Block(
        rows, indptr, columns, slots, batch.columns[entries], batch.values[entries],
        batch.kinds[entries], labels, batch.weight[lo:hi], place._first, place.position, runs,
        place._classes.ids,
    )  # fmt: skip


def _seed(task: str, seed: int) -> int:
    """A task's seed: it comes from its name, so that no order of arrival matters."""
    digest = hashlib.blake2b(f"{seed}:{task}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little") >> 1
