"""How a task weighs the models of its neighbours: pure functions, in the letters of the paper.

A task k has a phi_kl for each neighbour l and one, phi_kk, for itself; `weigh` makes the weights
a_kl of the combination from them, `combine` the combination. The first of an array is the task's
own; the others follow in the order of its neighbours.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from learners.kernels import compiled
from learners.types import F64

Rule = Literal["loss", "average", "distance", "none"]
LOSS, AVERAGE, DISTANCE, NONE = range(4)
RULES: dict[Rule, int] = {"loss": LOSS, "average": AVERAGE, "distance": DISTANCE, "none": NONE}
GUARD = 1e-12  # added to phi, which may be 0, before it is divided by


@compiled
def accumulate(phi: Any, loss: Any, nu: float) -> Any:
    """phi, a number or many, with a loss taken in: (1 - nu) phi + nu loss.

    >>> accumulate(1.0, 0.5, 0.1)
    0.95
    """
    return (1.0 - nu) * phi + nu * loss


@compiled
def weigh(phi: F64, there: NDArray[np.bool_], rule: int) -> F64:
    """Weights a (n) of sum 1, never negative, the task's own, the first, above 0.

    By loss: in proportion to 1 / phi, over those whose phi is not above the task's own. By distance
    the same without that filter; on average: all alike; none: the own alone. Who is not `there`, or
    whose phi is not finite, has weight 0.

    >>> weigh(np.array([0.4, 0.2, 0.5]), np.array([True, True, True]), LOSS).round(3).tolist()
    [0.333, 0.667, 0.0]
    """
    a = np.zeros(len(phi))
    a[0] = 1.0 if rule == AVERAGE or rule == NONE else 1.0 / (phi[0] + GUARD)
    total = a[0]
    for m in range(1, len(phi)):
        # Written so that what is no number is never in.
        within = phi[m] <= phi[0] if rule == LOSS else abs(phi[m]) < np.inf
        if rule != NONE and there[m] and within:
            a[m] = 1.0 if rule == AVERAGE else 1.0 / (phi[m] + GUARD)
            total += a[m]
    for m in range(len(phi)):
        a[m] /= total
    return a


@compiled
def combine(a: F64, models: Any) -> F64:
    """The combination of models (n, d): summed in order.

    >>> combine(np.array([0.25, 0.75]), np.array([[4.0, 0.0], [0.0, 4.0]])).tolist()
    [1.0, 3.0]
    """
    out = np.zeros(models.shape[1])
    for m in range(len(a)):
        if a[m] > 0.0:  # what has no weight may be no number
            for j in range(len(out)):
                out[j] += a[m] * np.float64(models[m, j])
    return out
