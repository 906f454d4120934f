"""Examples as they came -> a lesson of the good ones, and a problem for each of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import NamedTuple

from learners.features import Batch, Example, batch, check_label
from service.core.lessons import Lesson
from service.core.receipts import Receipt, fingerprint
from service.problems import Problem


class Prepared(NamedTuple):
    """What of a request can be used."""

    good: tuple[Example, ...]
    rows: tuple[int, ...]  # where the good ones stood in the request
    lesson: Lesson  # of the good ones
    problems: Mapping[int, Problem]  # row in the request -> why it cannot be used
    n: int  # examples in the request


def prepare(examples: Sequence[Example], bits: int, *, to_learn: bool) -> Prepared:
    """Hash and check all; only examples to learn need a label, and only these have receipts.

    >>> made = prepare([Example("alice", {"a": 1}, "spam"), Example("alice", {}, None)], 20,
    ...     to_learn=True)
    >>> made.rows, made.problems[1].detail
    ((0,), 'label: null means no label; give a string, a number, true or false.')
    """
    problems: dict[int, Problem] = {}
    try:
        made = _batch(examples, bits, to_learn)
    except ValueError:  # one by one, then, to see which it was
        for row, example in enumerate(examples):
            try:
                _batch([example], bits, to_learn)
            except ValueError as error:
                problems[row] = _invalid(str(error))
        made = _batch([e for i, e in enumerate(examples) if i not in problems], bits, to_learn)
    rows = tuple(row for row in range(len(examples)) if row not in problems)
    good = tuple(examples[row] for row in rows)
    receipts = tuple(_receipts(good, made)) if to_learn else ()
    return Prepared(good, rows, Lesson(made, receipts), problems, len(examples))


def size(examples: Sequence[Example]) -> int:
    """About how many columns the examples have: what preparing them costs."""
    return sum(
        len(value) if isinstance(value, Sized) else 1
        for example in examples
        for value in example.features.values()
    )


def _batch(examples: Sequence[Example], bits: int, to_learn: bool) -> Batch:
    if to_learn and any(example.label is None for example in examples):
        check_label(None)  # says why not
    return batch(examples, bits)


def _receipts(examples: Iterable[Example], made: Batch) -> Iterable[Receipt]:
    for row, example in enumerate(examples):
        if example.id is not None:
            yield Receipt(row, example.id, fingerprint(made, row))


def _invalid(message: str) -> Problem:
    """A complaint `field.and.more: why` as a problem; the pointer names the field alone."""
    field, _, why = message.partition(": ")
    return Problem("invalid-example", f"{message}.", [("/" + field.partition(".")[0], why)])
