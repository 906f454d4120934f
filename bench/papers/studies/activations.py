"""Nodes that activate: each takes a step on all its data whenever it has heard, then tells.

What papers on asynchronous methods run, in simulated time: `course` of a strategy on tasks that
are coupled by the trace norm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.papers.studies.places import batches, model, places
from learners.features import Batch
from learners.simulation import HUB, Arrival, Delay, Network
from learners.simulation.nodes import Node
from learners.simulation.simulator import Event, Run
from learners.types import F64, Strategy
from streams.synthetic import generate

LAMBDA = 5.0


class Problem(NamedTuple):
    """Each task's data, and what is to be minimised over them."""

    data: Mapping[str, Batch]
    L: float  # the Lipschitz constant of the losses' gradient
    least: float  # the objective's minimum


def made(tasks: int, seed: int, n: int = 100, d: int = 50) -> Problem:
    """Models in three common directions, labels by a logistic link."""
    drawn = generate(
        "lowrank", rank=3, steepness=6.0, flip=0.0, tasks=tasks, rounds=n, features=d, seed=seed
    )
    return problem(list(drawn.X.swapaxes(0, 1)), list(drawn.y.T > 0))


def problem(X: Sequence[F64], y: Sequence[NDArray[np.bool_]]) -> Problem:
    """The problem of tasks (n, d), which each have a constant feature besides."""
    wide = [np.column_stack([np.ones(len(x)), x]).astype(np.float32).astype(float) for x in X]
    signs = [np.where(one, 1.0, -1.0) for one in y]
    L = max(float(np.linalg.norm(x, 2)) ** 2 for x in wide) / 4
    W = before = Z = np.zeros((len(X), wide[0].shape[1]))
    for k in range(3000):  # proximal gradient descent with momentum
        slopes = [
            -(s / (1 + np.exp(s * (x @ z)))) @ x for x, s, z in zip(wide, signs, Z, strict=True)
        ]
        u, size, v = np.linalg.svd(Z - np.stack(slopes) / L, full_matrices=False)
        before, W = W, u * np.maximum(size - LAMBDA / L, 0) @ v
        Z = W + k / (k + 3) * (W - before)
    loss = sum(np.logaddexp(0, -s * (x @ w)).sum() for x, s, w in zip(wide, signs, W, strict=True))
    return Problem(batches(X, y), L, float(loss) + penalty(W))


def penalty(W: F64) -> float:
    """Lambda times the trace norm."""
    return LAMBDA * float(np.linalg.svd(W, compute_uv=False).sum())


class Activations(Run):
    """A run in which a node that hears takes a step on all its data, then tells."""

    def __init__(self, data: Mapping[str, Batch], until: float, *told: Any) -> None:
        super().__init__(*told)
        self.data, self.until = data, until
        self.losses: dict[str, float] = {}
        self.models: dict[str, F64] = {}
        self.course: list[tuple[float, float]] = []  # time, objective of the models in use

    def hear(self, event: Event) -> None:
        """Hear, and begin the next step."""
        super().hear(event)
        name, batch = event.place, self.data[event.place]
        place = self.nodes[name].place
        said = place.score(batch).probabilities[np.arange(len(batch.label)), 0, batch.label]
        self.losses[name], self.models[name] = -float(np.log(said).sum()), model(place)
        if len(self.models) == len(self.nodes):
            W = np.stack(list(self.models.values()))
            self.course.append((event.time, sum(self.losses.values()) + penalty(W)))
            if self.course[-1][1] <= self.until:
                self.rounds = 0
        self.nodes[name].take(Arrival(event.time, name, batch))


def course(
    strategy: Strategy,
    given: Problem,
    delay: Delay,
    *,
    waits: bool,
    iterations: int,
    until: float = 0.0,
    seed: int = 0,
) -> list[tuple[float, float]]:
    """Time and objective, each time that a node has heard: of so many iterations of each node.

    Or until the objective is no more than `until`.
    """
    hub, there = places(strategy, list(given.data))
    run = Activations(
        given.data, until, {name: Node(place) for name, place in there.items()}, hub,
        Network(links={(name, HUB): delay for name in there}), iterations, waits, {}, {}, seed,
        lambda n: None,
    )  # fmt: skip
    run.go([Arrival(1.0, name, batch) for name, batch in given.data.items()], 1.0)
    return [(time - 1.0, value) for time, value in run.course]
