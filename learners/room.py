"""The room of a bank: rows, columns, classes and slots for what there is, and a row made as new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from learners import tree
from learners.progress import Progress
from learners.types import I64, NEVER, Shape

if TYPE_CHECKING:
    from learners.place import Place


def make_room(place: Place) -> None:
    """Grow the bank by a quarter at least, so that it is copied seldom and little lies idle."""
    place._layout.choose(place._tasks.used, place._columns.used)
    room, layout = place._room, place._layout
    tasks, columns, slots = (
        have if used <= have else max(used, have + have // 4)
        for have, used in (
            (room.tasks, place._tasks.used),
            (room.columns, place._columns.used),
            (room.slots, layout.room),
        )
    )
    place._room = Shape(tasks, columns, len(place._classes.names), slots)
    if place._room != room:
        place.bank = tree.grow(place.bank, place._room)
        place.progress = tree.grow(place.progress, place._room)
        place.talk.make_room(place._room)
        more = [(0, n) for n in np.subtract(place._room, room)[[0, 2]]]
        place._births = np.pad(place._births, more[:1])
        place._first = np.pad(place._first, more, constant_values=NEVER)
        place._labels = np.pad(place._labels, more)


def vacate(place: Place, rows: I64) -> None:
    """Make rows as new; their tasks are here no more."""
    shape = one(place)._replace(tasks=len(rows))
    tree.put(place.bank, rows, place.strategy.init(np.zeros(len(rows), np.int64), shape))
    tree.put(place.progress, rows, tree.zeros(Progress, shape, len(place.experts)))
    place._births[rows], place._first[rows], place._labels[rows] = 0, NEVER, 0
    for row in rows.tolist():
        place._layout.vacate(row)
        place.talk.forget(row)


def one(place: Place) -> Shape:
    """The shape of one task's part of the bank."""
    return Shape(1, place._room.columns, place._room.classes, min(place._room.slots, 1))
