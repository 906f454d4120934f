"""Cold tasks: those that learnt least recently leave memory, and come back when they learn again.

What is warm follows from the positions of the examples alone, so the same journal gives the same
tasks the same temperature. A cold task takes no part in meetings, as one that left; when it comes
back it is the same task with the same state, and is told of anew. To predict for a cold task, or to
look at it, its row is read into memory for a while as a *guest's*: nothing else sees that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.types import I64

if TYPE_CHECKING:
    from learners.place import Place

CHECK = 256  # positions between two looks at who is to leave
LEAVE = 8  # one in so many leaves at once, so that looking costs little
GUESTS = 64  # rows that cold tasks may keep in memory after they were asked about


class Shelf(Protocol):
    """Where cold tasks lie: bytes by name, and when they came and went.

    Positions are those of the place. What was changed after the position to which a place is
    restored must be undone by `rewind`.
    """

    def put(self, task: str, data: bytes, position: int) -> None:
        """Lay a task there that was in memory up to that position."""

    def read(self, task: str) -> bytes | None:
        """What lies there of a task; None where nothing does."""

    def take(self, task: str, position: int) -> None:
        """The task is in memory again, or gone, from that position on."""

    def names(self) -> list[str]:
        """The tasks that lie there, sorted."""

    def rewind(self, position: int) -> None:
        """Have lie there what did at that position."""

    def digest(self) -> str:
        """A hash of all that lies there, whenever it came."""

    def __contains__(self, task: str) -> bool:
        """Whether the task lies there."""

    def __len__(self) -> int:
        """How many tasks lie there."""


class Cold:
    """Which tasks of a place are in memory.

    Parameters
    ----------
    place
        whose tasks they are
    shelf
        where those lie that are not
    warm
        how many stay in memory; up to `CHECK` positions long there may be more
    """

    def __init__(self, place: Place, shelf: Shelf, warm: int) -> None:
        self.place, self.shelf, self.warm = place, shelf, warm
        self.last: I64 = np.zeros(8, np.int64)  # position of each row's newest example
        self.examples = 0  # that the cold tasks have learnt
        self.guests: dict[str, int] = {}

    def note(self, rows: I64, start: int) -> None:
        """Those rows learn, one after another from that position on."""
        if (have := len(self.place._births)) > len(self.last):
            self.last = np.pad(self.last, (0, have - len(self.last)))
        self.last[rows] = start + np.arange(len(rows))  # of several the last one stays

    def back(self, names: Sequence[str]) -> dict[str, bytes]:
        """What lies on the shelf of those tasks, which are about to come back, and no longer."""
        found = {name: data for name in names if (data := self.shelf.read(name)) is not None}
        for name, data in found.items():
            self._take(name, data)
        return found

    def forget(self, task: str) -> bool:
        """Delete a cold task; whether there was one."""
        data = self.shelf.read(task)
        if data is not None:
            self._take(task, data)
        return data is not None

    def rows(self, names: Sequence[str]) -> I64:
        """Rows of those tasks, cold ones read in as guests; 0 for a task never seen."""
        place = self.place
        rows = place._tasks.rows(names)
        asked = [names[i] for i in np.flatnonzero(rows == 0).tolist()]
        come = [n for n in asked if n not in self.guests and n in self.shelf]
        if come and len(self.guests) + len(come) > GUESTS:
            for name in self.guests.keys() - asked:
                self._see_off(name)
        if come:
            self.guests |= {name: place._tasks.lend() for name in come}
            place._make_room()
            for name in come:
                data = self.shelf.read(name)
                assert data is not None  # it lay there just now
                thaw(place, self.guests[name], data)
        if self.guests:
            rows = rows.copy()
            rows[rows == 0] = [self.guests.get(name, 0) for name in asked]
        return rows

    def due(self) -> None:
        """Send tasks away if there are too many, those that learnt least recently."""
        place = self.place
        if place.position % CHECK or len(place._tasks.row) <= self.warm:
            return
        stay = self.warm - self.warm // LEAVE
        names = place._tasks.sorted()
        order = np.argsort(self.last[place._tasks.rows(names)], kind="stable")
        columns = place._columns.sorted()
        for i in order[: len(names) - stay].tolist():
            row = place._tasks.row[names[i]]
            self.examples += int(place.progress.counts[row, 0])
            self.shelf.put(names[i], freeze(place, row, columns), place.position)
            place._vacate(place._tasks.remove(names[i]))

    def _take(self, task: str, data: bytes) -> None:
        """The task leaves the shelf with the next position."""
        self.examples -= tree.unpack(data)[1]["examples"]
        self.shelf.take(task, self.place.position + 1)
        if task in self.guests:
            self._see_off(task)

    def _see_off(self, name: str) -> None:
        row = self.guests.pop(name)
        self.place._tasks.free.append(row)
        self.place._vacate(row)


def freeze(place: Place, row: int, columns: I64) -> bytes:
    """A row as bytes: all that is 0 for a feature is left out; `columns` are used ones by id."""
    seen = np.zeros(len(columns), bool)
    for names, leaf in _rows(place, row):
        if names.startswith("d"):
            seen |= leaf[columns].reshape(len(columns), -1).any(1)
    kept = columns[seen]
    parts = [
        leaf[kept] if names.startswith("d") else leaf for names, leaf in _rows(place, row)
    ]  # fmt: skip
    about = {
        "birth": int(place._births[row]), "margins": place._room.margins,
        "examples": int(place.progress.counts[row, 0]),
    }  # fmt: skip
    flat = np.frombuffer(b"".join(part.tobytes() for part in parts), np.uint8)
    arrays = [place._columns.ids[kept], flat, place._first[row], place._labels[row]]
    return tree.pack(arrays, about)


def thaw(place: Place, row: int, data: bytes) -> None:
    """Write what `freeze` made into a row that is as new; classes may have come since."""
    (ids, flat, first, labels), about = tree.unpack(data)
    columns = place._columns.find(ids)
    place._births[row] = about["birth"]
    place._first[row, : len(first)], place._labels[row, : len(labels)] = first, labels
    at = 0
    for names, leaf in _rows(place, row):
        sizes = {"d": len(ids), "k": about["margins"], "K": about["margins"]}
        shape = [sizes.get(n, have) for n, have in zip(names, leaf.shape, strict=True)]
        size = int(np.prod(shape)) * leaf.itemsize
        part = flat[at : at + size].view(leaf.dtype).reshape(shape)
        at += size
        for axis, name in enumerate(names):
            if name in "kK" and shape[axis] == 1 < leaf.shape[axis]:
                part = tree.unfold(name, part, axis)
        room: Any = tuple(slice(n) for n in part.shape)
        if names.startswith("d"):
            leaf[(columns, *room[1:])] = part
        else:
            leaf[room] = part


def _rows(place: Place, row: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """The task's part of every leaf that has one, with the axes that are left."""
    for one in (place.bank, place.progress):
        for _, names, leaf in tree.leaves(one):
            if names.startswith("t"):
                yield names[1:], leaf[row]
