"""What a place's tasks cost in memory: who counts bytes must count them all alike.

A task's rows lie in the bank, in the measures of its progress and, where tasks tell something at
meetings, in what the meeting remembers and in the last message. Python's own objects inside a
strategy (a `river:` one's clones) are not arrays and not counted.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from learners import tree
from learners.types import Tree

if TYPE_CHECKING:
    from learners.place import Place

ENTRY = 150  # bytes of a name's entry in a dictionary, its row's number and its place in a list


class Cost(NamedTuple):
    """Bytes in memory."""

    total: int
    tasks: int  # of it what lies there by task; the rest is common to all


def of_place(place: Place) -> Cost:
    """Bytes of all that a place holds, with the room that it keeps for more."""
    total = by_task = 0
    for one in _trees(place):
        for _, names, leaf in tree.leaves(one):
            total += leaf.nbytes
            by_task += leaf.nbytes if names[0] in "tp" else 0
    rows = place._births.nbytes + place._first.nbytes + place._labels.nbytes
    known = sum(sys.getsizeof(name) + ENTRY for name in place._tasks.row)
    columns = place._columns.where.nbytes + place._columns.ids.nbytes
    if (slots := place._layout.slots) is not None:
        rows += slots.nbytes
    return Cost(total + rows + known + columns, by_task + rows + known)


def of_task(place: Place, task: str) -> int:
    """Bytes that one task takes up in memory, or would; KeyError when there is none such."""
    if task not in place:
        raise KeyError(task)
    row = int(place.rows([task])[0])
    taken = sys.getsizeof(task) + ENTRY
    for one in _trees(place):
        taken += sum(
            leaf.nbytes // len(leaf)
            for _, names, leaf in tree.leaves(one)
            if names.startswith("t") and len(leaf)
        )
    if (slots := place._layout.slots) is not None:
        pairs = len(slots.of(np.array([row]))[0])
        each = sum(leaf[:1].nbytes for _, names, leaf in tree.leaves(place.bank) if names[0] == "p")
        taken += pairs * (each + slots.nbytes // len(slots))
    for leaf in (place._births, place._first, place._labels):
        taken += leaf[row : row + 1].nbytes
    return taken


def _trees(place: Place) -> list[Tree]:
    """All trees of arrays: the bank, the measures, and its own hub's memory and messages."""
    found: list[Tree] = [place.bank, place.progress]
    if place.alone:
        found += [place.hub.memory, *(parcel.tree for parcel in list(place.hub.inbox.values()))]
    found += place.talk.held()
    return found
