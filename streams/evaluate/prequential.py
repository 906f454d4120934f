"""Prequential evaluation: predict, then learn, and score what was predicted.

Gama, Sebastiao and Rodrigues, On evaluating stream learning algorithms, Machine Learning 90, 2013.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.evaluate.codes import Codes
from streams.evaluate.curve import Curve, Point
from streams.evaluate.ranking import mean_auc
from streams.evaluate.records import Latest, Sample, Scored
from streams.evaluate.tally import Bin, Metrics, Tally, outcome
from streams.event import Label

PENDING = 1024  # examples given one by one are scored this many at a time
EVERYTHING = slice(None)


class Prequential:
    """Metrics of predictions made before their labels were learnt: overall, by task, lately.

    All but the area under the ROC curve take memory by task and class alone. The area is exact
    while no more than `sample` examples have come; from then on it is that of a uniform sample of
    so many. Log loss clips probabilities to [1e-15, 1 - 1e-15]; a class that was given none has 0.

    >>> scores = Prequential()
    >>> scores.update("alice", "spam", {"ham": 0.25, "spam": 0.75})
    >>> scores.update("alice", "ham", {"ham": 0.4, "spam": 0.6})
    >>> scores.overall()
    Metrics(examples=2, error=0.5, log_loss=0.60, brier=0.21, auc=1.0, f1=0.33, ece=0.42)

    Args:
        window: how many of the last examples `recent` is over.
        bins: how many of equal width the confidence is cut into for calibration.
        sample: how many examples at most the area under the ROC curve is over.
        points: how many at least, once there are that many examples, the learning curve has.
        seed: of the sample.

    Raises:
        ValueError: one of the counts is below 1.
    """

    def __init__(
        self,
        window: int = 1000,
        *,
        bins: int = 10,
        sample: int = 2**17,
        points: int = 200,
        seed: int = 0,
    ) -> None:
        counts = {"window": window, "bins": bins, "sample": sample, "points": points}
        for name, value in counts.items():
            if value < 1:
                raise ValueError(f"{name}={value}: give at least 1")
        self._tasks: Codes[str] = Codes()
        self._classes: Codes[Label] = Codes()
        self._tally, self._curve = Tally(bins), Curve(points)
        self._latest, self._sample = Latest(window), Sample(sample, seed)
        self._task: list[int] = []  # the pending examples: two codes each,
        self._label: list[int] = []
        self._row: list[int] = []  # and their probabilities: whose, of which class, how much
        self._column: list[int] = []
        self._probability: list[float] = []

    def update(self, task: str, label: Label, probabilities: Mapping[Label, float]) -> None:
        """Score one prediction.

        Raises:
            ValueError: there is no label, or a number is not a probability.
        """
        for name, p in probabilities.items():
            if not -1e-9 <= p <= 1 + 1e-9:
                raise _not_a_probability(task, name, p)
        _check_label(task, label)
        self._row += [len(self._task)] * len(probabilities)
        self._column += map(self._classes.code, probabilities)
        self._probability += probabilities.values()
        self._task.append(self._tasks.code(task))
        self._label.append(self._classes.code(label))
        if len(self._task) == PENDING:
            self._flush()

    def update_many(
        self,
        tasks: Sequence[str],
        labels: Sequence[Label],
        probabilities: NDArray[np.floating],
        classes: Sequence[Label],
    ) -> None:
        """Score n predictions in order: `probabilities` is (n, K), a column for each class.

        Raises:
            ValueError: the lengths differ, a label is missing, or a number is no probability.
        """
        self._flush()
        p = np.asarray(probabilities, np.float64)
        if p.shape != (len(tasks), len(classes)) or len(labels) != len(tasks):
            raise ValueError(f"{len(tasks)} tasks, {len(labels)} labels, {len(classes)} classes "
                             f"and probabilities of shape {p.shape}: give one row an example, "
                             "one column a class")
        for row, column in np.argwhere(~((p >= -1e-9) & (p <= 1 + 1e-9)))[:1].tolist():
            raise _not_a_probability(tasks[row], classes[column], p[row, column])
        for task, label in zip(tasks, labels, strict=True):
            _check_label(task, label)
        columns, label_codes = self._classes.of(classes), self._classes.of(labels)
        full = np.zeros((len(tasks), len(self._classes)))
        full[:, columns] = p
        self._add(Scored(self._tasks.of(tasks), label_codes, full))

    def overall(self) -> Metrics:
        """The metrics of all examples together."""
        self._flush()
        kept = self._sample.kept
        return self._tally.metrics(EVERYTHING, mean_auc(kept.label, kept.probabilities))

    def per_task(self) -> dict[str, Metrics]:
        """The metrics of each task, in order of their first examples."""
        self._flush()
        kept = self._sample.kept
        kept = kept.only(np.argsort(kept.task, kind="stable"))
        starts = np.searchsorted(kept.task, np.arange(len(self._tasks) + 1)).tolist()
        return {
            name: self._tally.metrics(
                slice(i, i + 1),
                mean_auc(kept.label[start:stop], kept.probabilities[start:stop]),
            )
            for i, (name, start, stop) in enumerate(
                zip(self._tasks.values, starts[:-1], starts[1:], strict=True)
            )
        }

    def recent(self, task: str | None = None) -> Metrics:
        """The metrics of the last `window` examples, or of those among them of one task.

        Raises:
            KeyError: there was no example of the task.
        """
        self._flush()
        kept = self._latest.kept
        if task is not None:
            kept = kept.only(kept.task == self._tasks.find(task))
        tally = Tally(self._tally.bins)
        tally.add(kept, outcome(kept))
        return tally.metrics(EVERYTHING, mean_auc(kept.label, kept.probabilities))

    def reliability(self, task: str | None = None) -> list[Bin]:
        """Confidence against accuracy in bins, of all examples or of one task's.

        Raises:
            KeyError: there was no example of the task.
        """
        self._flush()
        i = None if task is None else self._tasks.find(task)
        return self._tally.reliability(EVERYTHING if i is None else slice(i, i + 1))

    def curve(self) -> list[Point]:
        """The learning curve over all examples."""
        self._flush()
        return self._curve.points()

    def _flush(self) -> None:
        if not self._task:
            return
        full = np.zeros((len(self._task), len(self._classes)))
        full[self._row, self._column] = self._probability
        scored = Scored(np.array(self._task), np.array(self._label), full)
        for pending in (self._task, self._label, self._row, self._column, self._probability):
            pending.clear()
        self._add(scored)

    def _add(self, scored: Scored) -> None:
        seen = outcome(scored)
        self._tally.add(scored, seen)
        self._curve.add(seen)
        self._latest.add(scored)
        self._sample.add(scored)


def _check_label(task: str, label: Label | None) -> None:
    if label is None:
        raise ValueError(f"task {task!r}: the label is None: score only what has a label")


def _not_a_probability(task: str, name: Label, p: float) -> ValueError:
    return ValueError(f"task {task!r}: class {name!r} has {p}: give a probability, 0 to 1")
