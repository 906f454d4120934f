"""A batch as bytes, without pickle: what the journal holds.

What repeats is written once: a table's rows all have the same columns, and most weights are 1, so
that an example of 20 numbers takes 92 bytes rather than 210.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.features.examples import Batch
from learners.features.labels import check_label, label_key
from learners.features.mappings import HEAVIEST
from learners.types import CONSTANT, Label

_DTYPES = [np.dtype(t) for t in ("i4", "i4", "u4", "f4", "u1", "i4", "f4")]
_KINDS = [dtype.str for dtype in _DTYPES]
_WIDTHS = [dtype.itemsize for dtype in _DTYPES]
_SIZE = 8  # bytes that tell the head's length, as in `tree.pack`
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
    return joined([data])


def joined(packed: Sequence[bytes]) -> Batch:
    """The batch of packed ones end to end: `join` of them all, without making each by itself.

    Raises ValueError when some bytes are not a batch.
    """
    tasks: dict[str, int] = {}
    classes: dict[tuple[str, Label], int] = {}
    to_task: list[int] = []
    to_class: list[int] = []
    sizes: list[tuple[int, int, int]] = []  # of each: examples, tasks, classes
    pieces: list[list[bytes]] = [[] for _ in _DTYPES]
    for data in packed:
        try:
            n, names, labels = _take_apart(data, pieces)
            to_task += [tasks.setdefault(name, len(tasks)) for name in names]
            to_class += [
                classes.setdefault(label_key(check_label(label)), len(classes)) for label in labels
            ]
        except (TypeError, ValueError, IndexError, msgspec.MsgspecError) as error:
            raise ValueError(f"these {len(data)} bytes are not a batch: {error!r}") from error
        sizes.append((n, len(names), len(labels)))
    task, counts, columns, values, kinds, label, weight = (
        np.frombuffer(bytearray().join(some), kind)
        for some, kind in zip(pieces, _DTYPES, strict=True)
    )
    of = np.array(sizes, np.int64).reshape(-1, 3)
    known = np.repeat(of[:, 1:], of[:, 0], axis=0)  # how many tasks and classes each example's had
    before = np.repeat(np.cumsum(of, axis=0)[:, 1:] - of[:, 1:], of[:, 0], axis=0)
    if not (
        (counts >= 0).all()
        and counts.sum(dtype=np.int64) == len(values)
        and ((task >= 0) & (task < known[:, 0])).all()
        and ((label >= -1) & (label < known[:, 1])).all()
        and (kinds <= CONSTANT).all()
        and np.isfinite(values).all()
        and ((weight >= 0) & (weight <= HEAVIEST)).all()
    ):
        raise ValueError(f"these {sum(map(len, packed))} bytes are not a batch: its parts disagree")
    indptr = np.zeros(len(task) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return Batch(
        tuple(tasks),
        np.array([*to_task, 0], np.int32)[task + before[:, 0]],
        indptr,
        columns,
        values,
        kinds,
        tuple(key[1] for key in classes),
        np.array([*to_class, -1], np.int32)[np.where(label < 0, -1, label + before[:, 1])],
        weight,
    )


class _About(msgspec.Struct):
    tasks: list[str]
    classes: list[Label]


class _Head(msgspec.Struct):
    """What `tree.pack` writes in front of a batch's arrays."""

    arrays: list[tuple[str, list[int]]]
    about: _About


_head = msgspec.json.Decoder(_Head).decode


def _take_apart(data: bytes, pieces: list[list[bytes]]) -> tuple[int, list[str], list[Label]]:
    """How many examples, and the names in them; each array's bytes go to its pieces, whole."""
    at = _SIZE + int.from_bytes(data[:_SIZE], "little")
    head = _head(data[_SIZE:at])
    if [kind for kind, _ in head.arrays] != _KINDS:
        raise ValueError("it has other arrays")
    lengths = [length for _, (length,) in head.arrays]
    parts = []
    for length, width in zip(lengths, _WIDTHS, strict=True):
        if length < 0:
            raise ValueError(f"an array of {length}")
        parts.append(data[at : (at := at + length * width)])
    if at != len(data):
        raise ValueError(f"{len(data)} bytes, where {at} should be")
    n, m = lengths[0], lengths[3]
    period = int.from_bytes(parts[1], "little", signed=True) if lengths[1] == 1 else 0
    periods, wanted = (n, 1, period, m, period, n, 1), (n, n, m, m, m, n, n)
    for part, length, once, size, some in zip(parts, lengths, periods, wanted, pieces, strict=True):
        if length != size and (length != once or once <= 0 or size % once):
            raise ValueError(f"an array of {length}, where {size} should be")
        some.append(part if length == size else part * (size // length))
    return n, head.about.tasks, head.about.classes


def _first(array: Array, period: int) -> Array:
    """The beginning of an array that only repeats it, else the array."""
    if period and len(array) > period and not len(array) % period:
        if (array.reshape(-1, period) == array[:period]).all():
            return array[:period]
    return array
