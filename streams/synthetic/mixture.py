"""Tasks that are mixtures of a few shared components.

Federated multi-task learning under a mixture of distributions. Marfoq, Neglia, Bellet, Kameni and
Vidal, NeurIPS 2021 (FedEM): the paper's synthetic set, with as many examples for every task.
"""

from __future__ import annotations

import numpy as np

from streams.synthetic.problem import Problem, check_counts, signs


def mixture(
    *,
    tasks: int = 20,
    features: int = 20,
    components: int = 3,
    concentration: float = 0.4,
    noise: float = 0.1,
    rounds: int = 100,
    seed: int = 0,
) -> Problem:
    """Draw each example from one of a few shared components, in proportions of its task's own.

    theta_k ~ U[-1, 1]^d; shares of task i ~ Dirichlet(concentration); component k of an example
    ~ its task's shares; x ~ U[-1, 1]^d; y = sign(theta_k . x + N(0, noise)).

    Returns:
        The problem; its truth has `components` (d, M), `shares` (m, M), `component` (T, m).

    Raises:
        ValueError: a count below 1, a concentration not positive, a negative noise.
    """
    check_counts(tasks=tasks, features=features, components=components, rounds=rounds)
    if not concentration > 0:
        raise ValueError(f"concentration={concentration}: give a positive number")
    if noise < 0:
        raise ValueError(f"noise={noise}: give a standard deviation, 0 or more")
    rng = np.random.default_rng(seed)
    theta = rng.uniform(-1, 1, size=(features, components))
    shares = rng.dirichlet([concentration] * components, size=tasks)
    point = rng.random((rounds, tasks, 1))
    component = (point > np.cumsum(shares, axis=1)[:, :-1]).sum(axis=2)
    X = rng.uniform(-1, 1, size=(rounds, tasks, features))
    margin = np.einsum("tmd,dtm->tm", X, theta[:, component])
    y = signs(margin + noise * rng.normal(size=margin.shape))
    truth = {"components": theta, "shares": shares, "component": component}
    return Problem(X, y, signs(margin), truth)
