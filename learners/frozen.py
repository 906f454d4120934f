"""Rows of tasks as bytes of their own, and back: what leaves memory and returns to it (`cold`).

What is 0 of a feature is left out. Rows are frozen and thawed together, leaf by leaf: there are
many leaves, and of each task little in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from learners import tree
from learners.layout import live
from learners.tree import Array
from learners.types import I64, U8

if TYPE_CHECKING:
    from learners.place import Place


def freeze(place: Place, rows: I64, columns: I64) -> list[bytes]:
    """Each of those rows as bytes; `columns` are all that are used, by feature id."""
    found = place._layout.cells(rows, columns)
    of_task, of_pair = [], []
    seen = np.zeros(len(found.row), bool)
    for paired, _, leaf in _leaves(place):
        if paired:
            pairs = leaf[found.at]
            seen |= live(pairs)
            of_pair.append(_bytes(pairs))
        else:
            of_task.append(_bytes(leaf[rows]))
    tasks = np.concatenate(of_task, 1)
    pairs = (np.concatenate(of_pair, 1) if of_pair else np.zeros((len(seen), 0), np.uint8))[seen]
    ends = np.searchsorted(found.row[seen], np.arange(len(rows) + 1))
    ids = place._columns.ids[columns[found.column[seen]]]
    counts = place.progress.counts[rows, 0].tolist()
    return [
        tree.pack(
            [ids[lo:hi], tasks[i], pairs[lo:hi], place._first[row], place._labels[row]],
            {
                "birth": int(place._births[row]),
                "margins": place._room.margins,
                "examples": counts[i],
            },
        )
        for i, (row, lo, hi) in enumerate(zip(rows, ends[:-1], ends[1:], strict=True))
    ]


def examples(data: bytes) -> int:
    """How many examples a frozen task has learnt."""
    return int(tree.unpack(data)[1]["examples"])


def thaw(place: Place, frozen: Mapping[int, bytes]) -> None:
    """Write frozen tasks into rows that are as new; classes may have come since."""
    unpacked = [(row, *tree.unpack(data)) for row, data in frozen.items()]
    for row, arrays, about in unpacked:
        first, labels = arrays[3:]
        place._births[row] = about["birth"]
        place._first[row, : len(first)], place._labels[row, : len(labels)] = first, labels
    unpacked.sort(key=lambda one: one[2]["margins"])
    for margins, some in groupby(unpacked, key=lambda one: one[2]["margins"]):
        rows, parts, _ = zip(*some, strict=True)
        _thaw(place, rows, [*zip(*parts, strict=True)], margins)


def _thaw(place: Place, rows: Sequence[int], arrays: Sequence[Any], margins: int) -> None:
    """The same for tasks that were frozen with as many margins."""
    ids, tasks, pairs = arrays[0], np.stack(arrays[1]), np.concatenate(arrays[2])
    at_task = at_pair = 0
    parts = []
    for paired, names, leaf in _leaves(place):
        inner = leaf.shape[-len(names) :] if names else ()
        shape = [margins if n in "kK" else have for n, have in zip(names, inner, strict=True)]
        size = prod(shape) * leaf.itemsize
        if paired:
            flat, at_pair = pairs[:, at_pair : at_pair + size], at_pair + size
        else:
            flat, at_task = tasks[:, at_task : at_task + size], at_task + size
        part = np.ascontiguousarray(flat).view(leaf.dtype).reshape(len(flat), *shape)
        for axis, (name, have) in enumerate(zip(names, inner, strict=True), 1):
            if name in "kK" and part.shape[axis] == 1 < have:
                part = tree.unfold(name, part, axis)
        if paired:
            parts.append(part)
        else:
            where: Any = (np.array(rows), *(slice(n) for n in part.shape[1:]))
            leaf[where] = part
    columns = place._columns.find(np.concatenate(ids)).astype(np.int64)
    place._layout.fill(np.repeat(rows, [len(one) for one in ids]), columns, parts)


def _bytes(leaf: Array) -> U8:
    """The bytes of each row, (n, size)."""
    flat = np.ascontiguousarray(leaf)
    size = prod(leaf.shape[1:]) * leaf.itemsize
    return flat.view(np.uint8).reshape(len(leaf), size)


def _leaves(place: Place) -> list[tuple[bool, str, Array]]:
    """Leaves with a part for each task: whether one of each pair; axes but those; the leaf."""
    found = []
    for one in (place.bank, place.progress):
        for _, names, leaf in tree.leaves(one):
            if names.startswith(("td", "p")):
                found.append((True, names.removeprefix("td").removeprefix("p"), leaf))
            elif names.startswith("t"):
                found.append((False, names[1:], leaf))
    return found
