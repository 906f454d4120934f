"""The real sets as batches: one pass in seeded order, or in time's where they have it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from learners.features import Batch, from_arrays
from learners.types import F64, I64


def load(folder: Path, name: str, seed: int = 0) -> Batch:
    """A set of the uniform form, shuffled unless it is in time's order."""
    with np.load(folder / f"{name}.npz", allow_pickle=False) as z:
        if "X" in z:
            X = z["X"]
        else:
            parts = (z["X_data"], z["X_indices"], z["X_indptr"])
            X = sp.csr_matrix(parts, tuple(z["X_shape"]))
        y, task, timed = z["y"], z["task"], bool(z["time_ordered"])
    if not timed:
        order = np.random.default_rng(seed).permutation(len(y))
        X, y, task = X[order], y[order], task[order]
    return from_arrays([str(v) for v in task], X, [int(v) for v in y])


def yeast() -> Batch:
    """River's Yeast as 14 tasks: all of a gene in turn."""
    from river import datasets

    tasks, labels, values = [], [], []
    for x, y in datasets.Yeast():  # type: ignore[no-untyped-call]
        for task, label in y.items():
            tasks.append(task)
            labels.append(bool(label))
            values.append(list(x.values()))
    return from_arrays(tasks, np.array(values, float), labels, names=list(x))


def error(batch: Batch, said: F64, chosen: I64 | None = None) -> float:
    """Per cent of wrong answers (of the chosen examples)."""
    best = np.where(said.any(1), said.argmax(1), -1)
    wrong = best != batch.label
    return 100 * float(wrong.mean() if chosen is None else wrong[chosen].mean())


def price(n: int, switching: float) -> float:
    """-sum of ln(1 - a_s) over the first n examples of a task, a_s = max(1 / (s + 1), a)."""
    return -math.fsum(math.log1p(-max(1 / (s + 1), switching)) for s in range(1, n + 1))
