"""The state of a place as bytes, the converse, and its hash.

Capacity is not state, nor is the order in which rows and columns were given out: the bytes take
rows in order of task name and columns in order of feature id, so equal states have equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from learners import tree
from learners.layout import live
from learners.types import I64, Shape, Tree

if TYPE_CHECKING:
    from learners.place import Place

FORMAT = 4
SETTINGS = ("bits", "seed", "period", "lag", "thrift", "name")  # arguments of Place


def save(place: Place) -> bytes:
    """All that the place is, and what its hub remembers if it has one of its own.

    Raises
    ------
    ValueError
        when the strategy's state is not arrays and can only be made by learning again.
    """
    if place.replayed:
        raise ValueError("this strategy's state is not arrays: replay its journal instead")
    names = place._tasks.sorted()
    rows = np.concatenate([[0], place._tasks.rows(names)])
    columns = np.concatenate([[0], place._columns.stored()])
    arrays = [
        place._columns.ids[columns], place._births[rows], place._first[rows], place._labels[rows],
        *_flat(tree.take(place.progress, t=rows)), *_bank(place, rows, columns),
    ]  # fmt: skip
    about: dict[str, Any] = {
        "format": FORMAT, "experts": place.experts, "position": place.position,
        "tasks": names, "classes": place.classes, "hub": None,
        "cold": None,
    }  # fmt: skip
    about |= {name: getattr(place, name) for name in SETTINGS}
    about["talk"], talk = place.talk.state(rows[1:], columns[1:])
    arrays += talk
    if place.alone:
        hub = place.hub
        about["hub"] = {"number": hub.number, "tasks": hub.tasks, "classes": hub.classes.names}
        arrays += [hub.ids, *_flat(hub.memory)]
    if (cold := place._cold) is not None:
        about["cold"] = {
            "warm": cold.warm, "examples": cold.examples,
            "tasks": len(cold.shelf), "digest": cold.shelf.digest(),
        }  # fmt: skip
        arrays.append(cold.last[rows])
    return tree.pack(arrays, about)


def load(place: Place, arrays: list[Any], about: dict[str, Any]) -> None:
    """Bring a new place, made with the same strategy and settings, to the state of a snapshot.

    Raises
    ------
    ValueError
        when the snapshot is of another format or strategy.
    """
    if list(place.experts) != about["experts"]:
        raise ValueError(
            f"snapshot: its experts are {about['experts']}, the strategy's {list(place.experts)}; "
            "open it with the strategy that made it"
        )
    place.position = about["position"]
    place._classes.add(about["classes"])
    for name in about["tasks"]:
        place._tasks.add(name)
    rest = iter(arrays)
    ids = next(rest)
    place._columns.add(ids[1:])
    place._births, place._first, place._labels = next(rest), next(rest), next(rest)
    place.progress = _fill(place.progress, rest)
    _load_bank(place, rest, Shape(len(place._births), len(ids), len(place.classes)))
    place.talk.restore(about["talk"], rest)
    if about["hub"] is not None:
        hub, known = place.hub, about["hub"]
        hub.number, hub.ids = known["number"], next(rest)
        hub.names = tuple(name for name, _ in known["tasks"])
        hub.births = np.array([birth for _, birth in known["tasks"]], np.int64)
        hub.classes.add(known["classes"])
        hub.memory = _fill(hub.memory, rest)
    if (cold := place._cold) is not None:
        cold.last, cold.examples = next(rest), about["cold"]["examples"]
        cold.shelf.rewind(place.position)
        there = {"tasks": len(cold.shelf), "digest": cold.shelf.digest()}
        if there != {name: about["cold"][name] for name in there}:
            raise ValueError(
                f"snapshot: {about['cold']['tasks']} cold tasks belong to it, and the "
                f"{len(cold.shelf)} that lie there at position {place.position} are not those; "
                "restore the whole directory from one backup"
            )


def _bank(place: Place, rows: I64, columns: I64) -> list[Any]:
    """The bank's leaves; of task and column only what is not 0, whichever way it lies."""
    row, column, at = place._layout.cells(rows[1:], columns[1:])
    leaves = list(tree.leaves(place.bank))
    pairs = [leaf[at] for _, names, leaf in leaves if names.startswith(("td", "p"))]
    seen = np.zeros(len(row), bool)
    for leaf in pairs:
        seen |= live(leaf)
    rest = tree.map(lambda n, leaf: None if n.startswith(("td", "p")) else leaf, place.bank)
    others = [leaf for leaf in _flat(tree.take(rest, t=rows, d=columns)) if leaf is not None]
    counts = np.bincount(row[seen], minlength=len(rows) - 1)
    return [counts, column[seen].astype(np.int32), *(leaf[seen] for leaf in pairs), *others]


def _load_bank(place: Place, rest: Iterator[Any], room: Shape) -> None:
    """Make the bank anew from its leaves, lying as takes least."""
    counts, column = next(rest), next(rest)
    layout = place._layout
    layout.begin(room.tasks, room.columns, len(column))
    place._room = room._replace(slots=layout.room)
    place.bank = place.strategy.init(np.zeros(room.tasks, np.int64), place._room)
    kinds = [names.startswith(("td", "p")) for _, names, _ in tree.leaves(place.bank)]
    pairs = [next(rest) for _ in range(sum(kinds))]
    rows = 1 + np.repeat(np.arange(len(counts)), counts)
    layout.fill(rows, 1 + column.astype(np.int64), pairs)
    others = iter(_flat(place.bank))
    leaves = [next(rest) if not pair else leaf for pair, leaf in zip(kinds, others, strict=True)]
    place.bank = tree.fill(place.bank, leaves)
    tree.check(place.bank, place._room)


def _flat(one: Tree) -> list[Any]:
    return [leaf for _, _, leaf in tree.leaves(one)]


def _fill(like: Tree, rest: Iterator[Any]) -> Tree:
    return tree.fill(like, [next(rest) for _ in tree.leaves(like)])
