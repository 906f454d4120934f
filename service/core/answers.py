"""What is said of an example, from what the place's scores are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from learners.features import Batch
from learners.place import Scored
from learners.types import Label


class Answer(NamedTuple):
    """What the place said of one example, before it learnt from it if it did."""

    task: str
    label: Label | None  # the likeliest class, the first met among equals; None: there is no class
    classes: tuple[Label, ...]  # those with a probability above 0, in the order the place met them
    probabilities: tuple[float, ...]  # of these classes; they sum to 1
    seen: int  # examples of the task learnt before this one
    version: int  # examples of the task learnt after it: seen, plus 1 if this one was learnt


def answers(batch: Batch, scored: Scored, learnt: bool) -> list[Answer]:
    """One answer an example, the strategy's own (expert 0).

    A class of probability 0 is one that the task does not know, or that came later in the same
    block: leaving these out makes the answer the same, whatever it was learnt together with.

    >>> import numpy as np
    >>> from learners.features import Example, batch
    >>> scored = Scored(np.array([[[0.25, 0.0, 0.75]]]), ("ham", "eggs", "spam"), np.array([7]))
    >>> answers(batch([Example("alice", {}, "spam")]), scored, True)
    [Answer(task='alice', label='spam', classes=('ham', 'spam'), probabilities=(0.25, 0.75),
            seen=7, version=8)]
    """
    said = zip(
        names(batch), scored.probabilities[:, 0].tolist(), scored.seen.tolist(), strict=True
    )
    return [_answer(task, scored.classes, row, seen, learnt) for task, row, seen in said]


def names(batch: Batch) -> list[str]:
    """The task of each example."""
    return [batch.tasks[i] for i in batch.task.tolist()]


def _answer(
    task: str, classes: Sequence[Label], row: list[float], seen: int, learnt: bool
) -> Answer:
    known, p = tuple(classes), tuple(row)
    if not all(p):
        known = tuple(name for name, value in zip(classes, row, strict=True) if value > 0)
        p = tuple(value for value in row if value > 0)
    label = known[p.index(max(p))] if p else None
    return Answer(task, label, known, p, seen, seen + learnt)
