"""What can be wrong with data: features far out, tasks that lie. Problem in, problem out."""

from __future__ import annotations

import numpy as np

from streams.synthetic.problem import Problem, check_choice, check_shares, some_tasks

LIES = ("flip", "scale")


def with_outliers(
    problem: Problem, *, outliers: float = 0.0, outlier_factor: float = 10.0, seed: int = 0
) -> Problem:
    """Multiply the features of a share of all examples, and flip their labels.

    Truth gains `outliers` (T, m) bool.

    Raises:
        ValueError: the share is outside [0, 1].
    """
    check_shares(outliers=outliers)
    X, y, clean, truth = problem
    hit = np.random.default_rng([seed, 3]).random(y.shape) < outliers
    factor = np.where(hit, outlier_factor, 1.0)[:, :, None]
    return Problem(X * factor, np.where(hit, -y, y), clean, {**truth, "outliers": hit})


def with_liars(
    problem: Problem, *, liars: float = 0.0, lie: str = "scale", seed: int = 0
) -> Problem:
    """Let a share of the tasks lie: `flip` all their labels, or `scale` half their rows by 1e6.

    Truth gains `liars` (m,) bool and `lies` (T, m) bool.

    Raises:
        ValueError: the share is outside [0, 1], or the lie unknown.
    """
    check_shares(liars=liars)
    check_choice("lie", lie, LIES)
    X, y, clean, truth = problem
    rng = np.random.default_rng([seed, 4])
    who = some_tasks(y.shape[1], liars, rng)
    lies = np.broadcast_to(who, y.shape).copy()
    if lie == "flip":
        y = np.where(lies, -y, y)
    else:
        lies &= rng.random(y.shape) < 0.5
        X = X * np.where(lies, 1e6, 1.0)[:, :, None]
    return Problem(X, y, clean, {**truth, "liars": who, "lies": lies})
