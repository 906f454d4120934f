"""Tasks with a linear boundary each: rounds of examples, label noise and drift over drawn weights.

With `steepness=0` the set-up of the reference figures for online multi-task learning: rows of
length 1, y = sign(w . x), flipped with probability `flip`. With a steepness s the set-up of those
for federated learning: x ~ N(0, I), P(y = 1) = 1 / (1 + exp(-s w . x)); s = 6 is the logistic
model 2 x . w with weights of length 3.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from streams.synthetic.problem import (
    Floats,
    Problem,
    check_choice,
    check_counts,
    check_shares,
    signs,
    some_tasks,
)

DRIFTS = ("none", "abrupt", "gradual")


class Weights(Protocol):
    """Draws the weights (d, m) of m tasks over d features."""

    def __call__(self, rng: np.random.Generator, d: int, m: int, /) -> Floats:
        """Draw them."""


def linear(
    draw: Weights,
    *,
    tasks: int = 16,
    features: int = 50,
    rounds: int = 2000,
    flip: float = 0.1,
    noisy_tasks: float = 0.0,
    noisy_flip: float = 0.4,
    steepness: float = 0.0,
    drift: str = "none",
    seed: int = 0,
) -> Problem:
    """Draw rounds of examples whose labels follow the drawn weights.

    A share `noisy_tasks` of the tasks has its labels flipped with probability `noisy_flip`. Under
    drift a second set of weights takes over: at once half way (`abrupt`), or little by little over
    the middle third of the rounds (`gradual`). Noise and drift have random numbers of their own:
    the features of one seed are the same with and without them.

    The arrays are held whole: rounds x tasks x features x 8 bytes.

    Returns:
        The problem; its truth has `weights` (d, m), `later` (d, m) under drift, `noisy` (m,).

    Raises:
        ValueError: a count below 1, a share outside [0, 1], an unknown drift.
    """
    check_counts(tasks=tasks, features=features, rounds=rounds)
    check_shares(flip=flip, noisy_tasks=noisy_tasks, noisy_flip=noisy_flip)
    check_choice("drift", drift, DRIFTS)
    if steepness < 0:
        raise ValueError(f"steepness={steepness}: give 0 for a sharp boundary, or a positive slope")
    rng = np.random.default_rng(seed)
    truth = {"weights": draw(rng, features, tasks)}
    X = rng.normal(size=(rounds, tasks, features))
    if steepness == 0:
        X /= np.linalg.norm(X, axis=2, keepdims=True)
    margin = _margin(X, truth["weights"])
    if drift != "none":
        truth["later"] = draw(np.random.default_rng([seed, 1]), features, tasks)
        share = _share_of_later(drift, rounds)
        margin = (1 - share) * margin + share * _margin(X, truth["later"])
    noisy = some_tasks(tasks, noisy_tasks, np.random.default_rng([seed, 2]))
    rate = np.where(noisy, noisy_flip, flip)
    if steepness > 0:
        doubt = 1 / (1 + np.exp(steepness * np.abs(margin)))
        rate = rate + doubt - 2 * rate * doubt  # one of the two, not both
    clean = signs(margin)
    y = np.where(rng.random((rounds, tasks)) < rate, -clean, clean)
    return Problem(X, y, clean, {**truth, "noisy": noisy})


def _margin(X: Floats, weights: Floats) -> Floats:
    margin: Floats = np.einsum("tmd,dm->tm", X, weights)
    return margin


def _share_of_later(drift: str, rounds: int) -> Floats:
    """How much of the later weights is in force in each round; (rounds, 1)."""
    t = np.arange(rounds)[:, None] / rounds
    return np.where(t < 0.5, 0.0, 1.0) if drift == "abrupt" else np.clip(3 * t - 1, 0.0, 1.0)
