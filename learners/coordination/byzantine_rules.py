"""How a task weighs the models of its neighbours: pure functions, in the letters of the paper.

A task k has a phi_kl for each neighbour l and one, phi_kk, for itself; `weigh` makes the weights
a_kl of the combination from them, `combine` the combination. Weight 0 of an array is the task's
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
def weigh(own: float, others: F64, there: NDArray[np.bool_], rule: int) -> F64:
    """Weights a (1 + n): never negative, of sum 1, the task's own above 0.

    By loss: in proportion to 1 / phi, over those whose phi is not above the task's own. By distance
    the same without that filter; on average: all alike; none: the own alone. Who is not `there`, or
    whose phi is not finite, has weight 0.

    >>> weigh(0.4, np.array([0.2, 0.5, 0.2]), np.array([True, True, False]), LOSS).round(3).tolist()
    [0.333, 0.667, 0.0, 0.0]
    """
    n = len(others)
    a = np.zeros(1 + n)
    a[0] = 1.0 if rule == AVERAGE or rule == NONE else 1.0 / (own + GUARD)
    total = a[0]
    for m in range(n):
        # Written so that what is no number is never in.
        within = others[m] <= own if rule == LOSS else abs(others[m]) < np.inf
        if rule != NONE and there[m] and within:
            a[1 + m] = 1.0 if rule == AVERAGE else 1.0 / (others[m] + GUARD)
            total += a[1 + m]
    for m in range(1 + n):
        a[m] /= total
    return a


@compiled
def combine(a: F64, own: Any, others: Any) -> F64:
    """The combination of the own weights (d) and the others' (d, n), summed in order.

    Where no neighbour says anything but 0, the own stays: it is a column that nobody told of.
    """
    out = np.empty(len(own))
    for j in range(len(own)):
        told = False
        total = a[0] * np.float64(own[j])
        for m in range(others.shape[1]):
            if a[1 + m] > 0.0:
                told = told or others[j, m] != 0.0
                total += a[1 + m] * np.float64(others[j, m])
        out[j] = total if told else np.float64(own[j])
    return out
