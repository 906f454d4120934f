"""Where a replay learns: a place in this process, or a service over HTTP.

Both take examples and give back what was said of each before it was learnt, so that a replay
need not know which one it talks to; and both must say the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from learners.features import Example, batch, label_key
from learners.place import Place
from learners.types import Label
from service.client import Client
from service.command.outcome import View
from service.settings import Settings


class Said(NamedTuple):
    """What the predictors said of n examples."""

    probabilities: NDArray[np.float64]  # (n, E, K)
    classes: Sequence[Label]  # of the K columns


class Target(Protocol):
    """Something that learns."""

    @property
    def name(self) -> str:
        """The strategy's."""

    @property
    def predictors(self) -> Sequence[str]:
        """Of the axis E: the answer, then the experts if it tells theirs."""

    def learn(self, examples: Sequence[Example]) -> Said:
        """Learn in order; what was said of each before."""

    def views(self) -> Mapping[str, View]:
        """What is known of each task now."""

    def relations(self) -> tuple[Sequence[str], NDArray[np.float64]] | None:
        """Cosines between tasks."""


class Local:
    """A place in this process, made as a service with these settings makes its own."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.strategy
        self.place = Place(
            settings.strategy, bits=settings.bits, seed=settings.seed, period=settings.period
        )
        self.predictors = self.place.experts

    def learn(self, examples: Sequence[Example]) -> Said:
        """Learn in order; what every expert said of each before."""
        scored = self.place.learn(batch(examples, self.place.bits))
        return Said(scored.probabilities, scored.classes)

    def views(self) -> Mapping[str, View]:
        """What is known of each task now."""
        found = {}
        for task in self.place.tasks:
            view = self.place.view(task)
            progress = {name: measures._asdict() for name, measures in view.progress.items()}
            found[task] = View(view.seen, progress, view.weights, view.benefit, view.nearest)
        return found

    def relations(self) -> tuple[Sequence[str], NDArray[np.float64]] | None:
        """Cosines between tasks."""
        names, cosine = self.place.relations()
        return names, cosine.astype(np.float64)


class Remote:
    """A service over HTTP. It tells its answers; how its experts did stands in its views.

    Every example carries an id of this replay, so that asking again is always safe.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.name = str(client.state()["strategy"])
        self.predictors = (self.name,)
        self._replay, self._sent = secrets.token_hex(6), 0
        self._classes: dict[tuple[str, Label], int] = {}

    def learn(self, examples: Sequence[Example]) -> Said:
        """Learn in order; what was said of each before."""
        named = [
            example._replace(id=f"{self._replay}-{self._sent + i}")
            for i, example in enumerate(examples)
        ]
        answers = self.client.learn(named)
        self._sent += len(examples)
        said = [_probabilities(answer) for answer in answers]
        for pairs in said:
            for label, _ in pairs:
                self._classes.setdefault(label_key(label), len(self._classes))
        table = np.zeros((len(said), 1, len(self._classes)))
        for row, pairs in zip(table, said, strict=True):
            for label, probability in pairs:
                row[0, self._classes[label_key(label)]] = probability
        return Said(table, [label for _, label in self._classes])

    def views(self) -> Mapping[str, View]:
        """What is known of each task now."""
        return {task: _view(self.client.task(task)) for task in self.client.tasks()}

    def relations(self) -> tuple[Sequence[str], NDArray[np.float64]] | None:
        """Cosines between tasks."""
        found = self.client.relations()
        return found["tasks"], np.array(found["cosine"])


def _probabilities(answer: Mapping[str, Any]) -> list[tuple[Label, float]]:
    found = answer["probabilities"]
    if isinstance(found, dict):
        return list(found.items())
    return [(pair["label"], pair["probability"]) for pair in found]


def _view(task: Mapping[str, Any]) -> View:
    benefit = task["benefit"]
    return View(
        task["seen"],
        task["progress"],
        task["weights"],
        (benefit["nats"], benefit["errors"]) if benefit else None,
        [(near["task"], near["cosine"]) for near in task["nearest"]],
    )
