"""DROM's study as the tests look at it: matrices by the names of columns and tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners.coordination.drom_kernels import chance
from learners.features import column
from learners.place import Place
from tests.learners.drom_plain import Array


def start(d: int = 50) -> Array:
    """The direction that a meeting begins with: by the order of the columns' ids."""
    u = np.zeros(d)
    u[np.argsort([column(f"x{j}", 14) for j in range(d)])] = [
        (chance(0, j) - 0.5) / np.sqrt(d) for j in range(d)
    ]
    return u


def by_name(place: Place, leaf: Any) -> Array:
    """A leaf (t, d, 1, 1) as (d, m): columns x0, x1, ... and tasks in order, signed for True."""
    ids = np.array([column(f"x{j}", 14) for j in range(50)], np.uint32)
    rows = place._tasks.rows(place.tasks)
    sign = 1.0 if place.classes.index(True) == 1 else -1.0
    flat = np.asarray(leaf, np.float64)[rows][:, place._columns.find(ids), 0, 0]
    named: Array = sign * flat.T
    return named


def model(place: Place) -> Array:
    everyone = np.arange(len(place.bank.own.v))
    return by_name(place, place.strategy.model(place.bank, everyone))


def singular(one: NDArray[Any]) -> NDArray[Any]:
    return np.linalg.svd(one, compute_uv=False)
