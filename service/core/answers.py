"""What is said of examples, from what the place's scores are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from learners.features import Batch
from learners.place import Scored
from learners.types import F64, I32, I64, Label
from service.problems import Problem


class Answer(NamedTuple):
    """What the place said of one example, before it learnt from it if it did."""

    task: str
    label: Label | None  # the likeliest class, the first met among equals; None: there is no class
    classes: tuple[Label, ...]  # those with a probability above 0, in the order the place met them
    probabilities: tuple[float, ...]  # of these classes; they sum to 1
    seen: int  # examples of the task learnt before this one
    version: int  # examples of the task learnt after it: seen, plus 1 if this one was learnt


Item = Answer | Problem  # what is said of one example


class Said(NamedTuple):
    """What was said of n examples, as columns: the strategy's own answer (expert 0)."""

    tasks: tuple[str, ...]
    task: I32  # (n,) index into tasks
    classes: tuple[Label, ...]  # in the order the place met them
    probabilities: F64  # (n, classes); 0 of a class that its task does not know
    seen: I64  # (n,) as in Answer
    learnt: bool

    def part(self, lo: int, hi: int) -> Said:
        """Examples lo to hi."""
        return self._replace(
            task=self.task[lo:hi],
            probabilities=self.probabilities[lo:hi],
            seen=self.seen[lo:hi],
        )

    def at(self, i: int) -> Answer:
        """What was said of one."""
        return self.part(i, i + 1).answers()[0]

    def answers(self) -> list[Answer]:
        """One by one.

        A class of probability 0 is one that the task does not know, or that came later in the same
        block: leaving these out makes the answer the same, whatever it was learnt together with.

        >>> import numpy as np
        >>> scored = Scored(np.array([[[0.25, 0.0, 0.75]]]), ("ham", "eggs", "spam"), np.array([7]))
        >>> from learners.features import Example, batch
        >>> say(batch([Example("alice", {}, "spam")]), scored, True).answers()
        [Answer(task='alice', label='spam', classes=('ham', 'spam'), probabilities=(0.25, 0.75),
                seen=7, version=8)]
        """
        tasks, classes, learnt = self.tasks, self.classes, self.learnt
        return [
            _answer(tasks[task], classes, p, seen, learnt)
            for task, p, seen in zip(
                self.task.tolist(),
                map(tuple, self.probabilities.tolist()),
                self.seen.tolist(),
                strict=True,
            )
        ]


def say(batch: Batch, scored: Scored, learnt: bool) -> Said:
    """What the place says of a batch."""
    said = scored.probabilities[:, 0]
    return Said(batch.tasks, batch.task, scored.classes, said, scored.seen, learnt)


def _answer(
    task: str, classes: tuple[Label, ...], p: tuple[float, ...], seen: int, learnt: bool
) -> Answer:
    if not all(p):
        classes = tuple(name for name, value in zip(classes, p, strict=True) if value > 0)
        p = tuple(value for value in p if value > 0)
    label = classes[p.index(max(p))] if p else None
    return Answer(task, label, classes, p, seen, seen + learnt)


class Spoken(NamedTuple):
    """What is said of a whole request, as columns."""

    n: int  # examples of the request
    apart: Mapping[int, Item]  # row -> a problem, or the first answer to an id that came again
    rows: Sequence[int]  # of the others, ascending
    said: Said  # of these

    def items(self) -> list[Item]:
        """One by one, in the order of the request."""
        answers: Sequence[Item] = self.said.answers()
        if not self.apart:
            return list(answers)
        items = dict(self.apart)
        items.update(zip(self.rows, answers, strict=True))
        return [items[row] for row in range(self.n)]
