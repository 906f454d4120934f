"""A matrix -> the batch of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from learners.features.entries import pack
from learners.features.examples import Batch
from learners.features.hashing import BITS, code
from learners.features.labels import index_labels
from learners.features.mappings import index_tasks
from learners.features.values import LARGEST
from learners.types import AMOUNT, NUMBER, Label


def from_arrays(
    task: Sequence[str],
    X: Any,
    y: Sequence[Label] | None = None,
    *,
    names: Sequence[str] | None = None,
    bag: str | None = None,
    bits: int = BITS,
) -> Batch:
    """A dense matrix (n, d) or a scipy CSR matrix -> the batch of its rows as mappings.

    Columns are named `names`, or x0, x1, ...; with `bag`, the entries are amounts of that bag (what
    a sparse matrix always is, by default the bag `x` of tokens 0, 1, ...). NaN in a dense matrix is
    a missing value.

    >>> from learners.features import Example, batch
    >>> a = from_arrays(["t"], np.array([[1.0, 2.0]]), [True])
    >>> b = batch([Example("t", {"x0": 1.0, "x1": 2.0}, True)])
    >>> bool((a.columns == b.columns).all() and (a.values == b.values).all())
    True
    """
    n, d = X.shape
    if len(task) != n or (y is not None and len(y) != n):
        raise ValueError(
            f"X: {n} rows, but {len(task)} tasks and {n if y is None else len(y)} labels"
        )
    sparse = hasattr(X, "tocsr")
    if sparse and bag is None:
        bag = "x"
    if names is None:
        names = [str(j) for j in range(d)] if bag else [f"x{j}" for j in range(d)]
    codes = np.array([code(f"{bag}={m}" if bag else m) for m in names], np.uint64)
    if sparse:
        X = X.tocsr()
        if not (np.abs(X.data) <= LARGEST).all():
            raise ValueError("X: holds NaN or more than 1e30; leave missing entries out")
        counts, at, values = np.diff(X.indptr).astype(np.int64), X.indices, X.data
    else:
        X = np.asarray(X)
        present = ~np.isnan(X)
        counts, (_, at), values = present.sum(1), np.nonzero(present), X[present]
        if not (np.abs(values) <= LARGEST).all():
            raise ValueError(
                "X: holds infinity or more than 1e30; clip it, or make it NaN if missing"
            )
    kinds = np.array([AMOUNT if bag else NUMBER], np.uint8)
    packed, _ = pack(counts, codes[at], values.astype(np.float64), kinds, bits)
    tasks, task_of = index_tasks(task)
    classes, label = index_labels([None] * n if y is None else y)
    return Batch(tasks, task_of, *packed, classes, label, np.ones(n, np.float32))
