"""A place's side of its meetings: what it tells, what it hears, and when.

A place talks in rounds. A round visits every task that has learnt something since its last visit,
row by row: the task hears what the last meeting replied, and tells how it stands. When all have
been visited the message is complete, and a meeting is held; its reply is heard in the next round.

    round      visit, visit, ... visit     visit, visit, ...
    meeting                           mix
    learnt    |--- cells / 2 ---|--- cells / 2 ---|          entries, at a thrift of 1

Learning pays for all of it: each entry learnt pays for two cells (task and column) of the visits,
and a round begins once the mixing is paid for, as many entries as half the bank has cells. So there
is time for the mixing to happen elsewhere, nobody waits for more than TOGETHER cells (or one row),
which are visited at once when all are paid for, and still all follows from the journal alone: where
a small bank has paid for everything, every due position is a whole round. Tasks that are silent are
not visited; their newest word stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from learners import parcels, tree
from learners.exchange import Hub, Parcel
from learners.names import FIRST
from learners.tree import Array
from learners.types import I64, U32, Message, Shape, Tree

if TYPE_CHECKING:
    from learners.place import Place

FIXED = 1 << 18  # cells that a meeting costs besides its own, where an entry is a gradient step;
# it takes milliseconds, however small, and slower learning has paid for them sooner
TOGETHER = 1 << 16  # cells of rows that are visited at once: what is made on the way stays in cache
CELLS = 1 << 24  # in a meeting, some 80 bytes each, before columns are left out of it
LEAST = 256  # columns that never are


class Spoken(NamedTuple):
    """What was said of each task last."""

    seen: Annotated[I64, "t1"]  # examples it had learnt when it told how it stands; 0: never did
    number: Annotated[I64, "t1"]  # the first message that held this


@dataclass
class Round:
    """A message in the making."""

    number: int  # of the message
    rows: I64  # (r,) to be visited, by task name; -1: gone since it was visited
    births: I64  # (r,)
    columns: I64  # (d,) that there were when the round began, by feature id
    told: Tree  # what the first `done` rows told, then room for the rest
    done: int = 0

    @property
    def left(self) -> int:
        """Rows to be visited yet."""
        return len(self.rows) - self.done

    @property
    def together(self) -> int:
        """Rows that are visited at once, no more and, but for the last ones, no fewer."""
        return max(1, TOGETHER // max(1, len(self.columns)))


class Talk:
    """The rounds of one place.

    Parameters
    ----------
    place
        whose rounds they are
    hub
        its own hub, where its meetings are held; or where others may post what it tells
    post
        takes each message that is due: the own hub's, or one elsewhere; None: nobody does, and
        somebody calls `tell` and `hear`
    """

    def __init__(self, place: Place, hub: Hub, post: Callable[[Parcel], object] | None) -> None:
        self.place, self.hub, self.post = place, hub, post
        self.executor: Executor | None = None  # where own meetings are held; None: here, at once
        self.told = 0  # messages
        self.heard = 0  # number of the newest meeting that replied
        self.credit = 0.0  # entries learnt that nothing was done for yet
        self.spoken: Spoken = tree.zeros(Spoken, place._room)
        self.round: Round | None = None
        self._of_nobody = place._layout.message(np.zeros(0, np.int64), np.zeros(0, np.int64))
        axes = [names for _, names, _ in tree.leaves(self._of_nobody)]
        self.meets = bool(axes)
        self.by_row = any("t" in names for names in axes)
        self._reply: Future[Parcel | None] | None = None
        self._at = np.zeros(0, np.int64)  # (t,) row of the reply for each row of the bank; -1: none
        self._columns: tuple[I64, U32] = (np.zeros(0, np.int64), np.zeros(0, np.uint32))
        self._columns_of = (1, 0)  # how many were used when these were found, and how many wanted

    def reply(self) -> Parcel | None:
        """What the last meeting replied, if this place waits for it or is hearing it."""
        return None if self._reply is None else self._reply.result()

    def make_room(self, room: Shape) -> None:
        """Grow with the bank."""
        self.spoken = tree.grow(self.spoken, room)

    def forget(self, row: int) -> None:
        """The task of that row left."""
        self.spoken.seen[row] = self.spoken.number[row] = 0
        if self.round is not None:  # a cold one may come back as the same, and is none of it then
            self.round.rows[self.round.rows == row] = -1

    @property
    def price(self) -> float:
        """Entries that pay for a cell."""
        return self.place.thrift / 2

    @property
    def beginning(self) -> float:
        """Entries that must be learnt before a round begins."""
        place = self.place
        fixed = FIXED / place.strategy.toil
        mixing = self.price * (len(place._tasks.row) * place._columns.used + fixed)
        return mixing if place.lag else 2 * mixing

    @property
    def wanted(self) -> float:
        """Entries that must at least be learnt yet, before anything is done where it is due."""
        if not self.meets or self.post is None:
            return np.inf
        if self.round is None:
            return self.beginning - self.credit
        return self._visit_of(self.round)[1] - self.credit

    def ahead(self, indptr: I64) -> int:
        """Examples until the next step: where one is due and learning will have paid."""
        period, wanted = self.place.period, self.wanted
        if not period or wanted == np.inf:
            return len(indptr)
        done = self.place.position % period
        paid = int(np.searchsorted(indptr, indptr[0] + wanted))
        return -(-max(1, done + paid) // period) * period - done

    def due(self) -> None:
        """Do what learning has paid for, where a meeting is due."""
        if self.post is None:
            return
        if not self.place.lag:
            if self.credit >= self.beginning:
                self.credit = 0.0
                self._send(self.tell())
                if (reply := self.reply()) is not None:
                    self.hear(reply)
            return
        if self.round is None:
            if self.credit < self.beginning:
                return
            self.credit -= self.beginning
            self.round = self._begin()
        n, cost = self._visit_of(self.round)
        if self.credit < cost:
            return
        self.credit -= cost
        said = self._visit(self.round, n)
        if not self.round.left:
            parcel, self.round, self.credit = self._message(self.round, said), None, 0.0
            self._send(parcel)

    def tell(self, since: int = 0) -> Parcel:
        """A message: states, not differences, so it may be sent again or get lost.

        With `since`, the number of a message that has arrived: only of tasks that have changed.
        """
        place, spoken = self.place, self.spoken
        names = place._tasks.sorted()
        all_rows = place._tasks.rows(names)
        seen = place.progress.counts[all_rows, 0]
        said, number = spoken.seen[all_rows, 0], spoken.number[all_rows, 0]
        changed = (seen != said) | (number == 0)
        self.told += 1
        spoken.seen[all_rows[changed], 0] = seen[changed]
        spoken.number[all_rows[changed], 0] = self.told
        rows = all_rows[changed | (number > since)] if since else all_rows
        columns, ids = self._all_columns()
        message = place._layout.message(rows, columns)
        parcel = Parcel(
            place.name, self.told, names, place._births[all_rows], seen, ids, place.classes, message
        )
        if not since:
            return parcel
        return parcel._replace(since=since, rows=np.flatnonzero(changed | (number > since)))

    def hear(self, reply: Parcel) -> bool:
        """Merge a reply; whether it was news. Rows of tasks that left, or were born anew, drop."""
        if reply.number <= self.heard:
            return False
        self.heard = reply.number
        at = self._rows_of(reply)
        rows = np.flatnonzero(at >= 0)
        self._merge(reply, rows, at[rows], commons=True)
        self.spoken.number[rows] = 0  # it is not as it was told any more
        return True

    def held(self) -> list[Tree]:
        """What there is of a message and of a reply, without waiting for any."""
        reply = self.reply() if self._reply is not None and self._reply.done() else None
        return [one.told for one in [self.round] if one] + [one.tree for one in [reply] if one]

    def state(self, rows: I64, columns: I64) -> tuple[dict[str, Any], list[Array]]:
        """All of this that a snapshot holds, by rows in the order of names, columns in that of ids.

        Waits for a meeting that is being held.
        """
        reply, round, place = self.reply(), self.round, self.place
        last = place.hub.inbox.get(place.name) if place.alone else None
        about: dict[str, Any] = {"told": self.told, "heard": self.heard, "credit": self.credit}
        arrays: list[Array] = [self.spoken.seen[rows, 0]]
        for parcel in reply, last:
            data = b"" if parcel is None else parcels.to_bytes(parcel)
            arrays.append(np.frombuffer(data, np.uint8))
        about["round"] = None if round is None else [round.number, round.done]
        if round is not None:
            at = np.full((2, max(place._room[:2])), -1)
            at[0, rows], at[1, columns] = np.arange(len(rows)), np.arange(len(columns))
            stayed = place._births[round.rows] == round.births
            there = np.where(stayed & (round.rows >= 0), 1 + at[0, round.rows], -1)
            told = tree.grow(round.told, Shape(0, 0, len(place.classes)))
            leaves = [leaf for _, _, leaf in tree.leaves(told)]
            arrays += [there, round.births, 1 + at[1, round.columns], *leaves]
        return about, arrays

    def restore(self, about: dict[str, Any], arrays: Iterator[Array]) -> None:
        """Bring a new place's talk to such a state; its rows and columns are there already."""
        place = self.place
        self.told, self.heard, self.credit = about["told"], about["heard"], about["credit"]
        seen = next(arrays)
        self.spoken = tree.zeros(Spoken, place._room)
        self.spoken.seen[1 : 1 + len(seen), 0] = seen
        told = parcels.message_of(place.strategy)
        if data := next(arrays).tobytes():
            reply = parcels.from_bytes(data, parcels.reply_of(place.strategy))
            self._reply = _done(reply)
            self._at = self._rows_of(reply)
        if data := next(arrays).tobytes():
            self.hub.post(parcels.from_bytes(data, told))
            self.hub.news.clear()
        if about["round"] is not None:
            number, done = about["round"]
            rows, births, columns = next(arrays), next(arrays), next(arrays)
            told = tree.fill(told, [next(arrays) for _ in tree.leaves(told)])
            self.round = Round(number, rows, births, columns, told, done)

    def _begin(self) -> Round:
        """Say whom the round visits, and hear what is not about any task."""
        place = self.place
        rows = place._tasks.rows(place._tasks.sorted())
        if place.alone:  # the hub has the rest
            rows = rows[place.progress.counts[rows, 0] != self.spoken.seen[rows, 0]]
        if not self.by_row:
            self.spoken.seen[rows] = place.progress.counts[rows]
            rows = rows[:0]
        if (reply := self.reply()) is not None:
            self.heard = reply.number
            self._at = self._rows_of(reply)
            self._merge(reply, rows[:0], rows[:0], commons=True)
        columns, _ = self._all_columns()
        self.told += 1
        told = tree.grow(self._of_nobody, Shape(len(rows), len(columns), len(place.classes)))
        return Round(self.told, rows.copy(), place._births[rows], columns, told)

    def _visit_of(self, round: Round) -> tuple[int, float]:
        """Rows that the next visit is of, and the entries that pay for them."""
        row = self.price * len(round.columns)
        n = min(round.left, round.together) if row else round.left
        return n, n * row

    def _visit(self, round: Round, n: int) -> Message | None:
        """Let the next n rows hear and tell; the last message, whose commons are as of now."""
        place, reply = self.place, self.reply()
        message = None
        step = round.together
        end = round.done + n
        for lo in range(round.done, end, step):
            rows = round.rows[lo : min(lo + step, end)]
            here = place._births[rows] == round.births[lo : lo + len(rows)]
            rows[~here] = -1
            rows = rows[here]
            if reply is not None:
                at = self._at[rows]
                self._merge(reply, rows[at >= 0], at[at >= 0], commons=False)
            message = place._layout.message(rows, round.columns)
            round.told = tree.grow(round.told, Shape(0, 0, len(place.classes)))
            into = lo + np.flatnonzero(here)
            for (_, told), (_, said) in zip(_by_row(round.told), _by_row(message), strict=True):
                told[into] = said
            self.spoken.seen[rows] = place.progress.counts[rows]
            self.spoken.number[rows] = round.number
        round.done = end
        return message

    def _message(self, round: Round, said: Message | None) -> Parcel:
        """What a whole round told, with the commons of what was said last, if anything was."""
        place, spoken = self.place, self.spoken
        names = place._tasks.sorted()
        rows = place._tasks.rows(names)
        told = spoken.seen[rows, 0] > 0  # or came after the round began
        if not told.all():
            rows = rows[told]
            names = tuple(compress(names, told.tolist()))
        at = np.full(len(place._births), -1)
        at[rows] = np.arange(len(rows))
        stayed = (round.rows >= 0) & (place._births[round.rows] == round.births)
        part = round.told if stayed.all() else tree.take(round.told, t=np.flatnonzero(stayed))
        by_row = iter(_by_row(part))
        commons = said or place._layout.message(rows[:0], round.columns)
        last = self.hub.inbox.get(place.name) if place.alone else None
        return Parcel(
            place.name, round.number, names, place._births[rows], spoken.seen[rows, 0],
            place._columns.ids[round.columns], place.classes,
            tree.map(lambda axes, leaf: next(by_row)[1] if "t" in axes else leaf, commons),
            last.number if last is not None else 0,
            at[round.rows[stayed]] if last is not None else None,
        )  # fmt: skip

    def _send(self, parcel: Parcel) -> None:
        """Post a message; with a hub of its own, hold a meeting and wait for nothing."""
        if not self.place.alone:
            assert self.post is not None
            self.post(parcel)
            return

        def meeting() -> Parcel | None:
            self.hub.post(parcel)
            return self.hub.meet().get(parcel.place)

        if self.executor is not None:
            self._reply = self.executor.submit(meeting)
        else:
            self._reply = _done(meeting())

    def _rows_of(self, reply: Parcel) -> I64:
        """For each row of the bank the reply's row, -1 where it says nothing of it."""
        place = self.place
        rows = place._tasks.rows(reply.tasks)
        alive = np.flatnonzero((rows > 0) & (place._births[rows] == reply.births))
        at = np.full(len(place._births), -1)
        at[rows[alive]] = alive
        return at

    def _merge(self, reply: Parcel, rows: I64, at: I64, commons: bool) -> None:
        """Merge those rows of a reply, in the names that columns and classes have here."""
        place = self.place
        if not commons and not len(rows):
            return

        def pick(names: str, leaf: Array) -> Any:
            return leaf[at] if "t" in names else leaf if commons else None

        part = tree.grow(tree.map(pick, reply.tree), Shape(0, 0, len(place.classes)))
        columns = place._columns.find(reply.ids).astype(np.int64)
        place._layout.merge(rows, columns, part)

    def _all_columns(self) -> tuple[I64, U32]:
        """The columns that are spoken of, in the order of their ids, and these.

        What is common matters to other places alone, so a place of its own tells the first only.
        """
        known, most = self.place._columns, self._most
        few = self.place.alone and known.used > most
        # Not how many came out of it last: which the lowest ids are changes while columns come.
        of = (min(known.used, FIRST), most) if few else (known.used, 0)
        if self._columns_of != of:
            columns = known.first()[: most - 1] if few else known.sorted()
            self._columns, self._columns_of = (columns, known.ids[columns]), of
        return self._columns

    @property
    def _most(self) -> int:
        """Columns from 0 on that a place of its own speaks of, so that many tasks meet in few."""
        room = max(LEAST, CELLS // max(1, len(self.place._tasks.row)))
        return min(FIRST, 1 << (room.bit_length() - 1))


def _done(reply: Parcel | None) -> Future[Parcel | None]:
    """A reply that is here."""
    future: Future[Parcel | None] = Future()
    future.set_result(reply)
    return future


def _by_row(one: Tree) -> list[tuple[str, Array]]:
    """Leaves with a row for each task, and their axes."""
    return [(names, leaf) for _, names, leaf in tree.leaves(one) if "t" in names]
