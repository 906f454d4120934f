"""Examples whose features are mappings -> a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from learners.features.entries import Packed, pack
from learners.features.examples import Batch, Example
from learners.features.hashing import BITS, code
from learners.features.labels import index_labels
from learners.features.values import PLAIN, entries, number
from learners.types import F32, I32, I64, NUMBER

HEAVIEST = 1e6
_NUMBER = np.array([NUMBER], np.uint8)


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
    several = list(examples)
    tasks, features, labels, weights, _ = zip(*several, strict=True) if several else ((),) * 5
    return gather(tasks, features, labels, weights, bits)


def gather(
    tasks: Sequence[str],
    features: Sequence[Mapping[str, object]],
    labels: Sequence[object],
    weights: Sequence[float],
    bits: int = BITS,
    most: int | None = None,
) -> Batch:
    """The batch of n examples whose parts lie apart; a label may be None.

    Raises ValueError as `batch` does, and where an example has more than `most` entries.
    """
    names, task = index_tasks(tasks)
    packed = _pack(features, bits, most)
    classes, label = index_labels(labels)
    weight = check_weights(weights)
    return Batch(names, task, *packed, classes, label, weight)


def index_tasks(tasks: Sequence[object]) -> tuple[tuple[str, ...], I32]:
    """The names met, in order of appearance, and each task's index there."""
    try:
        distinct = dict.fromkeys(tasks)
    except TypeError:  # one cannot be hashed, so it is no name
        distinct = dict.fromkeys([next(t for t in tasks if not isinstance(t, str))])
    for name in distinct:
        if not isinstance(name, str) or not name:
            raise ValueError(f"task: {name!r} is not a name; give a string of 1 or more")
    to = {name: i for i, name in enumerate(distinct)}
    return tuple(to), np.fromiter(map(to.__getitem__, tasks), np.int32, len(tasks))  # type: ignore[arg-type]  # checked


def check_weights(weights: Sequence[float]) -> F32:
    """The weights, (n,); ValueError where one is not from 0 to a million."""
    if weights.count(1.0) == len(weights):
        return np.ones(len(weights), np.float32)
    found = np.array(weights, np.float64)
    good = (found >= 0) & (found <= HEAVIEST)
    if not good.all():
        wrong = weights[int(np.flatnonzero(~good)[0])]
        raise ValueError(f"weight: {wrong!r} is not a number from 0 to 1,000,000")
    return found.astype(np.float32)


def _pack(features: Sequence[Mapping[str, object]], bits: int, most: int | None) -> Packed:
    """The entries of all examples."""
    counts = np.fromiter(map(len, features), np.int64, len(features))
    values = list(chain.from_iterable([one.values() for one in features]))
    names = chain.from_iterable(features)
    if set(map(type, values)) <= PLAIN:
        _refuse_more(counts, most)
        codes = np.fromiter(map(code, names), np.uint64, len(values))
        try:
            packed, sound = pack(counts, codes, np.array(values, np.float64), _NUMBER, bits)
        except OverflowError:  # an integer beyond all floats
            sound = False
        if not sound:
            for name, value in zip(chain.from_iterable(features), values, strict=True):
                number(name, value)  # says which
    else:
        found = list(map(entries, names, values))
        times = np.fromiter(map(len, found), np.int64, len(found))
        ends = np.zeros(len(found) + 1, np.int64)
        np.cumsum(times, out=ends[1:])
        counts = np.diff(ends[np.cumsum(counts)], prepend=0)
        _refuse_more(counts, most)
        flat = list(chain.from_iterable(found))
        hashes, numbers, kinds = zip(*flat, strict=True) if flat else ((),) * 3
        packed, _ = pack(
            counts,
            np.array(hashes, np.uint64),
            np.array(numbers, np.float64),
            np.array(kinds, np.uint8),
            bits,
        )
    return packed


def _refuse_more(counts: I64, most: int | None) -> None:
    if most is not None and counts.max(initial=0) > most:
        raise ValueError(f"features: {counts.max()} entries, the limit is {most}")
