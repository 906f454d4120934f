"""The two-phase study: noisy linear tasks, of which each node of a network meets one a round."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.papers.studies.nodes import Array, Network
from learners.types import Strategy

PAPER: dict[str, Any] = {"loss": "hinge", "step": "sqrt"}


class Stream(NamedTuple):
    """An example a round for each of N nodes."""

    X: Array  # (T, N, d)
    k: NDArray[np.int64]  # (T, N) its task
    Y: Array  # (T, N) in {-1, 1}
    U: Array  # (K, d) the truth


def stream(
    seed: int, spread: float, T: int = 2000, N: int = 8, K: int = 5, d: int = 30, flip: float = 0.05
) -> Stream:
    """Tasks c + spread * noise, of length 1; rows of length 1; labels flipped now and then."""
    r = np.random.default_rng(seed)
    U = r.normal(size=d) + spread * r.normal(size=(K, d))
    U /= np.linalg.norm(U, axis=1, keepdims=True)
    X = r.normal(size=(T, N, d))
    X /= np.linalg.norm(X, axis=2, keepdims=True)
    k = r.integers(K, size=(T, N))
    Y = np.where(np.einsum("tnd,tnd->tn", X, U[k]) >= 0, 1.0, -1.0)
    return Stream(X, k, np.where(r.random(Y.shape) < flip, -Y, Y), U)


class Run:
    """The strategy on a stream: a meeting after each round, unless there is no network.

    `margins` (T, N, rates) are from before each update.
    """

    def __init__(self, strategy: Strategy, s: Stream, P: Array | None) -> None:
        T, N, d = s.X.shape
        K = len(s.U)
        self.net = Network(strategy, N, K, d)
        for bank in self.net.banks:  # all hold all tasks from the start, as in the paper
            bank.agreed.known[1:] = 1
            bank.here.tasks[:] = K
        self.margins = np.zeros((T, N, len(strategy.experts)))
        for t in range(T):
            for i in range(N):
                k = int(s.k[t, i])
                model = strategy.model(self.net.banks[i], np.array([k + 1]))[0, 1:, 0]
                self.margins[t, i] = s.X[t, i] @ model
                self.net.learn(i, k, s.X[t, i], int(s.Y[t, i] > 0))
            if P is not None:
                self.net.meet(P)

    def errors(self, s: Stream) -> Array:
        """Share of wrong answers, at each of the strategy's rates."""
        wrong: Array = (np.where(self.margins >= 0, 1.0, -1.0) != s.Y[..., None]).mean((0, 1))
        return wrong
