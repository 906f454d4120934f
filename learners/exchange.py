"""Carries messages to meetings and replies back, in process.

Places name their rows, columns and classes as they come; a meeting sees them in one canonical
order (task names, feature ids, the hub's classes), so that what it computes depends on no place's
history. What is not newer than what is known is dropped here, once for all strategies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.features import label_key
from learners.names import Classes
from learners.types import I64, U32, Inbox, Label, Shape, Strategy, Tree


class Parcel(NamedTuple):
    """A message, or a reply, on its way: with the names of its rows, columns and classes."""

    place: str
    number: int  # of the place's message, or of the meeting that replies
    tasks: tuple[str, ...]  # sorted; names of axis t
    births: I64  # (t,) which life of that name it is
    seen: I64  # (t,) examples learnt in it: (birth, seen) is a row's version
    ids: U32  # (d,) ascending; names of axis d
    classes: tuple[Label, ...]  # names of axis k
    tree: Tree


class Hub:
    """A meeting that all places send to. Any message may be lost, late or sent twice."""

    def __init__(self, strategy: Strategy, seed: int = 0) -> None:
        self.strategy = strategy
        self.number = 0  # meetings held
        self.tasks: list[tuple[str, int]] = []  # (name, birth), sorted; rows of the memory
        self.ids = np.zeros(0, np.uint32)  # ascending; columns of the memory
        self.classes = Classes()
        self.memory = strategy.meet(Shape(0, 0, 0), seed)
        self.inbox: dict[str, Parcel] = {}  # the newest of each place
        self.news: set[str] = set()  # places that spoke since the last meeting

    def post(self, parcel: Parcel) -> None:
        """Take a message, unless the same place has said something newer."""
        known = self.inbox.get(parcel.place)
        if known is None or parcel.number > known.number:
            self.inbox[parcel.place] = parcel
            self.news.add(parcel.place)

    def forget(self, place: str) -> None:
        """A place that left takes its last message along."""
        self.inbox.pop(place, None)
        self.news.discard(place)

    def meet(self) -> dict[str, Parcel]:
        """Mix all that lies here; a reply for each place with news. Without news, no meeting."""
        if not self.news:
            return {}
        self.number += 1
        parcels = [self.inbox[name] for name in sorted(self.inbox)]
        newest: dict[str, tuple[int, int, int, int]] = {}
        for i, p in enumerate(parcels):
            self.classes.add(p.classes)
            for row, name in enumerate(p.tasks):
                version = (int(p.births[row]), int(p.seen[row]), i, row)
                newest[name] = max(newest.get(name, version), version)
        names = sorted(newest)
        ids = np.unique(np.concatenate([p.ids for p in parcels]))
        shape = Shape(len(names), len(ids), len(self.classes.names))
        found = np.array([newest[name] for name in names], np.int64).reshape(-1, 4)
        self._remember(list(zip(names, found[:, 0].tolist(), strict=True)), ids, shape)
        message = self._lay(parcels, found, shape, ids)
        inbox = Inbox(message, tuple(names), found[:, 2], found[:, 1], shape)
        reply = self.strategy.mix(self.memory, inbox)
        spoke, self.news = self.news, set()
        return {
            p.place: self._answer(p, i, found, reply)
            for i, p in enumerate(parcels)
            if p.place in spoke
        }

    def _remember(self, names: list[tuple[str, int]], ids: U32, shape: Shape) -> None:
        """Bring the memory into the order of this meeting; who left, or was born anew, is new."""
        self.memory = tree.grow(self.memory, shape)
        if names != self.tasks:
            old = {name: row for row, name in enumerate(self.tasks)}
            at = [(new, old[name]) for new, name in enumerate(names) if name in old]
            to, rows = np.array(at, np.int64).reshape(-1, 2).T
            self.memory = tree.spread(tree.take(self.memory, t=rows), shape, t=to)
        if len(ids) != len(self.ids) or (ids != self.ids).any():
            kept = np.isin(self.ids, ids)
            columns = np.flatnonzero(kept)
            to = np.searchsorted(ids, self.ids[kept])
            self.memory = tree.spread(tree.take(self.memory, d=columns), shape, d=to)
        self.tasks, self.ids = names, ids

    def _lay(self, parcels: list[Parcel], found: I64, shape: Shape, ids: U32) -> Tree:
        """Rows end to end, each from the place that knows it best; commons stacked (axis s)."""
        wide = []
        for i, p in enumerate(parcels):
            mine = np.flatnonzero(found[:, 2] == i)
            part = reclass(tree.take(p.tree, t=found[mine, 3]), p.classes, self.classes.names)
            at = {"t": mine, "d": np.searchsorted(ids, p.ids)}
            wide.append([leaf for _, _, leaf in tree.leaves(tree.spread(part, shape, **at))])
        axes = [names for _, names, _ in tree.leaves(parcels[0].tree)]
        laid = [
            sum(parts[1:], parts[0]) if "t" in names else np.stack(parts)  # rows do not overlap
            for names, *parts in zip(axes, *wide, strict=True)
        ]
        rest = iter(laid)
        return tree.map(lambda _, leaf: next(rest), parcels[0].tree)

    def _answer(self, p: Parcel, i: int, found: I64, reply: Tree) -> Parcel:
        """The part of a reply that goes to place i, in its names."""
        rows = np.flatnonzero(found[:, 2] == i)
        columns = np.searchsorted(self.ids, p.ids)
        own = tree.map(lambda names, leaf: leaf if "t" in names else leaf[i], reply)
        part = reclass(tree.take(own, t=rows, d=columns), self.classes.names, p.classes)
        at = found[rows, 3]
        names = tuple(p.tasks[row] for row in at)
        return p._replace(
            number=self.number, tasks=names, births=p.births[at], seen=p.seen[at], tree=part
        )


def reclass(one: Tree, have: Sequence[Label], want: Sequence[Label]) -> Tree:
    """The tree with axes k and K renamed from the classes `have` to the classes `want`.

    Two classes are one margin, so this unfolds, moves columns (which turns the sign of a margin
    whose classes come the other way round) and folds again; classes not in `want` are left out.
    """
    if [label_key(c) for c in have] == [label_key(c) for c in want]:
        return one
    index = {label_key(c): i for i, c in enumerate(have)}
    source = [index.get(label_key(c), -1) for c in want]

    def move(names: str, leaf: NDArray[Any]) -> NDArray[Any]:
        for axis, name in enumerate(names):
            if name not in "kK":
                continue
            if leaf.shape[axis] == 1:
                leaf = tree.unfold(name, leaf, axis)
            columns = np.moveaxis(leaf, axis, 0)
            moved = np.zeros((max(2, len(source)), *columns.shape[1:]), leaf.dtype)
            for new, old in enumerate(source):
                if 0 <= old < len(columns):
                    moved[new] = columns[old]
            if len(source) <= 2:
                moved = moved[1:] - moved[:1] if name == "k" else moved.max(0, keepdims=True)
            leaf = np.moveaxis(moved, 0, axis)
        return leaf

    return tree.map(move, one)
