"""Tasks whose curved boundary in the plane drifts from task to task, by its shape and by a turn.

The generator that ships with the decentralised ADMM for online multi-task classification: task i
differs a little from task i - 1, so near tasks are alike and far ones are not.
"""

from __future__ import annotations

import numpy as np

from streams.synthetic.problem import Problem, check_counts, signs


def rotated(*, tasks: int = 5, rounds: int = 10000, seed: int = 0) -> Problem:
    """Draw points of the plane, labelled by the side of each task's own curve they lie on.

    a_0 = (0, 1, 1, 1, 1) and turn_0 = 0; a_i = a_{i-1} + N(0, .1)^5, turn_i = turn_{i-1} +
    N(0, .1 pi/4). A point x ~ U(-3, 3)^2 is turned to x'; with s = x'_1 - a_0,
    h = a_1 sin s + a_2 sin 2s + a_3 cos s + a_4 cos 2s, the label is sign(x'_2 - h). The 9 features
    are the monomials x1, x2, x1 x2, x1^2, x2^2, x1^3, x2^3, x1 x2^2, x1^2 x2 of the point as it
    was, divided by their length.

    Returns:
        The problem; its truth has `shapes` (m, 5), `turns` (m,), `points` (T, m, 2).

    Raises:
        ValueError: a count below 1.
    """
    check_counts(tasks=tasks, rounds=rounds)
    rng = np.random.default_rng(seed)
    steps, twists = rng.normal(0, 0.1, (tasks, 5)), rng.normal(0, 0.1 * np.pi / 4, tasks)
    steps[0], twists[0] = (0, 1, 1, 1, 1), 0
    shapes, turns = steps.cumsum(axis=0), twists.cumsum()
    points = rng.uniform(-3, 3, size=(rounds, tasks, 2))
    x1, x2 = points[..., 0], points[..., 1]
    across = np.cos(turns) * x1 - np.sin(turns) * x2
    up = np.sin(turns) * x1 + np.cos(turns) * x2
    s, a = across - shapes[:, 0], shapes.T
    height = a[1] * np.sin(s) + a[2] * np.sin(2 * s) + a[3] * np.cos(s) + a[4] * np.cos(2 * s)
    monomials = (x1, x2, x1 * x2, x1**2, x2**2, x1**3, x2**3, x1 * x2**2, x1**2 * x2)
    X = np.stack(monomials, axis=2)
    X /= np.linalg.norm(X, axis=2, keepdims=True)
    y = signs(up - height)
    return Problem(X, y, y, {"shapes": shapes, "turns": turns, "points": points})
