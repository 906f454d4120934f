"""A stream replayed into a learner: predict, then learn, and count what was predicted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from learners.features import Example
from service.command.outcome import Figures, Outcome, Run, View, outcome
from service.command.targets import Target
from streams.evaluate import Prequential
from streams.event import Event

SAMPLES = 60  # times along the way that the experts' weights are looked at, at most about
LARGEST = 1024  # examples learnt at once at most


def examples(events: Iterable[Event]) -> Iterator[Example]:
    """Events as what a learner takes; those without a label cannot be scored and are left out."""
    return (Example(e.task, e.x, e.y) for e in events if e.y is not None)


def replay(
    target: Target,
    events: Iterable[Event],
    *,
    total: int | None = None,
    watch: bool = True,
    step: Callable[[int], object] = lambda n: None,
) -> Run:
    """Replay events into a target.

    Args:
        target: what learns.
        events: read once, in order.
        total: how many there will be, where that is known.
        watch: look at the weights along the way.
        step: called with the number of examples just learnt, whenever some are.
    """
    before = target.views()
    scores = {name: Prequential() for name in target.predictors}
    size = min(LARGEST, max(32, (total or LARGEST * SAMPLES) // SAMPLES))
    weights: list[tuple[int, Mapping[str, float]]] = []
    seconds, looking, done = 0.0, 0.0, 0
    stream = examples(events)
    while block := list(islice(stream, size)):
        begun = time.perf_counter()
        said = target.learn(block)
        seconds += time.perf_counter() - begun
        done += len(block)
        tasks = [example.task for example in block]
        labels = [example.label for example in block if example.label is not None]
        for e, tally in enumerate(scores.values()):
            tally.update_many(tasks, labels, said.probabilities[:, e], said.classes)
        if watch and looking <= seconds:  # so that looking takes no longer than learning
            begun = time.perf_counter()
            weights.append((done, mean_weights(target.views())))
            looking += time.perf_counter() - begun
        step(len(block))
    views = target.views()
    if weights and weights[-1][0] < done:
        weights.append((done, mean_weights(views)))
    outcomes = {name: outcome(tally) for name, tally in scores.items()}
    answer = outcomes.pop(target.predictors[0])
    return Run(
        target.name,
        seconds,
        answer,
        outcomes or told(before, views),
        [(n, share) for n, share in weights if share],
        views,
        target.relations() if len(views) > 1 else None,
    )


def mean_weights(views: Mapping[str, View]) -> dict[str, float]:
    """How far each expert is trusted: the mean over tasks."""
    sums: dict[str, float] = {}
    for view in views.values():
        for expert, weight in view.weights.items():
            sums[expert] = sums.get(expert, 0.0) + weight / len(views)
    return sums


def told(before: Mapping[str, View], after: Mapping[str, View]) -> dict[str, Outcome]:
    """How each expert did between two looks at a service, by its own counts."""
    experts = {name: None for view in after.values() for name in view.progress}
    found = {}
    for expert in list(experts)[1:]:  # the first is the answer
        per_task = {
            task: figures
            for task, view in after.items()
            if (figures := _since(before.get(task), view, expert)).examples
        }
        found[expert] = Outcome(_together(list(per_task.values())), per_task)
    return found


def _since(before: View | None, after: View, expert: str) -> Figures:
    """Sums of then taken from sums of now: a service may have learnt before this replay."""
    examples = after.seen - (before.seen if before else 0)
    if not examples or expert not in after.progress:
        return Figures(0, None, None, None)
    means = []
    for name in ("error", "log_loss"):
        total = after.progress[expert][name] * after.seen
        if before is not None and expert in before.progress:
            total -= before.progress[expert][name] * before.seen
        means.append(total / examples)
    return Figures(examples, means[0], means[1], None)


def _together(tasks: Sequence[Figures]) -> Figures:
    counts = np.array([f.examples for f in tasks], float)
    if not counts.sum():
        return Figures(0, None, None, None)
    error, log_loss = (
        float(counts @ np.array([value for value in column], float) / counts.sum())
        for column in ([f.error for f in tasks], [f.log_loss for f in tasks])
    )
    return Figures(int(counts.sum()), error, log_loss, None)
