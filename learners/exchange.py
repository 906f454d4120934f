"""Carries messages to meetings and replies back, in process.

Places name their rows, columns and classes as they come; a meeting sees them in one canonical
order (task names, feature ids, the hub's classes), so that what it computes depends on no place's
history. What is not newer than what is known is dropped here, once for all strategies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.features import label_key
from learners.names import Classes, Numbers
from learners.types import F64, I64, U32, Inbox, Label, Shape, Strategy, Tree


class Parcel(NamedTuple):
    """A message, or a reply, on its way: with the names of its rows, columns and classes.

    A message may be of what is new since an earlier one: `tasks` are all there are even so, and
    `rows` says of which of them there is news.
    """

    place: str
    number: int  # of the place's message, or of the meeting that replies
    tasks: tuple[str, ...]  # sorted; names of axis t
    births: I64  # (t,) which life of that name it is
    seen: I64  # (t,) examples learnt in it: (birth, seen) is a row's version
    ids: U32  # (d,) ascending; names of axis d
    classes: tuple[Label, ...]  # names of axis k
    tree: Tree
    since: int = 0  # number of the message that it adds to; 0: none, it is whole
    rows: I64 | None = None  # (r,) indices of the tasks that axis t holds; None: all


class Hub:
    """A meeting that all places send to. Any message may be lost, late or sent twice.

    `mixing` says how much each of the places that sent something heeds each (`Inbox.mixing`), given
    their names, sorted; by default all heed all alike. `adding` says how much of what each made
    counts in each one's sums (`Inbox.adding`); by default all of it.
    """

    def __init__(
        self,
        strategy: Strategy,
        seed: int = 0,
        mixing: Callable[[Sequence[str]], F64] | None = None,
        adding: Callable[[Sequence[str]], F64] | None = None,
    ) -> None:
        self.strategy = strategy
        self.mixing = mixing or alike_all
        self.adding = adding or whole_all
        self.number = 0  # meetings held
        self.names: tuple[str, ...] = ()  # of tasks, sorted; rows of the memory
        self.births = np.zeros(0, np.int64)
        self.ids = np.zeros(0, np.uint32)  # ascending; columns of the memory
        self.classes = Classes()
        self.memory = strategy.meet(Shape(0, 0, 0), seed)
        self.inbox: dict[str, Parcel] = {}  # the newest of each place, whole
        self.news: set[str] = set()  # places that spoke since the last meeting
        self._made: set[str] = set()  # places whose parcel's arrays are the hub's own
        self._names = Numbers()

    @property
    def tasks(self) -> list[tuple[str, int]]:
        """Name and birth of each row of the memory."""
        return list(zip(self.names, self.births.tolist(), strict=True))

    def post(self, parcel: Parcel) -> bool:
        """Take a message, unless the same place has said something newer.

        False where it adds to a message that is not here: then the place has to tell all.
        """
        known = self.inbox.get(parcel.place)
        if known is not None and parcel.number <= known.number:
            return True
        if parcel.rows is not None and len(parcel.rows) == len(parcel.tasks):
            parcel = parcel._replace(since=0, rows=None)  # there is news of all
        if parcel.since:
            if known is None or known.number != parcel.since:
                return False
            parcel = self._complete(known, parcel)
        else:
            self._made.discard(parcel.place)
        self.inbox[parcel.place] = parcel
        self.news.add(parcel.place)
        return True

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
        for p in parcels:
            self.classes.add(p.classes)
        names, found = self._newest(parcels)
        ids = parcels[0].ids
        if any(not np.array_equal(p.ids, ids) for p in parcels):
            ids = np.unique(np.concatenate([p.ids for p in parcels]))
        shape = Shape(len(names), len(ids), len(self.classes.names))
        self._remember(names, found[:, 0], ids, shape)
        message = self._lay(parcels, found, shape, ids)
        places = [p.place for p in parcels]
        mixing, adding = self.mixing(places), self.adding(places)
        inbox = Inbox(message, names, found[:, 2], found[:, 1], shape, mixing, adding)
        reply = self.strategy.mix(self.memory, inbox)
        spoke, self.news = self.news, set()
        return {
            p.place: self._answer(p, i, found, reply)
            for i, p in enumerate(parcels)
            if p.place in spoke
        }

    def _complete(self, known: Parcel, news: Parcel) -> Parcel:
        """The whole message that one makes which adds to the known one."""
        same = (
            known.tasks == news.tasks
            and np.array_equal(known.births, news.births)
            and np.array_equal(known.ids, news.ids)
            and alike(known.classes, news.classes)
        )
        base = known.tree
        if not same:
            shape = Shape(len(news.tasks), len(news.ids), len(news.classes))
            to, rows = self._names.common(news.tasks, news.births, known.tasks, known.births)
            columns = np.flatnonzero(np.isin(known.ids, news.ids))
            part = reclass(tree.take(base, t=rows, d=columns), known.classes, news.classes)
            base = tree.spread(part, shape, t=to, d=np.searchsorted(news.ids, known.ids[columns]))
        elif news.place not in self._made:
            base = tree.take(base)  # who sent it may send it again
        self._made.add(news.place)
        told = iter([leaf for _, _, leaf in tree.leaves(news.tree)])

        def renew(names: str, leaf: NDArray[Any]) -> NDArray[Any]:
            new = next(told)
            if "t" not in names:
                return new
            leaf[news.rows] = new
            return leaf

        return news._replace(tree=tree.map(renew, base), since=0, rows=None)

    def _newest(self, parcels: list[Parcel]) -> tuple[tuple[str, ...], I64]:
        """Tasks by name, and (birth, seen, place, row) where the newest word of each lies."""
        there = [
            np.stack([p.births, p.seen, np.full(len(p.tasks), i), np.arange(len(p.tasks))])
            for i, p in enumerate(parcels)
        ]
        ranks = self._names.ranks([p.tasks for p in parcels])  # and forgets names that left
        if len(parcels) == 1:  # each of its tasks once, in order
            return parcels[0].tasks, there[0].T
        found: I64 = np.concatenate(there, axis=1)
        order = np.lexsort((*found[::-1], ranks))
        last = np.append(np.diff(ranks[order]) > 0, True)[: len(order)]
        found = found[:, order[last]].T
        if len(found) == len(parcels[0].tasks) and not found[:, 2].any():
            return parcels[0].tasks, found
        return tuple(parcels[i].tasks[row] for i, row in found[:, 2:].tolist()), found

    def _remember(self, names: tuple[str, ...], births: I64, ids: U32, shape: Shape) -> None:
        """Bring the memory into the order of this meeting; who left, or was born anew, is new."""
        self.memory = tree.grow(self.memory, shape)
        kept, at = {}, {}
        if names != self.names or (births != self.births).any():
            at["t"], kept["t"] = self._names.common(names, births, self.names, self.births)
        if not np.array_equal(ids, self.ids):
            kept["d"] = np.flatnonzero(np.isin(self.ids, ids))
            at["d"] = np.searchsorted(ids, self.ids[kept["d"]])
        if kept:
            self.memory = tree.spread(tree.take(self.memory, **kept), shape, **at)
        self.names, self.births, self.ids = names, births, ids

    def _lay(self, parcels: list[Parcel], found: I64, shape: Shape, ids: U32) -> Tree:
        """Rows end to end, each from the place that knows it best; commons stacked (axis s)."""
        if len(parcels) == 1:
            told = reclass(parcels[0].tree, parcels[0].classes, self.classes.names)
            return tree.map(lambda names, leaf: leaf if "t" in names else leaf[None], told)
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
        own = tree.map(lambda names, leaf: leaf if "t" in names else leaf[i], reply)
        at, names = found[:, 3], p.tasks
        if len(at) > len(names) or (found[:, 2] != i).any():
            rows = np.flatnonzero(found[:, 2] == i)
            own, at = tree.take(own, t=rows), found[rows, 3]
            names = tuple(p.tasks[row] for row in at)
        if len(p.ids) < len(self.ids):
            own = tree.take(own, d=np.searchsorted(self.ids, p.ids))
        part = reclass(own, self.classes.names, p.classes)
        return p._replace(
            number=self.number, tasks=names, births=p.births[at], seen=p.seen[at], tree=part
        )


def alike_all(places: Sequence[str]) -> F64:
    """Each of n places heeds each by 1 / n."""
    return np.full((len(places), len(places)), 1.0 / max(1, len(places)))


def whole_all(places: Sequence[str]) -> F64:
    """In the sums of each of n places counts all that each made."""
    return np.ones((len(places), len(places)))


def alike(have: Sequence[Label], want: Sequence[Label]) -> bool:
    """Whether those are the same labels in the same order: 1, "1" and true are three."""
    return [label_key(c) for c in have] == [label_key(c) for c in want]


def reclass(one: Tree, have: Sequence[Label], want: Sequence[Label]) -> Tree:
    """The tree with axes k and K renamed from the classes `have` to the classes `want`.

    Two classes are one margin, so this unfolds, moves columns (which turns the sign of a margin
    whose classes come the other way round) and folds again; classes not in `want` are left out.
    """
    if alike(have, want):
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
