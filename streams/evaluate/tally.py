"""What the metrics are made of: counts and sums by task, however many examples."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.evaluate.records import Scored, grown

CLIP = 1e-15  # probabilities are held this far from 0 and 1 before their logarithm, as in river


class Metrics(NamedTuple):
    """How well the labels were foreseen; NaN where a number is not defined."""

    examples: int
    error: float  # share of examples whose most probable class was wrong
    log_loss: float  # mean of -ln p(label), in nats; p clipped to [1e-15, 1 - 1e-15]
    brier: float  # mean of half the squared distance to the truth: (p - y)^2 for two classes
    auc: float  # mean over classes, each against the rest; see Prequential for what it is over
    f1: float  # mean over the classes that occurred or were predicted
    ece: float  # mean distance of confidence from accuracy over the bins of reliability

    def as_json(self) -> dict[str, float | None]:
        """The metrics by name, None for NaN."""
        return {name: None if math.isnan(value) else value
                for name, value in self._asdict().items()}


class Bin(NamedTuple):
    """Predictions of about one confidence: calibrated where the two rates agree."""

    examples: int
    confidence: float  # mean probability of the predicted class
    accuracy: float  # share of them that were right


class Outcome(NamedTuple):
    """What each of n examples counts for."""

    predicted: NDArray[np.int64]  # (n,) codes; -1 where nothing had a probability
    wrong: NDArray[np.bool_]  # (n,)
    log_loss: NDArray[np.float64]  # (n,)
    brier: NDArray[np.float64]  # (n,)
    confidence: NDArray[np.float64]  # (n,)


def outcome(scored: Scored) -> Outcome:
    """Judge examples by their probabilities; ties go to the class known longest."""
    p, rows = scored.probabilities, np.arange(len(scored.label))
    of_label = p[rows, scored.label]
    best = p.argmax(axis=1)
    confidence = p[rows, best]
    predicted = np.where(confidence > 0, best, -1)
    distance = (p * p).sum(axis=1) - of_label**2 + (1 - of_label) ** 2
    log_loss = -np.log(np.clip(of_label, CLIP, 1 - CLIP))
    return Outcome(predicted, predicted != scored.label, log_loss, distance / 2, confidence)


class Tally:
    """Counts and sums by task; T tasks, K classes, B bins."""

    def __init__(self, bins: int) -> None:
        self.bins = bins
        self.true = np.zeros((0, 0), np.int64)  # (T, K) examples of the class
        self.predicted = np.zeros((0, 0), np.int64)  # (T, K) examples taken for it
        self.both = np.zeros((0, 0), np.int64)  # (T, K) rightly
        self.log_loss, self.brier = np.zeros(0), np.zeros(0)  # (T,) sums
        self.held = np.zeros((0, bins), np.int64)  # (T, B) examples of the confidence
        self.right = np.zeros((0, bins), np.int64)  # (T, B) of them rightly predicted
        self.confidence = np.zeros((0, bins))  # (T, B) sums

    def add(self, scored: Scored, seen: Outcome) -> None:
        """Add examples and their outcome, in order."""
        if not len(scored.task):
            return
        task, label, right, said = scored.task, scored.label, ~seen.wrong, seen.predicted >= 0
        self._grow(int(task.max()) + 1, scored.probabilities.shape[1])
        np.add.at(self.true, (task, label), 1)
        np.add.at(self.predicted, (task[said], seen.predicted[said]), 1)
        np.add.at(self.both, (task[right], label[right]), 1)
        np.add.at(self.log_loss, task, seen.log_loss)
        np.add.at(self.brier, task, seen.brier)
        bin_ = np.minimum((seen.confidence * self.bins).astype(np.int64), self.bins - 1)
        np.add.at(self.held, (task, bin_), 1)
        np.add.at(self.right, (task[right], bin_[right]), 1)
        np.add.at(self.confidence, (task, bin_), seen.confidence)

    def _grow(self, tasks: int, classes: int) -> None:
        T, K = max(tasks, len(self.true)), max(classes, self.true.shape[1])
        self.true, self.predicted = grown(self.true, T, K), grown(self.predicted, T, K)
        self.both = grown(self.both, T, K)
        self.log_loss, self.brier = grown(self.log_loss, T), grown(self.brier, T)
        self.held, self.right = grown(self.held, T), grown(self.right, T)
        self.confidence = grown(self.confidence, T)

    def metrics(self, tasks: slice, auc: float) -> Metrics:
        """The metrics of some tasks together, with the area computed elsewhere."""
        true, predicted, both = (
            counts[tasks].sum(axis=0) for counts in (self.true, self.predicted, self.both)
        )
        n = int(true.sum())
        if not n:
            return Metrics(0, *[math.nan] * 6)
        occurs = true + predicted > 0
        f1 = float((2 * both[occurs] / (true + predicted)[occurs]).mean())
        gap = sum(b.examples * abs(b.confidence - b.accuracy) for b in self.reliability(tasks))
        return Metrics(
            examples=n,
            error=(n - int(both.sum())) / n,
            log_loss=float(self.log_loss[tasks].sum()) / n,
            brier=float(self.brier[tasks].sum()) / n,
            auc=auc,
            f1=f1,
            ece=gap / n,
        )

    def reliability(self, tasks: slice) -> list[Bin]:
        """The bins of confidence that hold an example, least confident first."""
        held, right, confidence = (
            sums[tasks].sum(axis=0).tolist() for sums in (self.held, self.right, self.confidence)
        )
        return [
            Bin(n, total / n, hits / n)
            for n, hits, total in zip(held, right, confidence, strict=True)
            if n
        ]
