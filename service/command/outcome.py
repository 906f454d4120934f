"""What a prequential run came to: every prediction was made before its label was learnt.

An `Outcome` is how well one predictor did, a `Run` what one strategy did and knows at the end, a
`Replay` several strategies side by side.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.view import ALONE
from streams.evaluate import Metrics, Prequential


class Figures(NamedTuple):
    """How well some predictions did. None: cannot be said (no example, one class only)."""

    examples: int
    error: float | None  # a fraction
    log_loss: float | None  # nats an example
    auc: float | None  # area under the ROC curve; the mean over classes, each against the rest


class Outcome(NamedTuple):
    """One predictor: in all, task by task, and the error so far along the way."""

    figures: Figures
    per_task: Mapping[str, Figures]
    curve: Sequence[tuple[int, float]] = ()  # (examples, error over all of them)


class View(NamedTuple):
    """What a strategy knows of one task."""

    seen: int
    progress: Mapping[str, Mapping[str, float]]  # by expert: error, log_loss, ...
    weights: Mapping[str, float]  # by expert
    benefit: tuple[float, float] | None  # nats and errors saved against the task alone
    nearest: Sequence[tuple[str, float]]  # the most alike tasks, with their cosines


class Run(NamedTuple):
    """One strategy."""

    name: str
    seconds: float  # of learning; over HTTP, with the way there and back
    answer: Outcome
    experts: Mapping[str, Outcome] = {}  # what the strategy is a mixture of, if of anything
    weights: Sequence[tuple[int, Mapping[str, float]]] = ()  # (examples, mean over tasks)
    views: Mapping[str, View] = {}  # by task, at the end
    relations: tuple[Sequence[str], NDArray[np.float64]] | None = None


class Replay(NamedTuple):
    """Several strategies on the same examples in the same order."""

    source: str
    examples: int
    tasks: int
    shuffled: bool
    seed: int
    runs: Sequence[Run]

    def as_json(self) -> dict[str, Any]:
        """The result as plain values."""
        return {
            "source": self.source,
            "examples": self.examples,
            "tasks": self.tasks,
            "shuffled": self.shuffled,
            "seed": self.seed,
            "strategies": [_run_json(run) for run in self.runs],
        }


def outcome(scores: Prequential) -> Outcome:
    """What the predictions that were scored came to.

    >>> scores = Prequential()
    >>> scores.update("alice", "spam", {"ham": 0.25, "spam": 0.75})
    >>> outcome(scores).figures
    Figures(examples=1, error=0.0, log_loss=0.29, auc=None)
    """
    found = scores.per_task()
    per_task = {task: _figures(found[task]) for task in sorted(found, key=natural)}
    curve = [(point.examples, point.error) for point in scores.curve()]
    return Outcome(_figures(scores.overall()), per_task, curve)


def natural(name: str) -> tuple[list[str | int], str]:
    """What to sort names by so that numbers in them count as numbers.

    >>> sorted(["Class10", "Class9", "Class1"], key=natural)
    ['Class1', 'Class9', 'Class10']
    """
    parts = re.split(r"([0-9]+)", name)  # text and digits in turn
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def alone(runs: Sequence[Run]) -> Outcome | None:
    """How every task did on its own: an expert of a run, or a run of its own; None if of none."""
    for run in runs:
        if run.name == ALONE:
            return run.answer
        if ALONE in run.experts:
            return run.experts[ALONE]
    return None


def _figures(metrics: Metrics) -> Figures:
    return Figures(
        metrics.examples, _said(metrics.error), _said(metrics.log_loss), _said(metrics.auc)
    )


def _said(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _run_json(run: Run) -> dict[str, Any]:
    found = {"name": run.name, **_outcome_json(run.answer), "seconds": round(run.seconds, 3)}
    if run.experts:
        found["experts"] = {name: _outcome_json(part) for name, part in run.experts.items()}
    if any(view.benefit is not None for view in run.views.values()):
        found["benefit"] = {
            task: {"nats": view.benefit[0], "errors": view.benefit[1]}
            for task, view in run.views.items()
            if view.benefit is not None
        }
    return found


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    figures = outcome.figures._asdict()
    del figures["examples"]  # those of the whole replay
    figures["per_task"] = {task: f._asdict() for task, f in outcome.per_task.items()}
    return figures
