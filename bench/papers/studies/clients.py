"""Clients whose examples come from shared components, and how much each one is answered right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.papers.studies.places import BITS
from learners.features import Batch, from_arrays
from learners.place import Place
from learners.types import F32, F64, I64
from streams.synthetic import generate

MOST = 1000  # examples of a client


class Examples(NamedTuple):
    """Examples of clients."""

    client: I64
    X: F32
    y: NDArray[np.bool_]

    def batch(self, order: I64 | None = None) -> Batch:
        """As a batch, in that order."""
        if order is None:
            order = np.arange(len(self.y))
        names = [f"client {k:03d}" for k in self.client[order]]
        return from_arrays(names, self.X[order], self.y[order].tolist(), bits=BITS)

    def some(self, chosen: NDArray[np.bool_]) -> Examples:
        """Those."""
        return Examples(self.client[chosen], self.X[chosen], self.y[chosen])


class Made(NamedTuple):
    """The synthetic set."""

    learnt: Examples
    asked: Examples
    theta: F64  # (3, d)
    pi: F64  # (clients, 3)


def made(clients: int = 300, features: int = 150, asked: int = 200, seed: int = 0) -> Made:
    """The paper's generator: from 50 to 1000 examples to learn, and those asked, by client."""
    drawn = generate("mixture", tasks=clients, features=features, rounds=MOST + asked, seed=seed)
    random = np.random.default_rng([seed, clients])
    counts = np.minimum(random.lognormal(4, 2, clients).astype(int) + 50, MOST)
    rounds = np.arange(MOST + asked)[:, None]

    def some(chosen: NDArray[np.bool_]) -> Examples:
        X, y = drawn.X[chosen].astype(np.float32), drawn.y[chosen] > 0
        return Examples(np.nonzero(chosen)[1], X, y)

    last = np.broadcast_to(rounds >= MOST, drawn.y.shape)
    theta, pi = drawn.truth["components"].T, drawn.truth["shares"]
    return Made(some(rounds < counts), some(last), theta, pi)


def right(place: Place, data: Examples) -> F64:
    """Per cent of right answers of each client, by expert."""
    said = place.score(data.batch()).probabilities.argmax(2)
    correct = np.array(place.classes)[said] == data.y[:, None]
    return per_client(correct, data)


def per_client(correct: NDArray[np.bool_], data: Examples) -> F64:
    """Per cent of right answers of each client, by column."""
    clients = np.unique(data.client)
    return np.stack([100 * correct[data.client == k].mean(0) for k in clients])


def summed(accuracy: F64) -> list[float]:
    """Mean and lowest decile over clients, of the column whose mean is best."""
    best = accuracy[:, accuracy.mean(0).argmax()]
    return [float(best.mean()), float(np.quantile(best, 0.1))]
