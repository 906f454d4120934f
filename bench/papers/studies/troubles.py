"""Nodes that are slow, or drop out of rounds, and what `mocha` makes of its objective then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.papers.studies.occasions import Rounds
from learners.coordination.mocha import mocha
from learners.types import F64


class Trouble(NamedTuple):
    """What nodes are like."""

    least: float = 1.0  # passes over its data that a node has time for in a round
    most: float = 1.0
    drop: float = 0.0  # probability to be dropped from a round
    first: float = 0.0  # that of the first node


class Network:
    """Tasks at nodes that are slow or drop out; how they are related is given.

    Parameters
    ----------
    X, y, task
        (n, d), (n,) and (n,): examples, whether they are positive, and the names of their tasks
    """

    RIDGE, S = 0.03, 0.5  # S: how much two tasks are alike

    def __init__(self, X: F64, y: NDArray[np.bool_], task: NDArray[np.str_], seed: int = 0) -> None:
        self.X = (X - X.mean(0)) / np.where(X.std(0) > 0, X.std(0), 1.0)
        self.y, self.task, self.seed = y, task.tolist(), seed
        self.tasks, self.counts = np.unique(task, return_counts=True)

    def objectives(self, trouble: Trouble, after: Sequence[int], steps: int = 4) -> list[float]:
        """The primal objective after so many rounds, of so many steps an occasion."""
        random = np.random.default_rng(self.seed)
        strategy = mocha(
            (self.RIDGE,), self.S, loss="hinge", work=(steps, steps),
            window=int(self.counts.max()),
        )  # fmt: skip
        net = Rounds(strategy, self.X, self.y, self.task)
        out = []
        for n in range(1, after[-1] + 1):
            share = random.uniform(trouble.least, trouble.most, len(self.tasks))
            drop = np.full(len(self.tasks), trouble.drop)
            drop[0] = trouble.first
            there = random.random(len(self.tasks)) >= drop
            times = np.ceil(share * self.counts / steps).astype(int) * there
            net.round(dict(zip(self.tasks.tolist(), times.tolist(), strict=True)))
            if n in after:
                out.append(self.primal(net))
        return out

    def primal(self, net: Rounds) -> float:
        """Mean hinge losses over windows, and the penalty, summed over tasks."""
        W, T = net.models()[..., 0], len(self.tasks)
        covariance = (1 - self.S) * np.eye(T) + self.S
        penalty = self.RIDGE / 2 * float(np.sum(W * np.linalg.solve(covariance, W)))
        margins = net.margins(self.X, self.task) * np.where(self.y, 1, -1)
        return float(np.maximum(0, 1 - margins).sum()) / int(self.counts.max()) + penalty
