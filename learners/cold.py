"""Cold tasks: those that learnt least recently leave memory, and come back when they learn again.

What is warm follows from the positions of the examples alone, so the same journal gives the same
tasks the same temperature. A cold task takes no part in meetings, as one that left; when it comes
back it is the same task with the same state, and is told of anew. To predict for a cold task, or to
look at it, its row is read into memory for a while as a *guest's*: nothing else sees that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from learners import room
from learners.frozen import examples, freeze, thaw
from learners.types import I64

if TYPE_CHECKING:
    from learners.place import Place

CHECK = 256  # positions between two looks at who is to leave
LEAVE = 8  # one in so many leaves at once, so that looking costs little
TOGETHER = 1 << 16  # cells of rows that are frozen at once
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
            room.make_room(place)
            read = {self.guests[name]: self.shelf.read(name) for name in come}
            thaw(place, {row: data for row, data in read.items() if data is not None})
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
        leaving = [names[i] for i in order[: len(names) - stay].tolist()]
        step = max(1, TOGETHER // len(columns)) if len(columns) else len(leaving)
        for lo in range(0, len(leaving), step):
            some = leaving[lo : lo + step]
            rows = place._tasks.rows(some)
            self.examples += int(place.progress.counts[rows, 0].sum())
            for name, data in zip(some, freeze(place, rows, columns), strict=True):
                self.shelf.put(name, data, place.position)
                place._tasks.remove(name)
            room.vacate(place, rows)

    def _take(self, task: str, data: bytes) -> None:
        """The task leaves the shelf with the next position."""
        self.examples -= examples(data)
        self.shelf.take(task, self.place.position + 1)
        if task in self.guests:
            self._see_off(task)

    def _see_off(self, name: str) -> None:
        row = self.guests.pop(name)
        self.place._tasks.free.append(row)
        room.vacate(self.place, np.array([row]))
