"""A batch as bytes, without pickle: what the journal holds.

What repeats is written once: a table's rows all have the same columns, and most weights are 1, so
that an example of 20 numbers takes 92 bytes rather than 210.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import Any

import msgspec
import numpy as np
from numba import njit, types

from learners.features.examples import Batch, renumber
from learners.features.labels import check_label, label_key
from learners.features.mappings import HEAVIEST
from learners.kernels import repeated
from learners.types import CONSTANT, F32, I64, U8, U32, Label

_DTYPES = [np.dtype(t) for t in ("<i4", "<i4", "<u4", "<f4", "u1", "<i4", "<f4")]
_WIDTHS = [dtype.itemsize for dtype in _DTYPES]
_HEAD = Struct("<4s8I")  # what it is; the bytes of the names; how long each of the arrays is
_MAGIC = b"KBT1"
_encode = json.JSONEncoder(separators=(",", ":")).encode  # made once: that costs more than its use


def to_bytes(one: Batch) -> bytes:
    """A batch as bytes: a head, the names of tasks and classes as JSON, the raw arrays."""
    even, same_columns, same_kinds, same_weight = alike(
        one.indptr, one.columns, one.kinds, one.weight
    )
    arrays: tuple[Any, ...] = (  # bytes of each, copied once
        one.task,
        (one.indptr[1:2] if even else np.diff(one.indptr)).astype(np.int32),
        one.columns[: one.indptr[1]] if same_columns else one.columns,
        one.values,
        one.kinds[: one.indptr[1]] if same_kinds else one.kinds,
        one.label,
        one.weight[:1] if same_weight else one.weight,
    )
    names = _encode((one.tasks, one.classes)).encode()
    head = _HEAD.pack(_MAGIC, len(names), *map(len, arrays))
    return b"".join([head, names, *arrays])


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
        except (TypeError, ValueError, StructError, msgspec.MsgspecError) as error:
            raise ValueError(f"these {len(data)} bytes are not a batch: {error!r}") from error
        sizes.append((n, len(names), len(labels)))
    task, counts, columns, values, kinds, label, weight = (
        np.frombuffer(bytearray().join(some), kind)
        for some, kind in zip(pieces, _DTYPES, strict=True)
    )
    of = np.array(sizes, np.int64).reshape(-1, 3)
    if not (
        (counts >= 0).all()
        and counts.sum(dtype=np.int64) == len(values)
        and (task >= 0).all()
        and renumber(task, of[:, 0], of[:, 1], np.array(to_task, np.int32))
        and renumber(label, of[:, 0], of[:, 2], np.array(to_class, np.int32))
        and (kinds <= CONSTANT).all()
        and np.isfinite(values).all()
        and ((weight >= 0) & (weight <= HEAVIEST)).all()
    ):
        raise ValueError(f"these {sum(map(len, packed))} bytes are not a batch: its parts disagree")
    indptr = np.zeros(len(task) + 1, np.int64)
    np.cumsum(counts, out=indptr[1:])
    return Batch(
        tuple(tasks),
        task,
        indptr,
        columns,
        values,
        kinds,
        tuple(key[1] for key in classes),
        label,
        weight,
    )


_names = msgspec.json.Decoder(tuple[list[str], list[Label]]).decode


def _take_apart(data: bytes, pieces: list[list[bytes]]) -> tuple[int, list[str], list[Label]]:
    """How many examples, and the names in them; each array's bytes go to its pieces, whole."""
    magic, size, *lengths = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise ValueError("it begins otherwise")
    at = _HEAD.size + size
    tasks, labels = _names(data[_HEAD.size : at])
    parts = []
    for length, width in zip(lengths, _WIDTHS, strict=True):
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
    return n, tasks, labels


def _read(kind: Any) -> Any:
    return types.Array(kind, 1, "C", readonly=True)


# Compiled, or loaded, when this is imported: no request waits for it.
_SIGNATURE = types.UniTuple(types.boolean, 4)(  # type: ignore[no-untyped-call]  # numba's
    *map(_read, (types.int64, types.uint32, types.uint8, types.float32))
)


@njit(_SIGNATURE, cache=True, nogil=True)
def alike(indptr: I64, columns: U32, kinds: U8, weight: F32) -> tuple[bool, bool, bool, bool]:
    """Whether all of several examples have as many entries, the same columns, kinds, and weight."""
    n, size = len(indptr) - 1, len(columns)
    if n < 2:
        return n == 1, False, False, False
    even, unlike = indptr[1] * n == size, False
    for i in range(n):
        even &= indptr[i + 1] - indptr[i] == indptr[1]
    for i in range(1, len(weight)):
        unlike |= weight[i] != weight[0]
    several = even and size == len(kinds)
    return (
        even, several and repeated(indptr, columns), several and repeated(indptr, kinds),
        not unlike,
    )  # fmt: skip
