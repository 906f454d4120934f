"""Usual examples -> their batch: strings are made of what is distinct alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from learners.features import Batch
from learners.features.entries import U64, pack
from learners.features.hashing import code
from learners.features.labels import index_labels
from learners.features.table import ranges
from learners.features.values import entries
from learners.types import AMOUNT, F64, I32, I64, NUMBER, U8
from service.settings import Settings
from service.web.cells import TEXT, distinct
from service.web.usual import Usual
from service.web.usual_loops import ID, LABEL, TASK

_value = msgspec.json.Decoder().decode
_NUMBERS = np.array([NUMBER], np.uint8)
_INTEGERS = 1 << 63


class Gathered(NamedTuple):
    """The batch of usual examples, and what else is known of them."""

    batch: Batch
    ids: list[str | None]  # of each; or none at all
    beyond: NDArray[np.bool_]  # (n,) which are beyond a limit


def gathered(text: bytes, of: Usual, limits: Settings, *, to_learn: bool) -> Gathered:
    """The batch of examples in a text that is UTF-8."""
    task, tasks = _distinct(text, of, TASK)
    counts, codes, values, kinds = _entries(text, of)
    packed, _ = pack(counts, codes, values, kinds, limits.bits)
    beyond = counts > limits.max_features
    long = [len(name) > limits.max_task_chars for name in tasks]
    if any(long):
        beyond |= np.array(long)[task]
    ids: list[str | None] = []
    if to_learn:
        label, labels = _distinct(text, of, LABEL)
        big = [isinstance(one, int) and not -_INTEGERS <= one < _INTEGERS for one in labels]
        if any(big):
            beyond |= np.array(big)[label]
        classes, known = index_labels(labels)
        label = known[label]
        begin, end = of.spans[:, ID], of.spans[:, ID + 1]
        if end.any():
            ids = [
                text[lo + 1 : hi - 1].decode() if hi > lo else None
                for lo, hi in zip(begin.tolist(), end.tolist(), strict=True)
            ]
            beyond |= [id is not None and len(id) > limits.max_id_chars for id in ids]
    else:
        classes, label = (), np.full(len(task), -1, np.int32)
    batch = Batch(
        tuple(tasks),
        task,
        *packed,
        classes,
        label,
        of.weights.astype(np.float32),
    )
    return Gathered(batch, ids, beyond)


def _distinct(text: bytes, of: Usual, part: int) -> tuple[I32, list[Any]]:
    """Each example's task or label by its number among the distinct ones; and these."""
    codes, texts, _ = distinct(text, of.spans[:, part], of.spans[:, part + 1])
    return codes, [_value(one) for one in texts]


def _entries(text: bytes, of: Usual) -> tuple[I64, U64, F64, U8]:
    """The entries of all examples, as `pack` takes them."""
    names = [text[lo:hi].decode() for lo, hi in of.named.tolist()]
    codes = np.array([code(name) for name in names], np.uint64)[of.names]
    if not len(of.texts):
        return of.counts, codes, of.values, _NUMBERS
    at, starts, ends = of.texts.T
    said, strings, _ = distinct(text, starts, ends)
    used, pair = np.unique(of.names[at] * len(strings) + said, return_inverse=True)
    found = [
        entries(names[name], _value(strings[string]))
        for name, string in zip(*(one.tolist() for one in divmod(used, len(strings))), strict=True)
    ]
    words = np.array([one for some in found for one, _, _ in some], np.uint64)
    many = np.fromiter(map(len, found), np.int64, len(found))
    times = np.ones(len(codes), np.int64)
    times[at] = many[pair]
    source = np.repeat(np.arange(len(codes)), times)
    texts = of.kinds[source] == TEXT
    codes = codes[source]
    codes[texts] = words[ranges((np.cumsum(many) - many)[pair], many[pair])]
    until = np.concatenate([np.zeros(1, np.int64), np.cumsum(times)])
    counts = np.diff(until[np.cumsum(of.counts)], prepend=0)
    return counts, codes, of.values[source], np.where(texts, AMOUNT, NUMBER).astype(np.uint8)
