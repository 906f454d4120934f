"""FedEM as it is written, every margin of every example kept made anew: the oracle of the fast."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
U64 = 2**64


class Run(NamedTuple):
    """What a run left."""

    said: Array  # (n,) probability of class 1 before each update
    theta: Array  # (M, d)
    pi: Array  # (tasks, M)
    N: Array  # (M,)


def drawn(name: int, feature: int, component: int) -> float:
    """A number in [-1, 1): splitmix64 of the three, in Python's whole numbers."""
    x = (name + feature * 0x9E3779B97F4A7C15) % U64
    x ^= ((component + 1) * 0xD1B54A32D192ED03) % U64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) % U64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) % U64
    return ((x ^ (x >> 31)) >> 11) / 2.0**52 - 1.0


def chance(margin: Array) -> Array:
    p: Array = 1.0 / (1.0 + np.exp(-margin))
    return p


def floored(shares: Array, floor: float) -> Array:
    raised: Array = np.maximum(shares, floor)
    return raised / float(raised.sum())


def plain(
    X: Array,
    y: NDArray[np.bool_],
    task: NDArray[np.int64],
    weights: Array,
    start: Array,
    rate: float,
    *,
    keep: int,
    by_mass: bool,
    floor: float,
) -> Run:
    """Two classes, steps not tempered; examples X (n, d).

    Components begin at `start` (M, d) in a feature once it comes with both classes known.
    """
    M, d = start.shape
    theta, g, N = np.zeros((M, d)), np.zeros((M, d)), np.zeros(M)
    pi = np.full((task.max() + 1, M), 1.0 / M)
    known = np.zeros((len(pi), M, d))  # theta as each task last met its features
    counts, begun = np.zeros(len(pi)), np.zeros(d, bool)
    said = np.zeros(len(X))
    both = int(np.argmax(y != y[0]))  # position of the first example of the second class
    for i, (x, label, t) in enumerate(zip(X, y, task, strict=True)):
        said[i] = pi[t] @ chance(theta @ x)
        if i >= both:
            theta += start * (~begun & (x != 0))
            begun |= x != 0
        known[t][:, x != 0] = theta[:, x != 0]
        mine = [j for j in range(i + 1) if task[j] == t][-keep:] if keep else [i]
        agree = np.where(y[mine], 1.0, -1.0) * (known[t] @ X[mine].T)  # (M, examples)
        q = pi[t][:, None] * chance(agree)
        q /= q.sum(0)
        if keep:
            pi[t] = floored(q @ weights[mine] / weights[mine].sum(), floor)
        else:
            pi[t] = floored(pi[t] + (counts[t] + 2) ** -0.6 * (q[:, -1] - pi[t]), floor)
        counts[t] += 1
        answers = weights[i] * q[:, -1]
        if i >= both:
            away = (chance(theta @ x) - label) * answers
            grad = away[:, None] * x
            g += grad**2
            by = (1 / np.sqrt(1 + N / 50))[:, None] if by_mass else 1 / np.sqrt(g + 0.01)
            theta -= rate * grad * by
        N += answers
    return Run(said, theta, pi, N)
