"""Examples as they came -> a lesson of the good ones, and a problem for each of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import NamedTuple

import numpy as np

from learners.features import Batch, Example, batch, check_label, join, take
from service.core.lessons import Lesson
from service.core.receipts import Receipt, fingerprint
from service.problems import Problem


class Prepared(NamedTuple):
    """What of a request can be used."""

    rows: Sequence[int]  # where the good ones stood in the request
    lesson: Lesson  # of the good ones
    problems: Mapping[int, Problem]  # row in the request -> why it cannot be used

    @property
    def n(self) -> int:
        """Examples in the request."""
        return len(self.rows) + len(self.problems)


def prepare(examples: Sequence[Example], bits: int, *, to_learn: bool) -> Prepared:
    """Hash and check all; only examples to learn need a label, and only these have receipts.

    >>> made = prepare([Example("alice", {"a": 1}, "spam"), Example("alice", {}, None)], 20,
    ...     to_learn=True)
    >>> list(made.rows), made.problems[1].detail
    ([0], 'label: null means no label; give a string, a number, true or false.')
    """
    problems: dict[int, Problem] = {}
    try:
        made = _batch(examples, bits, to_learn)
    except ValueError:  # one by one, then, to see which it was
        for row, example in enumerate(examples):
            try:
                _batch([example], bits, to_learn)
            except ValueError as error:
                problems[row] = invalid(str(error))
        made = _batch([e for i, e in enumerate(examples) if i not in problems], bits, to_learn)
    rows = _others(problems, len(examples))
    ids = [examples[row].id for row in rows] if to_learn else ()
    return Prepared(rows, _lesson(made, ids), problems)


def prepared(made: Batch, ids: Sequence[str | None], problems: Mapping[int, Problem]) -> Prepared:
    """The same of a batch that is there: without the rows that have a problem.

    ids: one for each row, None where there is none; or none at all.
    """
    rows = _others(problems, len(made.task))
    if problems:
        made = take(made, rows)
        ids = [ids[row] for row in rows] if ids else ids
    return Prepared(rows, _lesson(made, ids), problems)


def woven(one: Prepared, other: Prepared) -> Prepared:
    """Two that share out the rows of a request, as if all had been prepared together."""
    rows = np.concatenate([one.rows, other.rows]).astype(np.int64)
    order = np.argsort(rows)
    to = np.argsort(order)  # each one's place
    shift = len(one.rows)
    receipts = [(to[of.row], of) for of in one.lesson.receipts]
    receipts += [(to[of.row + shift], of) for of in other.lesson.receipts]
    return Prepared(
        rows[order].tolist(),
        Lesson(
            take(join([one.lesson.batch, other.lesson.batch]), order),
            tuple(of._replace(row=int(row)) for row, of in sorted(receipts)),
        ),
        {**one.problems, **other.problems},
    )


def size(examples: Sequence[Example]) -> int:
    """About how many columns the examples have: what preparing them costs."""
    return sum(
        len(value) if isinstance(value, Sized) else 1
        for example in examples
        for value in example.features.values()
    )


def invalid(message: str) -> Problem:
    """A complaint `field.and.more: why` as a problem; the pointer names the field alone."""
    field, _, why = message.partition(": ")
    return Problem("invalid-example", f"{message}.", [("/" + field.partition(".")[0], why)])


def _batch(examples: Sequence[Example], bits: int, to_learn: bool) -> Batch:
    if to_learn and any(example.label is None for example in examples):
        check_label(None)  # says why not
    return batch(examples, bits)


def _others(problems: Mapping[int, Problem], n: int) -> Sequence[int]:
    """The rows without a problem, ascending."""
    return [row for row in range(n) if row not in problems] if problems else range(n)


def _lesson(made: Batch, ids: Sequence[str | None]) -> Lesson:
    named = [(row, id) for row, id in enumerate(ids) if id is not None]
    return Lesson(made, tuple(Receipt(row, id, fingerprint(made, row)) for row, id in named))
