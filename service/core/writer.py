"""The one hand that changes the state: journal first, then learn.

It is given whatever queued up while it was busy, writes all of it with one flush, and only then
learns; so a group grows with the load and nobody waits for a timer. Predictions are made in their
place between the lessons: the order of arrival is the order of everything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from time import perf_counter
from typing import Any, cast

from learners import features
from service.core import lessons
from service.core.answers import say
from service.core.jobs import Delete, Hear, Job, Learn, Look, Predict
from service.core.lessons import Lesson
from service.core.plans import Outcome, Plan, Planner, bundles
from service.core.state import Kind, State
from service.problems import Problem
from service.store.errors import Broken, DiskFull
from service.store.journal import Journal


class _Run:
    """Jobs to learn that follow one another: they become one lesson."""

    def __init__(self, jobs: Sequence[Learn], planner: Planner, bits: int) -> None:
        self.plans: list[Plan] = []
        self.outcomes: list[Outcome] = []  # of those that cannot even be prepared
        for some, made in bundles(jobs, bits, to_learn=True):
            if isinstance(made, Exception):
                self.outcomes += [(job, made) for job in some]
            else:
                self.plans.append(planner.plan(some, made))
        parts = [plan.lesson for plan in self.plans if plan.lesson.n]
        self.lesson: Lesson | None = lessons.join(parts) if parts else None


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
        """Do a group of jobs with one flush at most; the outcome of each.

        A deletion must be the only job of its group: whether there is such a task shows only when
        all before is learnt. So must a reply, which is merged between two lessons. What it raises
        leaves the state unknown: then it must not go on.
        """
        if isinstance(jobs[0], Delete):
            return [(jobs[0], self._delete(jobs[0].task))]
        if isinstance(jobs[0], Hear):
            return [(jobs[0], self._hear(jobs[0].reply))]
        bits = self.state.place.bits
        planner = Planner(self.state.receipts)
        stretches = [(kind, list(some)) for kind, some in groupby(jobs, type)]
        runs = [
            _Run(cast("list[Learn]", some), planner, bits) if kind is Learn else None
            for kind, some in stretches
        ]
        found = [run.lesson for run in runs if run is not None and run.lesson is not None]
        trouble = self._commit(
            [(Kind.LEARN, lessons.to_bytes(lesson), lesson.n) for lesson in found]
        )
        outcomes: list[Outcome] = []
        for (kind, some), run in zip(stretches, runs, strict=True):
            if run is not None:
                outcomes += self._learn(run, trouble)
            elif kind is Predict:
                outcomes += self._predict(cast("list[Predict]", some))
            else:
                outcomes += [(job, _try(cast(Look, job), self.state)) for job in some]
        return outcomes

    def _learn(self, run: _Run, trouble: Problem | None) -> list[Outcome]:
        told = run.outcomes
        if trouble is not None:
            for plan in run.plans:
                told += plan.refused(trouble)
            return told
        if run.lesson is not None:
            said, hi = self.state.learn(run.lesson), 0
            for plan in run.plans:
                plan.said = said.part(hi, hi := hi + plan.lesson.n)
            self.learnt += run.lesson.n
        for plan in run.plans:
            told += plan.outcomes()
        return told

    def _predict(self, jobs: Sequence[Predict]) -> list[Outcome]:
        told: list[Outcome] = []
        plans = []
        for some, made in bundles(jobs, self.state.place.bits, to_learn=False):
            if isinstance(made, Exception):
                told += [(job, made) for job in some]
            else:
                plans.append(Plan(some, made, dict(made.problems), made.rows, made.lesson))
        batches = [plan.lesson.batch for plan in plans if plan.lesson.n]
        if batches:
            batch = features.join(batches)
            try:
                said, hi = say(batch, self.state.place.score(batch), learnt=False), 0
            except Exception as error:  # the askers': scoring changes nothing
                return told + [(job, error) for plan in plans for job in plan.jobs]
            for plan in plans:
                plan.said = said.part(hi, hi := hi + plan.lesson.n)
            self.predicted += len(batch.task)
        for plan in plans:
            told += plan.outcomes()
        return told

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
        if reply.number <= self.state.place.talk.heard:
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


def _try(job: Look, state: State) -> Any:
    look: Callable[[Any], Any] = job.at
    try:
        return look(state.place)
    except Exception as error:  # the asker's: looking changes nothing
        return error
