"""The vocabulary: read this first.

A *place* owns a *bank*; a *strategy* is functions over banks, blocks and messages; a *block* is
examples as columns. Axes are named by a letter in the annotation of every leaf:

====  ===========================================================================
t     tasks; row 0 is the task never seen, always as it was made
d     columns; column 0 is the feature never seen, always 0
k     classes, signed: 1 while there are at most two (their margin), else one each
p     pairs of task and column, where leaves of both (td..) lie in slots (`layout`)
K     classes, unsigned: as k, for sums of squares and the like
e     experts: one family learns at several rates at once
f     families of experts, which share what would be much the same for each rate
s     places (of a message's common leaves, once they lie together in an inbox)
1-9   an axis of that length
else  a length of the strategy's own that never changes: examples kept, components, neighbours
====  ===========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]  # weights
F64 = NDArray[np.float64]  # sums over time, probabilities
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

Label = str | int | float | bool  # any JSON scalar but null, which says "no label"
Tree = Any  # a NamedTuple (or tuple) of arrays, nested; leaves are annotated with their axes
Bank = Tree  # the state of a place, or what a meeting remembers
Message = Tree  # what tasks (leaves with axis t) and their place (leaves without) tell
Reply = Tree  # what comes back: again by task and for the place
Rows = I64  # (r,) rows of a bank
Scores = F64  # (n, e, classes) probabilities; 0 where a class was not yet known

NUMBER, AMOUNT, CONSTANT = 0, 1, 2  # kinds of a value: centred, only divided, left alone
NEVER = np.iinfo(np.int64).max


class Shape(NamedTuple):
    """Sizes of the growing axes of a bank."""

    tasks: int
    columns: int
    classes: int
    slots: int = 0  # 0: leaves of task and column are dense rows

    @property
    def margins(self) -> int:
        """Length of axes k and K: two classes are one margin (w = 2 w_1)."""
        return 1 if self.classes <= 2 else self.classes


class Block(NamedTuple):
    """Examples in arrival order, as the arithmetic sees them; columns ascend by feature id."""

    rows: I64  # (n,) each example's task
    indptr: I64  # (n + 1,) example i holds entries indptr[i]:indptr[i + 1]
    columns: I32  # (nnz,) where entries lie along axis d; with `runs` (n,), the first of each
    slots: I64  # (nnz,) where they lie along axes t and d; with `runs` (n,), the first of each
    ids: U32  # (nnz,) the feature ids: names of columns, which no order of arrival changes
    values: F32  # (nnz,)
    kinds: U8  # (nnz,) NUMBER, AMOUNT or CONSTANT
    labels: I64  # (n,) class of each, -1 where there is none
    weights: F32  # (n,) importance
    first: I64  # (t, classes) position at which the task first met the class; row 0: the place did
    start: int  # position of the block's first example
    runs: bool  # columns and slots of each example follow one upon the other: dense data
    names: U64 = np.zeros(0, np.uint64)  # (classes,) hashes of the labels, as ids are of features

    def part(self, lo: int, hi: int) -> Block:
        """Examples lo to hi as a block."""
        at, entries = slice(lo, hi), slice(int(self.indptr[lo]), int(self.indptr[hi]))
        where = at if self.runs else entries
        return self._replace(
            rows=self.rows[at], indptr=self.indptr[lo : hi + 1] - self.indptr[lo],
            columns=self.columns[where], slots=self.slots[where],
            ids=self.ids[entries], values=self.values[entries], kinds=self.kinds[entries],
            labels=self.labels[at], weights=self.weights[at], start=self.start + lo,
        )  # fmt: skip


class Inbox(NamedTuple):
    """The messages of a meeting lying together, in the order of the meeting's memory."""

    message: Message  # rows end to end by task name; commons stacked by place name (axis s first)
    tasks: tuple[str, ...]  # (t,) names, sorted
    senders: I64  # (t,) each row's place, as its index along axis s
    seen: I64  # (t,) examples each task had learnt when it spoke
    shape: Shape
    mixing: F64  # (s, s) how much each place heeds each: all alike at a hub, else by the topology
    adding: F64  # (s, s) how much of each place's part counts in each one's sum: 1 at a hub


class Strategy(NamedTuple):
    """An algorithm: eight functions, and the names along its axis of experts."""

    init: Callable[[I64, Shape], Bank]  # one row per seed (a task's seed comes from its name)
    score: Callable[[Bank, Block], Scores]  # changes nothing
    learn: Callable[[Bank, Block], Scores]  # in order; what it would have said BEFORE each update
    message: Callable[[Bank, Rows], Message]  # what they tell, no copy; may be asked for again
    merge: Callable[[Bank, Rows, Reply], None]  # take what came back; common leaves may be None
    meet: Callable[[Shape, int], Bank]  # what a meeting remembers, by seed
    mix: Callable[[Bank, Inbox], Reply]  # all messages at once
    model: Callable[[Bank, Rows], F32]  # (r, d, k, e) effective weights
    experts: tuple[str, ...] = ("",)  # names along axis e of its scores; [0] answers
    weigh: Callable[[Bank, Rows], tuple[tuple[str, ...], F64]] | None = None  # of experts mixed
    replayed: bool = False  # its bank is no arrays: its state is made again by learning again
    toil: float = 1.0  # how long an entry takes to learn, beside one of a gradient step
