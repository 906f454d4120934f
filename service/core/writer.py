"""The one hand that changes the state: journal first, then learn.

It is given whatever queued up while it was busy, writes all of it with one flush, and only then
learns; so a group grows with the load and nobody waits for a timer. Predictions are made in their
place between the lessons: the order of arrival is the order of everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter
from typing import Any, cast

from learners import features
from service.core import lessons
from service.core.answers import Answer, answers
from service.core.jobs import Delete, Hear, Item, Job, Learn, Look, Predict
from service.core.lessons import Lesson
from service.core.receipts import Receipt
from service.core.state import Kind, State
from service.problems import Problem
from service.store.journal import Broken, DiskFull, Journal

Outcome = tuple[Job, Any]  # a job and its result; an exception is to be raised where it is awaited


@dataclass(eq=False, slots=True)
class _Plan:
    """What becomes of one request to learn."""

    job: Learn
    items: list[Item | None]  # None: not known before it is learnt
    fresh: list[int]  # rows to learn, in order
    lesson: Lesson  # of these
    repeats: list[tuple[int, _Plan, int]]  # row, and whose row's answer it gets

    def fill(self, said: Iterator[Answer]) -> list[Item]:
        """All items, once the fresh ones were learnt."""
        for row in self.fresh:
            self.items[row] = next(said)
        for row, first, of in self.repeats:
            self.items[row] = first.items[of]
        return cast("list[Item]", self.items)  # none is open any more


class Writer:
    """Does jobs in order; to be called by one thread at a time."""

    def __init__(self, state: State, journal: Journal) -> None:
        self.state = state
        self.journal = journal
        self.commits = 0
        self.commit_seconds = 0.0
        self.learnt = 0
        self.predicted = 0

    def work(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Do a group of jobs with one flush at most; the outcome of each, in order.

        A deletion must be the only job of its group: whether there is such a task shows only when
        all before is learnt. So must a reply, which is merged between two lessons. What it raises
        leaves the state unknown: then it must not go on.
        """
        if isinstance(jobs[0], Delete):
            return [(jobs[0], self._delete(jobs[0].task))]
        if isinstance(jobs[0], Hear):
            return [(jobs[0], self._hear(jobs[0].reply))]
        plans = self._plan([job for job in jobs if isinstance(job, Learn)])
        stretches = [(kind, list(some)) for kind, some in groupby(jobs, type)]
        runs = [[plans[job] for job in some if isinstance(job, Learn)] for _, some in stretches]
        joined = [_join(run) for run in runs]
        trouble = self._commit(
            [(Kind.LEARN, lessons.to_bytes(lesson), lesson.n) for lesson in joined if lesson]
        )
        outcomes: list[Outcome] = []
        for (kind, some), run, lesson in zip(stretches, runs, joined, strict=True):
            if kind is Learn:
                outcomes += self._learn(run, lesson, trouble)
            elif kind is Predict:
                outcomes += self._predict([job for job in some if isinstance(job, Predict)])
            else:
                outcomes += [(job, _try(job, self.state)) for job in some if isinstance(job, Look)]
        return outcomes

    def _plan(self, jobs: Sequence[Learn]) -> dict[Learn, _Plan]:
        """Tell what is new from what was learnt before, or will have been within this group."""
        plans: dict[Learn, _Plan] = {}
        taken: dict[str, tuple[str, _Plan, int]] = {}  # ids of this group
        for job in jobs:
            made = job.prepared
            items: list[Item | None] = [made.problems.get(row) for row in range(made.n)]
            plan = plans[job] = _Plan(job, items, [], made.lesson, [])
            receipts = {receipt.row: receipt for receipt in made.lesson.receipts}
            keep: list[int] = []  # rows of the lesson
            for i, row in enumerate(made.rows):
                if (receipt := receipts.get(i)) is not None:
                    if (known := self.state.receipts.find(receipt.id)) is not None:
                        items[row] = _same(receipt, known[0]) or known[1]
                        continue
                    if (first := taken.get(receipt.id)) is not None:
                        items[row] = _same(receipt, first[0])
                        if items[row] is None:
                            plan.repeats.append((row, *first[1:]))
                        continue
                    taken[receipt.id] = (receipt.fingerprint, plan, row)
                keep.append(i)
                plan.fresh.append(row)
            if len(keep) < made.lesson.n:
                plan.lesson = self._only(job, keep)
        return plans

    def _only(self, job: Learn, keep: Sequence[int]) -> Lesson:
        """Some rows of a lesson, made anew: so names that only the others had are not in it."""
        return lessons.take(job.prepared.lesson, keep)

    def _learn(
        self, run: Sequence[_Plan], lesson: Lesson | None, trouble: Problem | None
    ) -> list[Outcome]:
        said: Iterator[Answer] = iter(())
        if trouble is None and lesson is not None:
            said = iter(self.state.learn(lesson))
            self.learnt += lesson.n
        return [
            (plan.job, trouble if trouble is not None and plan.lesson.n else plan.fill(said))
            for plan in run
        ]

    def _predict(self, jobs: Sequence[Predict]) -> list[Outcome]:
        batch = features.join([job.batch for job in jobs])
        try:
            said = iter(answers(batch, self.state.place.score(batch), learnt=False))
        except Exception as error:  # the askers': scoring changes nothing
            return [(job, error) for job in jobs]
        self.predicted += len(batch.task)
        return [(job, [next(said) for _ in range(job.n)]) for job in jobs]

    def _delete(self, task: str) -> bool | Problem:
        if task not in self.state.place:
            return False
        trouble = self._commit([(Kind.DELETE, task.encode("utf-8", "surrogatepass"), 1)])
        return trouble if trouble is not None else self.state.delete(task)

    def _hear(self, data: bytes) -> bool | Problem | ValueError:
        try:
            reply = self.state.reply(data)
        except ValueError as error:  # the sender's: nothing is written
            return error
        if reply.number <= self.state.place.heard:
            return False
        trouble = self._commit([(Kind.HEAR, data, 0)])
        return trouble if trouble is not None else self.state.place.hear(reply)

    def _commit(self, records: Sequence[tuple[int, bytes, int]]) -> Problem | None:
        """Make records durable, or say why nothing of them was written."""
        if not records:
            return None
        started = perf_counter()
        for record in records:
            self.journal.append(*record)
        try:
            self.journal.commit()
        except DiskFull as error:
            return Problem("disk-full", str(error))
        except Broken as error:
            return Problem("internal", str(error))
        self.commits += 1
        self.commit_seconds += perf_counter() - started
        return None


def _join(run: Sequence[_Plan]) -> Lesson | None:
    parts = [plan.lesson for plan in run if plan.lesson.n]
    return lessons.join(parts) if parts else None


def _same(receipt: Receipt, fingerprint: str) -> Problem | None:
    """None for a retry, a problem for another example under a used id."""
    if receipt.fingerprint == fingerprint:
        return None
    shown = receipt.id if len(receipt.id) <= 80 else receipt.id[:80] + "..."
    why = f"{shown!r} was used for another example; give this one an id of its own"
    return Problem("id-conflict", f"id: {why}.", [("/id", why)])


def _try(job: Look, state: State) -> Any:
    look: Callable[[Any], Any] = job.at
    try:
        return look(state.place)
    except Exception as error:  # the asker's: looking changes nothing
        return error
