"""How the leaves of task and column lie: dense rows, or a slot for each pair that was seen.

Dense rows take tasks x columns; slots (`slots`) take what tasks have really seen, some 20 bytes a
pair for the table. It is no state: results, messages and snapshots are the same to the last bit, so
a bank may go over to slots at any moment, and does before it grows to where they pay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from learners import room, tree
from learners.kernels import consecutive, heads, lay, whole
from learners.slots import Slots
from learners.tree import Array
from learners.types import I32, I64, Bank, Message, Reply

if TYPE_CHECKING:
    from learners.place import Place

Kind = Literal["auto", "dense", "slots"]
SMALL = 1 << 20  # cells (tasks x columns) up to which dense rows are cheap, whatever is in them
SPARSE = 4  # above it slots pay, when this many cells were made for each entry learnt


class Cells(NamedTuple):
    """Where pairs of some rows and columns lie, those that were seen."""

    row: I64  # (n,) of each pair, as its place among the rows asked for
    column: I64  # (n,) and among the columns
    at: tuple[I64, ...]  # their indices along the first axes of leaves


def live(leaf: Array, axes: int = 1) -> NDArray[np.bool_]:
    """Which places along that many first axes are not all 0."""
    return np.asarray(leaf.any(axis=tuple(range(axes, leaf.ndim))))


class Layout:
    """The layout of one place's bank."""

    def __init__(self, place: Place, kind: Kind) -> None:
        if kind not in ("auto", "dense", "slots"):
            raise ValueError(f"layout: {kind!r} is none of auto, dense, slots")
        self.place, self.kind = place, kind
        self.slots = Slots() if kind == "slots" else None
        self.entries = 0  # ever learnt: at least as many as there are pairs

    @property
    def room(self) -> int:
        """Slots that there must be room for; 0 where rows are dense."""
        return 0 if self.slots is None else self.slots.used

    def lay(self, rows: I64, indptr: I64, columns: I32, new: bool) -> tuple[I32, I64, bool]:
        """Columns and slots of entries, and whether they run, as in `Block`; `new` to be learnt.

        Columns of one example may stand for those of all (`kernels.whole`).
        """
        if self.slots is None:
            return lay(rows, indptr, columns, self.place._room.columns)
        ask, columns = self.slots.add if new else self.slots.find, whole(indptr, columns)
        slots = ask(rows, indptr, columns)
        if not (consecutive(indptr, columns) and consecutive(indptr, cast("I32", slots))):
            return columns, slots, False
        return heads(indptr, columns), heads(indptr, slots), True

    def choose(self, tasks: int, columns: int) -> None:
        """Go over to slots if dense rows for so many would be nearly empty."""
        if self._pays(tasks, columns):
            self._move()

    def begin(self, tasks: int, columns: int, pairs: int) -> None:
        """Choose how a bank of so many is to lie that is made anew."""
        self.entries = pairs
        if self._pays(tasks, columns):
            self.slots = Slots()

    def cells(self, rows: I64, columns: I64) -> Cells:
        """The pairs of those rows and columns that were seen, by row and column."""
        if self.slots is None:
            seen = np.zeros((len(rows), len(columns)), bool)
            for _, names, leaf in tree.leaves(self.place.bank):
                if names.startswith("td"):
                    seen |= live(leaf[rows[:, None], columns], 2)
            row, column = np.nonzero(seen)
            return Cells(row, column, (rows[row], columns[column]))
        slots, owner, column = self.slots.of(rows)
        found = []
        for wanted, have, size in ((rows, owner, len(self.place._births)),
                                   (columns, column, self.place._columns.used)):  # fmt: skip
            at = np.full(size, -1)
            at[wanted] = np.arange(len(wanted))
            found.append(at[have])
        order = np.lexsort(found[::-1])
        order = order[(found[1] >= 0)[order]]
        return Cells(found[0][order], found[1][order], (slots[order],))

    def part(self, rows: I64, columns: I64) -> Bank:
        """A copy of those rows with those columns in dense rows; common leaves are no copies."""
        row, column, at = self.cells(rows, columns)

        def taken(names: str, leaf: Array) -> Array:
            if names.startswith("p"):
                wide = np.zeros((len(rows), len(columns), *leaf.shape[1:]), leaf.dtype)
                wide[row, column] = leaf[at]
                return wide
            return leaf[rows] if names.startswith("t") else leaf

        return tree.map(taken, self.place.bank)

    def message(self, rows: I64, columns: I64) -> Message:
        """What those rows and the place tell, with those columns."""
        place = self.place
        if self.slots is None:
            return tree.take(place.strategy.message(place.bank, rows), d=columns)
        told = place.strategy.message(self.part(rows, columns), np.arange(len(rows)))
        return tree.map(
            lambda names, leaf: leaf.take(columns, 0) if names.startswith("d") else np.array(leaf),
            told,
        )

    def model(self, rows: I64, columns: I64) -> Array:
        """The models of those rows, (r, columns, k, e)."""
        place = self.place
        if self.slots is None:
            return place.strategy.model(place.bank, rows)[:, columns]
        part = tree.map(
            lambda names, leaf: leaf.take(columns, 0) if names.startswith("d") else leaf,
            self.part(rows, columns),
        )
        return place.strategy.model(part, np.arange(len(rows)))

    def merge(self, rows: I64, columns: I64, reply: Reply) -> None:
        """Have the strategy merge a reply for those rows with those columns."""
        place = self.place
        shape = place._room._replace(tasks=len(rows), slots=0)
        if self.slots is None:
            place.strategy.merge(place.bank, rows, tree.spread(reply, shape, d=columns))
            return

        # All that the rows have seen, for what is not spoken of any more is heard as 0; of a common
        # leaf all there is.
        common = any(
            names.startswith("d") and leaf is not None for _, names, leaf in tree.leaves(reply)
        )
        every = np.arange(place._columns.used)
        if not common:
            every = np.union1d(columns, self.slots.of(rows)[2])

        def spread(names: str, leaf: Array) -> Array:
            if not names.startswith(("td", "d")):
                return leaf
            axis = names.index("d")
            wide = np.zeros((*leaf.shape[:axis], len(every), *leaf.shape[axis + 1 :]), leaf.dtype)
            at: Any = (slice(None),) * axis
            wide[(*at, np.searchsorted(every, columns))] = leaf
            return wide

        part = tree.map(
            lambda names, leaf: leaf.take(every, 0) if names.startswith("d") else leaf,
            self.part(rows, every),
        )
        place.strategy.merge(part, np.arange(len(rows)), tree.map(spread, reply))
        self._put(part, rows, every)
        for (_, names, into), (_, _, leaf) in zip(
            tree.leaves(place.bank), tree.leaves(part), strict=True
        ):
            if names.startswith("d"):
                into[every] = leaf

    def vacate(self, row: int) -> None:
        """Forget a row's pairs."""
        if self.slots is not None:
            slots = self.slots.remove(row)
            for _, names, leaf in tree.leaves(self.place.bank):
                if names.startswith("p"):
                    leaf[slots] = 0

    def fill(self, rows: I64, columns: I64, cells: Any) -> None:
        """Write leaves of pairs; where there are slots, the pairs become known."""
        at: Any = (rows, columns)
        into: Any  # a leaf
        if self.slots is not None:
            indptr = np.arange(len(rows) + 1)
            at = (self.slots.add(rows, indptr, columns.astype(np.int32)),)
            room.make_room(self.place)
        rest = iter(cells)
        for _, names, into in tree.leaves(self.place.bank):
            if names.startswith(("td", "p")):
                new = next(rest)
                into[(*at, *(slice(n) for n in new.shape[1:]))] = new

    def _put(self, part: Bank, rows: I64, columns: I64) -> None:
        """Write a part back; pairs that are not 0 any more become known."""
        seen = np.zeros((len(rows), len(columns)), bool)
        for _, names, leaf in tree.leaves(part):
            if names.startswith("td"):
                seen |= live(leaf, 2)
        row, column, _ = self.cells(rows, columns)
        seen[row, column] = True
        row, column = np.nonzero(seen)
        self.fill(
            rows[row], columns[column],
            [leaf[row, column] for _, names, leaf in tree.leaves(part) if names.startswith("td")],
        )  # fmt: skip
        for (_, names, into), (_, _, leaf) in zip(
            tree.leaves(self.place.bank), tree.leaves(part), strict=True
        ):
            if names.startswith("t"):
                into[rows] = leaf

    def _pays(self, tasks: int, columns: int) -> bool:
        cells = tasks * columns
        dense = self.kind == "auto" and self.slots is None
        return dense and cells > SMALL and cells > SPARSE * self.entries

    def _move(self) -> None:
        """From dense rows to slots."""
        place = self.place
        rows, columns = np.arange(len(place._births)), np.arange(place._room.columns)
        row, column, at = self.cells(rows, columns)
        cells = [
            leaf[at] for _, names, leaf in tree.leaves(place.bank) if names.startswith("td")
        ]  # fmt: skip
        self.slots = Slots()
        place._room = place._room._replace(slots=1)
        place.bank = tree.map(
            lambda names, leaf: (
                np.zeros((1, *leaf.shape[2:]), leaf.dtype) if names.startswith("td") else leaf
            ),
            place.bank,
        )
        self.fill(row, column, cells)
