"""The study that DROM's figures are of, and places that learn it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners.coordination.drom_kernels import chance
from learners.features import Batch, column, from_arrays
from learners.place import Place
from learners.types import CONSTANT, Strategy
from streams.synthetic import generate
from tests.learners.drom_plain import Array

PAPER: dict[str, Any] = {"loss": "hinge", "step": "sqrt", "dual_step": "sqrt"}


def start(d: int = 50) -> Array:
    """The direction that a meeting begins with: by the order of the columns' ids."""
    u = np.zeros(d)
    u[np.argsort([column(f"x{j}", 14) for j in range(d)])] = [
        (chance(0, j) - 0.5) / np.sqrt(d) for j in range(d)
    ]
    return u


def problem(
    seed: int, rounds: int = 2000, flip: float = 0.1, kind: str = "lowrank"
) -> tuple[Array, Array]:
    """The study's generator: 16 tasks of rank 2 in 50 dimensions, X (T, m, d) and Y (T, m)."""
    made = generate(kind, rounds=rounds, flip=flip, seed=seed)
    return made.X, made.y.astype(np.float64)


def rounds(X: Array, Y: Array, tasks: NDArray[np.int64] | None = None) -> Batch:
    """One example of each task in turn, without the constant column, which the paper has not."""
    T, m, d = X.shape
    names = [f"task {i:02d}" for _ in range(T) for i in (range(m) if tasks is None else tasks)]
    one = from_arrays(names, X.reshape(-1, d), (Y.ravel() > 0).tolist(), bits=14)
    kept = one.kinds != CONSTANT
    ends = np.concatenate([[0], np.cumsum(kept)])[one.indptr]
    return one._replace(
        indptr=ends, columns=one.columns[kept], values=one.values[kept], kinds=one.kinds[kept]
    )


def learnt(strategy: Strategy, X: Array, Y: Array, every: int = 1, lag: int = 0) -> Place:
    """A place that learnt them, meeting after that many rounds."""
    place = Place(strategy, bits=14, period=every * X.shape[1], lag=lag, thrift=0)
    place.learn(rounds(X, Y))
    return place


def error(place: Place) -> float:
    return float(place.progress.errors[:, 0].sum() / place.progress.counts.sum())


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
