"""What becomes of a request to learn: which of its examples are new, and what the others are told.

Requests of few examples are prepared together, as one, and share one plan.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any

import numpy as np

from service.core import lessons
from service.core.answers import Item, Said, Spoken
from service.core.jobs import Ask, Job, Line
from service.core.lessons import Lesson
from service.core.prepare import Prepared, prepare
from service.core.receipts import Receipt, Receipts
from service.problems import Problem

Outcome = tuple[Job, Any]  # a job and its result; an exception is to be raised where it is awaited
NOTHING = Said((), np.zeros(0, np.int32), (), np.zeros((0, 0)), np.zeros(0, np.int64), True)


@dataclass(eq=False, slots=True)
class Plan:
    """Jobs that were prepared together; a job that came prepared has one of its own."""

    jobs: Sequence[Ask]
    made: Prepared
    apart: dict[int, Item]  # row -> what is known of it beforehand
    fresh: Sequence[int]  # rows to learn, or to predict, ascending
    lesson: Lesson  # of these
    repeats: list[tuple[int, Plan, int]] = field(default_factory=list)  # row, and whose row's item
    said: Said = NOTHING  # of the fresh ones, once they were learnt

    def spoken(self) -> Spoken:
        """What is said of all rows."""
        for row, first, of in self.repeats:
            self.apart[row] = first.said.at(bisect_left(first.fresh, of))
        return Spoken(self.made.n, self.apart, self.fresh, self.said)

    def outcomes(self) -> list[Outcome]:
        """What each job is told."""
        spoken = self.spoken()
        if isinstance(self.jobs[0].given, Prepared):
            return [(self.jobs[0], spoken)]
        items, hi = spoken.items(), 0
        return [(job, items[hi : (hi := hi + job.n)]) for job in self.jobs]

    def refused(self, trouble: Problem) -> list[Outcome]:
        """What each job is told when nothing could be learnt."""
        open_ = {*self.fresh, *(row for row, _, _ in self.repeats)}
        told: list[Outcome] = []
        lo = 0
        for job in self.jobs:
            rows, lo = range(lo, lo + job.n), lo + job.n
            if not open_.isdisjoint(rows):
                told.append((job, trouble))
            elif isinstance(job.given, Prepared):
                told.append((job, Spoken(job.n, self.apart, (), NOTHING)))
            else:
                told.append((job, [self.apart[row] for row in rows]))
        return told


class Planner:
    """Plans a group: an id may come again within it."""

    def __init__(self, receipts: Receipts) -> None:
        self.receipts = receipts
        self.taken: dict[str, tuple[str, Plan, int]] = {}  # id -> fingerprint, and whose row

    def plan(self, jobs: Sequence[Ask], made: Prepared) -> Plan:
        """Tell what is new from what was learnt before, or will have been within this group."""
        plan = Plan(jobs, made, dict(made.problems), made.rows, made.lesson)
        receipts = {receipt.row: receipt for receipt in made.lesson.receipts}
        known = [i for i, receipt in receipts.items() if self._known(plan, made.rows[i], receipt)]
        if known:
            keep = sorted(set(range(made.lesson.n)).difference(known))
            plan.fresh = [made.rows[i] for i in keep]
            plan.lesson = lessons.take(made.lesson, keep)
        return plan

    def _known(self, plan: Plan, row: int, receipt: Receipt) -> bool:
        """Whether that row is not to be learnt; then it is noted what it is told."""
        if (before := self.receipts.find(receipt.id)) is not None:
            plan.apart[row] = _same(receipt, before[0]) or before[1]
            return True
        if (first := self.taken.get(receipt.id)) is None:
            self.taken[receipt.id] = (receipt.fingerprint, plan, row)
            return False
        if (problem := _same(receipt, first[0])) is not None:
            plan.apart[row] = problem
        else:
            plan.repeats.append((row, *first[1:]))
        return True


Bundle = tuple[list[Ask], Prepared | Exception]


def bundles(jobs: Sequence[Ask], bits: int, *, to_learn: bool) -> Iterator[Bundle]:
    """Jobs that follow one another, prepared; those that were not yet, together.

    A job that cannot be prepared comes alone, with the reason.
    """
    for form, some in groupby(jobs, _form):
        if form is Prepared:
            yield from (([job], job.given) for job in some)  # type: ignore[misc]  # as asked
        else:
            yield from _together(list(some), bits, to_learn)


def _form(job: Ask) -> type:
    """Jobs of one form that follow one another are prepared together."""
    form = type(job.given)
    return form if form is Prepared or form is Line else Sequence


def _together(jobs: list[Ask], bits: int, to_learn: bool) -> Iterator[Bundle]:
    try:
        if isinstance(first := jobs[0].given, Line):
            yield jobs, first.read(b"\n".join([job.given.text for job in jobs]))  # type: ignore[union-attr]  # all are
        else:
            examples = list(chain.from_iterable(job.given for job in jobs))
            yield jobs, prepare(examples, bits, to_learn=to_learn)  # type: ignore[arg-type]  # not made
    except Exception as error:  # the asker's: nothing has changed yet
        if len(jobs) == 1:
            yield jobs, error
        else:
            for job in jobs:
                yield from _together([job], bits, to_learn)


def _same(receipt: Receipt, fingerprint: str) -> Problem | None:
    """None for a retry, a problem for another example under a used id."""
    if receipt.fingerprint == fingerprint:
        return None
    shown = receipt.id if len(receipt.id) <= 80 else receipt.id[:80] + "..."
    why = f"{shown!r} was used for another example; give this one an id of its own"
    return Problem("id-conflict", f"id: {why}.", [("/id", why)])
