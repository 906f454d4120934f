"""Parcels as bytes, for hubs that are elsewhere: no pickle, shapes checked at the door.

>>> from learners.coordination import find
>>> from learners.place import Place
>>> place = Place("shared")
>>> data = to_bytes(place.tell())
>>> from_bytes(data, message_of(find("shared"))).place
'here'
"""

from __future__ import annotations

import numpy as np

from learners import tree
from learners.exchange import Hub, Parcel
from learners.features import check_label
from learners.types import Shape, Strategy, Tree

_DTYPES = [np.dtype(t) for t in ("i8", "i8", "u4", "i8")]
_NOBODY, _NOTHING = np.zeros(0, np.int64), np.zeros(0, np.uint32)


def to_bytes(parcel: Parcel) -> bytes:
    """A message or a reply as bytes."""
    leaves = [leaf for _, _, leaf in tree.leaves(parcel.tree)]
    about = [parcel.place, parcel.number, parcel.tasks, parcel.classes, parcel.since]
    rows = np.arange(len(parcel.tasks)) if parcel.rows is None else parcel.rows
    return tree.pack([parcel.births, parcel.seen, parcel.ids, rows, *leaves], about)


def from_bytes(data: bytes, like: Tree) -> Parcel:
    """The converse of `to_bytes`, for a tree that is built as `like` is.

    Raises
    ------
    ValueError
        when the bytes are no parcel, or one of another strategy.
    """
    arrays, about = tree.unpack(data)
    try:
        (place, number, tasks, classes, since), (births, seen, ids, rows, *leaves) = about, arrays
        whole = (
            isinstance(place, str)
            and isinstance(number, int)
            and isinstance(since, int)
            and all(isinstance(name, str) for name in tasks)
            and births.shape == seen.shape == (len(tasks),)
            and [a.dtype for a in (births, seen, ids, rows)] == _DTYPES
            and ids.ndim == rows.ndim == 1
            and (np.diff(ids.astype(np.int64)) > 0).all()
            and (np.diff(rows, prepend=-1, append=len(tasks)) > 0).all()
            and (since > 0 or len(rows) == len(tasks))
        )
        classes = tuple(check_label(label) for label in classes)
    except (TypeError, ValueError) as error:
        raise ValueError(f"these {len(data)} bytes are not a parcel: {error}") from error
    if not whole:
        raise ValueError(f"these {len(data)} bytes are not a parcel: its parts disagree")
    filled = tree.fill(like, leaves)
    tree.check(filled, Shape(len(rows), len(ids), len(classes)))
    return Parcel(
        place, number, tuple(tasks), births, seen, ids, classes, filled,
        since, rows if since else None,
    )  # fmt: skip


def message_of(strategy: Strategy) -> Tree:
    """A message of nobody about nothing: how the strategy's messages are built."""
    bank = strategy.init(np.zeros(1, np.int64), Shape(1, 1, 0))
    return tree.take(strategy.message(bank, _NOBODY), d=_NOBODY)


def reply_of(strategy: Strategy) -> Tree:
    """The reply to that: how the strategy's replies are built."""
    hub = Hub(strategy)
    hub.post(Parcel("", 1, (), _NOBODY, _NOBODY, _NOTHING, (), message_of(strategy)))
    return hub.meet()[""].tree
