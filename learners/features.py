"""Examples as mappings, or columns of a data set -> a batch: hashed names, raw values.

A batch is what the journal holds, so nothing learnt is in it. The kinds of value an example's
features may have:

=====================  =======================================================================
number, boolean        one NUMBER column, `name`
string                 its words (casefolded), `name=word`, with counts; and, when it is a single
                       word, itself exactly where that differs (so `A+` and `A-` stay apart)
list of numbers        NUMBER columns `name[0]`, `name[1]`, ...
list of strings        a bag: AMOUNT columns `name=item`, with counts
mapping to numbers     a bag: AMOUNT columns `name=token`
None                   missing, like a name that is not there
=====================  =======================================================================

Every example has the CONSTANT column too, so no features at all are an example still: its task's
base rate is learnt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xxhash

from learners import tree
from learners.types import AMOUNT, CONSTANT, F32, I32, I64, NUMBER, U8, U32, Label

BITS = 20  # 2**20 feature ids: 1,000 names collide in one pair in a thousand
CONSTANT_ID = 0
_AMOUNTS = (int, float, np.number)
_NUMBERS = (*_AMOUNTS, np.bool_)
_WORD = re.compile(r"\w+")
_REMEMBER = 1 << 17  # names whose hash is remembered; a hostile stream of names cannot grow it


class Example(NamedTuple):
    """What travels: one example of one task. Without a label it asks for a prediction."""

    task: str
    features: Mapping[str, object]
    label: Label | None = None
    weight: float = 1.0
    id: str | None = None


class Batch(NamedTuple):
    """n examples as columns, in arrival order. Within an example, ids ascend."""

    tasks: tuple[str, ...]  # the names met, in order of appearance
    task: I32  # (n,) index into tasks
    indptr: I64  # (n + 1,)
    columns: U32  # (nnz,) feature ids below 2**bits
    values: F32  # (nnz,)
    kinds: U8  # (nnz,)
    classes: tuple[Label, ...]  # the labels met, in order of appearance
    label: I32  # (n,) index into classes, -1 where there is none
    weight: F32  # (n,)


_hashes: dict[str, int] = {}


def column(name: str, bits: int = BITS) -> int:
    """The id of a feature's name: the upper bits of its 64-bit xxHash; 0 is the constant's."""
    code = _hashes.get(name)
    if code is None:
        if len(_hashes) >= _REMEMBER:
            _hashes.clear()
        code = _hashes[name] = xxhash.xxh64_intdigest(name.encode("utf-8", "surrogatepass"))
    return (code >> (64 - bits)) or 1


def label_key(label: Label) -> tuple[str, Label]:
    """What tells labels apart: `true`, `1` and `"1"` are three, 1 and 1.0 are one."""
    if isinstance(label, bool):
        return "boolean", label
    if isinstance(label, str):
        return "string", label
    return "number", label


def check_label(label: object) -> Label:
    """The label as a plain Python scalar; ValueError names what it may be."""
    if isinstance(label, np.generic):
        label = label.item()
    if isinstance(label, str | bool | int):
        return label
    if isinstance(label, float) and math.isfinite(label):
        return int(label) if label.is_integer() else label
    if label is None:
        raise ValueError("label: null means no label; give a string, a number, true or false")
    raise ValueError(f"label: {label!r} is not a string, a finite number, true or false")


_HEAVIEST = 1e6
_LARGEST = 1e30  # its square, and the sum of a few, are still floats


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= _LARGEST:  # false for NaN too
        shown = repr(value) if len(repr(value)) < 40 else f"{repr(value)[:40]}..."
        raise ValueError(
            f"features.{name}: {shown} is not a number from -1e30 to 1e30; leave it out if missing"
        )
    return number


def entries(features: Mapping[str, object], bits: int = BITS) -> dict[int, tuple[float, int]]:
    """Column -> (value, kind) of one example; names that hash alike add up.

    >>> sorted(kind for _, kind in entries({"age": 3, "subject": "cheap cheap pills"}).values())
    [0, 1, 1, 2]

    Raises
    ------
    ValueError
        naming the feature, its value and what to give instead.
    """
    found: dict[int, tuple[float, int]] = {CONSTANT_ID: (1.0, CONSTANT)}

    def add(name: str, value: float, kind: int) -> None:
        c = column(name, bits)
        was = found.get(c)
        found[c] = (value, kind) if was is None else (was[0] + value, was[1])

    for name, value in features.items():
        if not isinstance(name, str):
            raise ValueError(f"features: the name {name!r} is not a string")
        if isinstance(value, _NUMBERS):
            add(name, _number(name, value), NUMBER)
        elif isinstance(value, str):
            words = _WORD.findall(value.casefold())
            if len(words) <= 1 and words != [value]:
                add(f"{name}={value}", 1.0, AMOUNT)
            for word in words:
                add(f"{name}={word}", 1.0, AMOUNT)
        elif isinstance(value, Mapping):
            for token, amount in value.items():
                if isinstance(amount, _AMOUNTS):
                    add(f"{name}={token}", _number(f"{name}.{token}", amount), AMOUNT)
                elif amount is not None:
                    raise ValueError(f"features.{name}.{token}: {amount!r} is not a number")
        elif isinstance(value, list | tuple | np.ndarray):
            for i, item in enumerate(value):
                if isinstance(item, str):
                    add(f"{name}={item}", 1.0, AMOUNT)
                elif isinstance(item, _NUMBERS):
                    add(f"{name}[{i}]", _number(f"{name}[{i}]", item), NUMBER)
                elif item is not None:
                    raise ValueError(
                        f"features.{name}[{i}]: {item!r} is neither a number nor a string"
                    )
        elif value is not None:
            raise ValueError(
                f"features.{name}: {value!r} is not a number, true, false, a string, a list, "
                "a mapping of tokens to numbers, or null"
            )
    return found


def batch(examples: Iterable[Example], bits: int = BITS) -> Batch:
    """Examples -> a batch.

    >>> b = batch([Example("alice", {"links": 3, "subject": "cheap pills"}, "spam")])
    >>> b.tasks, b.classes, len(b.columns)
    (('alice',), ('spam',), 4)

    Raises
    ------
    ValueError
        with the field, the offending value and the remedy; nothing is half done.
    """
    tasks: dict[str, int] = {}
    classes: dict[tuple[str, Label], int] = {}
    task, label, weight, indptr = [], [], [], [0]
    columns: list[int] = []
    values: list[float] = []
    kinds: list[int] = []
    for example in examples:
        name: object = example.task  # from outside: it may be anything
        if not isinstance(name, str) or not name:
            raise ValueError(f"task: {example.task!r} is not a name; give a string of 1 or more")
        found = entries(example.features, bits)
        for c in sorted(found):
            value, kind = found[c]
            columns.append(c)
            values.append(value)
            kinds.append(kind)
        if example.label is None:
            label.append(-1)
        else:
            key = label_key(check_label(example.label))
            label.append(classes.setdefault(key, len(classes)))
        if not (math.isfinite(example.weight) and 0 <= example.weight <= _HEAVIEST):
            raise ValueError(f"weight: {example.weight!r} is not a number from 0 to 1,000,000")
        task.append(tasks.setdefault(example.task, len(tasks)))
        weight.append(example.weight)
        indptr.append(len(columns))
    return Batch(
        tuple(tasks),
        np.array(task, np.int32),
        np.array(indptr, np.int64),
        np.array(columns, np.uint32),
        np.array(values, np.float32),
        np.array(kinds, np.uint8),
        tuple(key[1] for key in classes),
        np.array(label, np.int32),
        np.array(weight, np.float32),
    )


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
    a sparse matrix always is, by default the bag `x` of tokens 0, 1, ...).

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
    ids = np.array([column(f"{bag}={m}" if bag else m, bits) for m in names], np.uint32)
    if sparse:
        X = X.tocsr()
        counts = np.diff(X.indptr)
        if not (np.abs(X.data) <= _LARGEST).all():
            raise ValueError("X: holds NaN or more than 1e30; leave missing entries out")
        values, columns = X.data.astype(np.float64), ids[X.indices]
    else:
        X = np.asarray(X)
        present = ~np.isnan(X)
        if (np.abs(X[present]) > _LARGEST).any():
            raise ValueError(
                "X: holds infinity or more than 1e30; clip it, or make it NaN if missing"
            )
        counts = present.sum(1)
        values = X[present].astype(np.float64)
        columns = np.broadcast_to(ids, X.shape)[present]
    row = np.repeat(np.arange(n), counts)
    columns = np.concatenate([columns, np.full(n, CONSTANT_ID, np.uint32)])
    values = np.concatenate([values, np.ones(n)])
    kinds = np.full(len(values), AMOUNT if bag else NUMBER, np.uint8)
    kinds[len(row) :] = CONSTANT
    row = np.concatenate([row, np.arange(n)])
    order = np.lexsort((columns, row))
    row, columns, values, kinds = row[order], columns[order], values[order], kinds[order]
    if len(row):  # names that hash alike add up, as in `entries`
        start = np.flatnonzero(np.r_[True, (row[1:] != row[:-1]) | (columns[1:] != columns[:-1])])
        values = np.add.reduceat(values, start)
        row, columns, kinds = row[start], columns[start], kinds[start]
    tasks = {name: i for i, name in enumerate(dict.fromkeys(task))}
    classes: dict[tuple[str, Label], int] = {}
    if y is None:
        label = np.full(n, -1, np.int32)
    else:
        keys = [label_key(check_label(v)) for v in y]
        label = np.array([classes.setdefault(k, len(classes)) for k in keys], np.int32)
    return Batch(
        tuple(tasks),
        np.array([tasks[name] for name in task], np.int32),
        np.searchsorted(row, np.arange(n + 1)).astype(np.int64),
        columns.astype(np.uint32),
        values.astype(np.float32),
        kinds,
        tuple(key[1] for key in classes),
        label,
        np.ones(n, np.float32),
    )


def join(batches: Sequence[Batch]) -> Batch:
    """Batches end to end, in order: the batch that all their examples together would have made."""
    if len(batches) == 1:
        return batches[0]
    tasks: dict[str, int] = {}
    classes: dict[tuple[str, Label], int] = {}
    task, label, indptr, at = [], [], [np.zeros(1, np.int64)], 0
    for one in batches:
        to = np.array([tasks.setdefault(name, len(tasks)) for name in one.tasks] or [0], np.int32)
        task.append(to[one.task])
        into = [classes.setdefault(label_key(c), len(classes)) for c in one.classes]
        label.append(np.array([*into, -1], np.int32)[one.label])
        indptr.append(one.indptr[1:] + at)
        at += int(one.indptr[-1])
    return Batch(
        tuple(tasks),
        np.concatenate(task),
        np.concatenate(indptr),
        np.concatenate([one.columns for one in batches]),
        np.concatenate([one.values for one in batches]),
        np.concatenate([one.kinds for one in batches]),
        tuple(key[1] for key in classes),
        np.concatenate(label),
        np.concatenate([one.weight for one in batches]),
    )


def to_bytes(one: Batch) -> bytes:
    """A batch as bytes, without pickle."""
    arrays = [a for a in one if isinstance(a, np.ndarray)]
    return tree.pack(arrays, {"tasks": one.tasks, "classes": one.classes})


_DTYPES = [np.dtype(t) for t in ("i4", "i8", "u4", "f4", "u1", "i4", "f4")]


def from_bytes(data: bytes) -> Batch:
    """The converse of `to_bytes`; ValueError when the bytes are not a batch."""
    arrays, about = tree.unpack(data)
    try:
        task, indptr, columns, values, kinds, label, weight = arrays
        tasks, classes = about["tasks"], tuple(check_label(c) for c in about["classes"])
        whole = (
            [a.dtype for a in arrays] == _DTYPES
            and all(a.ndim == 1 for a in arrays)
            and all(isinstance(name, str) for name in tasks)
            and len(task) == len(indptr) - 1 == len(label) == len(weight)
            and len(columns) == len(values) == len(kinds) == indptr[-1]
            and indptr[0] == 0
            and (np.diff(indptr) >= 0).all()
            and ((task >= 0) & (task < len(tasks))).all()
            and ((label >= -1) & (label < len(classes))).all()
            and (kinds <= CONSTANT).all()
            and np.isfinite(values).all()
            and ((weight >= 0) & (weight <= _HEAVIEST)).all()
        )
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise ValueError(f"these {len(data)} bytes are not a batch: {error!r}") from error
    if not whole:
        raise ValueError(f"these {len(data)} bytes are not a batch: its parts disagree")
    return Batch(
        tuple(tasks), task, indptr, columns, values, kinds, classes, label, weight,
    )  # fmt: skip
