"""A batch as bytes, without pickle: what the journal holds.

What repeats is written once: a table's rows all have the same columns, and most weights are 1, so
that an example of 20 numbers takes 92 bytes rather than 210.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.features.examples import Batch
from learners.features.labels import check_label
from learners.features.mappings import HEAVIEST
from learners.types import CONSTANT

_DTYPES = [np.dtype(t) for t in ("i4", "i4", "u4", "f4", "u1", "i4", "f4")]
Array = NDArray[Any]


def to_bytes(one: Batch) -> bytes:
    """A batch as bytes."""
    counts = _first((one.indptr[1:] - one.indptr[:-1]).astype(np.int32), 1)
    period = int(counts[0]) if len(counts) == 1 else 0
    arrays = [
        one.task,
        counts,
        _first(one.columns, period),
        one.values,
        _first(one.kinds, period),
        one.label,
        _first(one.weight, 1),
    ]
    return tree.pack(arrays, {"tasks": one.tasks, "classes": one.classes})


def from_bytes(data: bytes) -> Batch:
    """The converse of `to_bytes`; ValueError when the bytes are not a batch."""
    arrays, about = tree.unpack(data)
    try:
        task, counts, columns, values, kinds, label, weight = arrays
        tasks, classes = about["tasks"], tuple(check_label(c) for c in about["classes"])
        n, m = len(task), len(values)
        whole = (
            [a.dtype for a in arrays] == _DTYPES
            and all(a.ndim == 1 for a in arrays)
            and all(isinstance(name, str) for name in tasks)
            and len(label) == n
        )
        period = int(counts[0]) if len(counts) == 1 else 0
        counts, weight = _whole(counts, 1, n), _whole(weight, 1, n)
        columns, kinds = _whole(columns, period, m), _whole(kinds, period, m)
        whole = (
            whole
            and bool((counts >= 0).all() and (counts <= m).all())
            and counts.sum() == m
            and bool(((task >= 0) & (task < len(tasks))).all())
            and bool(((label >= -1) & (label < len(classes))).all())
            and bool((kinds <= CONSTANT).all())
            and bool(np.isfinite(values).all())
            and bool(((weight >= 0) & (weight <= HEAVIEST)).all())
        )
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise ValueError(f"these {len(data)} bytes are not a batch: {error!r}") from error
    if not whole:
        raise ValueError(f"these {len(data)} bytes are not a batch: its parts disagree")
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return Batch(
        tuple(tasks), task, indptr, columns, values, kinds, classes, label, weight,
    )  # fmt: skip


def _first(array: Array, period: int) -> Array:
    """The beginning of an array that only repeats it, else the array."""
    if period and len(array) > period and not len(array) % period:
        if (array.reshape(-1, period) == array[:period]).all():
            return array[:period]
    return array


def _whole(array: Array, period: int, size: int) -> Array:
    """The converse of `_first`: an array of that size."""
    if len(array) == size:
        return array
    if not period or len(array) != period or size % period:
        raise ValueError(f"{len(array)} where {size} should be")
    return np.broadcast_to(array, (size // period, period)).reshape(-1)
