"""Where examples arrive and state lives: a bank with names.

The service's engine, the classifier with river's face, an actor and a simulator all drive this one
class; a strategy never learns which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from learners import snapshot, tree
from learners import view as views
from learners.admit import admit
from learners.cold import CHECK, Cold, Shelf
from learners.coordination import find
from learners.exchange import Hub, Parcel
from learners.features import BITS, Batch
from learners.layout import Kind, Layout
from learners.names import Classes, Columns, Tasks
from learners.progress import Progress, tally
from learners.room import vacate
from learners.talk import Talk
from learners.types import F32, F64, I64, NEVER, Block, Label, Shape, Strategy

PERIOD = 256  # examples between meetings
THRIFT = 1.0  # entries learnt for each cell of the bank before it is worth a meeting


class Scored(NamedTuple):
    """Probabilities for n examples, by every expert; expert 0 is the strategy's own answer."""

    probabilities: F64  # (n, e, classes); all 0 while no class is known
    classes: tuple[Label, ...]
    seen: I64  # (n,) examples that the task had learnt before


class Place:
    """Tasks that learn together here, example by example, whatever the strategy.

    Learning a batch equals learning its examples one by one, bit for bit: a batch is cut where a
    meeting is due. A meeting's message is taken every `period` examples and its reply merged a
    period later (lag 0: at once), so that learning need not wait and replay needs no clock.

    Parameters
    ----------
    strategy
        a name of the catalogue, or a strategy
    bits
        features are hashed to 2**bits ids
    seed
        of all that is random in the strategy
    period
        examples between meetings; 0: none
    lag
        periods from a message to its reply: 1, or 0
    thrift
        a meeting that is due is held once this many entries (non-zeros) have been learnt since the
        last for each cell (task and column) of the bank, and a wide bank's tasks are visited as
        learning pays for it (`talk`): meetings never cost more than learning, by more than a
        constant, and never hold it up for long; 0: every one that is due, at once
    layout
        of what is kept by task and column: "dense" rows, "slots" for the pairs that were seen, or
        "auto", whichever takes less memory; it changes no result
    shelf, warm
        where tasks lie that are not in memory, and how many of those that learnt last are (`cold`);
        by default all are
    hub
        where messages meet, when somebody calls `tell` and `hear`; by default this place's own
    post
        takes each message that is due, where the hub is elsewhere; its replies come by `hear`

    Examples
    --------
    >>> from learners.features import Example, batch
    >>> place = Place("independent")
    >>> for _ in range(20):
    ...     _ = place.learn(batch([Example("alice", {"links": 3.0}, "spam")]))
    ...     _ = place.learn(batch([Example("alice", {"links": 0.0}, "ham")]))
    >>> scored = place.score(batch([Example("alice", {"links": 3.0})]))
    >>> scored.classes[scored.probabilities[0, 0].argmax()]
    'spam'
    """

    def __init__(
        self,
        strategy: str | Strategy = "auto",
        *,
        bits: int = BITS,
        seed: int = 0,
        period: int = PERIOD,
        lag: int = 1,
        thrift: float = THRIFT,
        name: str = "here",
        hub: Hub | None = None,
        post: Callable[[Parcel], None] | None = None,
        shelf: Shelf | None = None,
        warm: int = 0,
        layout: Kind = "auto",
    ) -> None:
        if lag not in (0, 1):
            raise ValueError(f"lag: {lag!r} is neither 0 nor 1")
        if (warm < 1) != (shelf is None):
            raise ValueError(f"warm: {warm!r} tasks in memory and a shelf for the rest go together")
        self.strategy = find(strategy) if isinstance(strategy, str) else strategy
        self.bits, self.seed, self.name = bits, seed, name
        self.period, self.lag, self.thrift = period, lag, thrift
        self.hub = hub or Hub(self.strategy, seed)
        self.alone = hub is None and post is None
        self.position = 0  # examples learnt and tasks forgotten so far
        self._tasks, self._columns, self._classes = Tasks(), Columns(bits), Classes()
        self._layout = Layout(self, layout)
        self._room = Shape(8, 16, 0, self._layout.room)
        self._births = np.zeros(8, np.int64)
        self._first = np.full((8, 0), NEVER, np.int64)  # as Block.first
        self._labels = np.zeros((8, 0), np.int64)  # how often each task had each class
        self.bank = self.strategy.init(np.zeros(8, np.int64), self._room)
        self.progress: Progress = tree.zeros(Progress, self._room, len(self.experts))
        self.talk = Talk(self, self.hub, self.hub.post if self.alone else post)
        if shelf is not None and self.replayed:
            raise ValueError("warm: this strategy's state is not arrays, so no task can be cold")
        self._cold = None if shelf is None else Cold(self, shelf, warm)

    @property
    def experts(self) -> tuple[str, ...]:
        """Names along the axis of experts of all scores."""
        return self.strategy.experts

    @property
    def replayed(self) -> bool:
        """Whether there are no snapshots: the state is made again by learning again."""
        return self.strategy.replayed

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks that live here, sorted."""
        names = list(self._tasks.sorted())
        return sorted([*names, *self._cold.shelf.names()]) if self._cold else names

    @property
    def heard(self) -> int:
        """Number of the newest meeting that replied."""
        return self.talk.heard

    def __contains__(self, task: str) -> bool:
        return task in self._tasks.row or (self._cold is not None and task in self._cold.shelf)

    def __len__(self) -> int:
        """How many tasks live here."""
        return len(self._tasks.row) + (len(self._cold.shelf) if self._cold else 0)

    @property
    def warm_tasks(self) -> list[str]:
        """Names of the tasks in memory, sorted."""
        return list(self._tasks.sorted())

    @property
    def width(self) -> int:
        """How many columns a task's row has."""
        return self._columns.used

    @property
    def examples(self) -> int:
        """How many the tasks that live here have learnt."""
        rows = self._tasks.rows(self._tasks.sorted())
        warm = int(self.progress.counts[rows, 0].sum())
        return warm + (self._cold.examples if self._cold else 0)

    @property
    def classes(self) -> tuple[Label, ...]:
        """Labels met so far, in order of appearance."""
        return tuple(self._classes.names)

    def learn(self, batch: Batch) -> Scored:
        """Learn n labelled examples in order; what was said of each before it was learnt from.

        Raises
        ------
        ValueError
            when an example has no label; nothing has been learnt then.
        """
        if len(batch.label) and batch.label.min() < 0:
            i = int(np.flatnonzero(batch.label < 0)[0])
            raise ValueError(f"example {i} of task {batch.tasks[batch.task[i]]!r} has no label")
        if len(batch.columns) and batch.columns.max() >= len(self._columns.where):
            raise ValueError(f"batch: hashed to more than this place's {self.bits} bits")
        n = len(batch.task)
        parts, seen = [], np.zeros(n, np.int64)
        row = np.zeros(len(batch.tasks), np.int64)
        for lo, hi in self._cuts(n, batch.indptr):
            # Part by part, so that a meeting hears of no task or class that comes after it.
            block = admit(self, batch, lo, hi, row)
            parts.append(self.strategy.learn(self.bank, block))
            seen[lo:hi] = tally(self.progress, block, parts[-1])
            self.position += hi - lo
            self.talk.credit += len(block.ids)
            if self._cold is not None:
                self._cold.note(block.rows, block.start)
            self._do_what_is_due()
        return Scored(self._together(parts), self.classes, seen)

    def score(self, batch: Batch) -> Scored:
        """What `learn` would say of each example now; changes nothing. Unknown names are fine."""
        rows = self.rows(batch.tasks)[batch.task]
        found = self._columns.find(batch.columns)
        columns, slots, runs = self._layout.lay(rows, batch.indptr, found, new=False)
        block = Block(
            rows, batch.indptr, columns, slots, batch.columns, batch.values, batch.kinds,
            np.full(len(rows), -1, np.int64), batch.weight, self._first, self.position, runs,
            self._classes.ids,
        )  # fmt: skip
        # Nothing is learnt meanwhile, so a block is scored as its examples are one by one.
        scores = self.strategy.score(self.bank, block)
        return Scored(scores, self.classes, self.progress.counts[rows, 0])

    def forget(self, task: str) -> bool:
        """Delete a task and its state; whether there was one. Its name may come again, as new."""
        if task in self._tasks.row:
            vacate(self, np.array([self._tasks.remove(task)]))
        elif self._cold is None or not self._cold.forget(task):
            return False
        self.position += 1
        self._do_what_is_due()
        return True

    def rows(self, names: Sequence[str]) -> I64:
        """Rows of tasks, of cold ones until the next call; 0 for a task never seen."""
        return self._tasks.rows(names) if self._cold is None else self._cold.rows(names)

    def snapshot(self) -> bytes:
        """The state as bytes: equal states, equal bytes, whatever the order of arrival."""
        return snapshot.save(self)

    @classmethod
    def restore(
        cls,
        strategy: str | Strategy,
        data: bytes,
        post: Callable[[Parcel], None] | None = None,
        shelf: Shelf | None = None,
    ) -> Place:
        """The place whose snapshot that is; its shelf, if it had one, goes back to that position.

        Raises
        ------
        ValueError
            when the snapshot is of another strategy or format, or the shelf is not as it was.
        """
        arrays, about = tree.unpack(data)
        if not isinstance(about, dict) or about.get("format") != snapshot.FORMAT:
            raise ValueError(f"snapshot: not of format {snapshot.FORMAT}, the one read here")
        settings = {key: about[key] for key in snapshot.SETTINGS}
        warm = about["cold"]["warm"] if about["cold"] else 0
        place = cls(strategy, **settings, post=post, shelf=shelf, warm=warm)
        snapshot.load(place, arrays, about)
        return place

    def digest(self) -> str:
        """SHA-256 of the snapshot, in hex: two places of one digest agree to the last bit."""
        return hashlib.sha256(self.snapshot()).hexdigest()

    def view(self, task: str, nearest: int = 5) -> views.TaskView:
        """Everything about a task; KeyError when there is none of that name."""
        return views.view(self, task, nearest)

    def relations(self, tasks: Sequence[str] | None = None) -> tuple[list[str], F32]:
        """Names and the cosines of their models, (T, T)."""
        return views.relations(self, tasks)

    def _together(self, parts: list[F64]) -> F64:
        """Scores of parts end to end; 0 for the classes that came after a part."""
        if len(parts) == 1:
            return parts[0]
        ends = np.cumsum([0, *map(len, parts)])
        scores = np.zeros((ends[-1], len(self.experts), len(self._classes.names)))
        for at, part in zip(ends, parts, strict=False):
            scores[at : at + len(part), :, : part.shape[2]] = part
        return scores

    def _cuts(self, n: int, indptr: I64) -> Iterator[tuple[int, int]]:
        """Stretches of a batch between the positions where something is due."""
        lo = 0
        while lo < n:
            due = self.talk.ahead(indptr[lo:])
            if self._cold is not None:
                due = min(due, CHECK - self.position % CHECK)
            hi = min(n, lo + due)
            yield lo, hi
            lo = hi

    def _do_what_is_due(self) -> None:
        if self.period and self.position % self.period == 0 and self.talk.meets:
            self.talk.due()
        if self._cold is not None:
            self._cold.due()

    def tell(self, since: int = 0) -> Parcel:
        """This place's message: states, not differences, so it may be sent again or get lost.

        With `since`, the number of a message that has arrived: only of tasks that changed since.
        """
        return self.talk.tell(since)

    def hear(self, reply: Parcel) -> bool:
        """Merge a reply; whether it was news. Rows of tasks that left, or were born anew, drop."""
        return self.talk.hear(reply)
