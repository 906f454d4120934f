"""What came as columns travels as columns: taken apart by shard, and what was said put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from learners import tree
from learners.features import take
from learners.names import Classes
from service.core import lessons
from service.core.answers import Answer, Item, Said, Spoken
from service.core.lessons import Lesson
from service.core.prepare import Prepared
from service.problems import Problem
from service.shards.layout import home
from service.shards.link import plain, problem


class Part(NamedTuple):
    """What one shard gets of a block."""

    rows: Sequence[int]  # where its examples stand in the whole
    lesson: bytes


def split(made: Prepared, n: int) -> dict[int, Part]:
    """Shard -> its part; rows with a problem of their own are nobody's."""
    batch, receipts = made.lesson
    homes = np.array([home(task, n) for task in batch.tasks], np.int64)[batch.task]
    rows = np.asarray(made.rows, np.int64)
    parts = {}
    for shard in np.unique(homes).tolist():
        mine = np.flatnonzero(homes == shard)
        at = {row: i for i, row in enumerate(mine.tolist())} if receipts else {}
        own = tuple(r._replace(row=at[r.row]) for r in receipts if r.row in at)
        lesson = lessons.to_bytes(Lesson(take(batch, mine), own))
        parts[shard] = Part(rows[mine].tolist(), lesson)
    return parts


def prepared(lesson: bytes) -> Prepared:
    """A part as its shard learns, or predicts, it."""
    made = lessons.from_bytes(lesson)
    return Prepared(range(made.n), made, {})


def to_bytes(spoken: Spoken) -> bytes:
    """What was said of a part, as bytes."""
    of = spoken.said
    apart = [
        [row, ["problem", plain(item)] if isinstance(item, Problem) else ["answer", item]]
        for row, item in spoken.apart.items()
    ]
    about = [of.tasks, of.classes, of.learnt, apart]
    rows = np.asarray(spoken.rows, np.int64)
    return tree.pack([rows, of.task, of.probabilities, of.seen], about)


def from_bytes(data: bytes) -> Spoken:
    """The converse of `to_bytes`."""
    (rows, task, probabilities, seen), (tasks, classes, learnt, apart) = tree.unpack(data)
    items = {row: _item(*item) for row, item in apart}
    said = Said(tuple(tasks), task, tuple(classes), probabilities, seen, learnt)
    return Spoken(len(rows) + len(items), items, rows.tolist(), said)


def join(made: Prepared, parts: Mapping[int, Part], spoken: Mapping[int, Spoken]) -> Spoken:
    """What was said of a whole block."""
    apart: dict[int, Item] = dict(made.problems)
    classes = Classes()
    tasks: list[str] = []
    rows, task, seen = [], [], []
    for shard, one in spoken.items():
        whole = np.asarray(parts[shard].rows, np.int64)
        apart |= {int(whole[row]): item for row, item in one.apart.items()}
        rows.append(whole[np.asarray(one.rows, np.int64)])
        task.append(one.said.task + len(tasks))
        tasks += one.said.tasks
        seen.append(one.said.seen)
        classes.add(one.said.classes)
    order = np.argsort(np.concatenate(rows)) if rows else np.zeros(0, np.int64)
    likely = []
    for one in spoken.values():
        wide = np.zeros((len(one.said.task), len(classes.names)))
        wide[:, classes.find(one.said.classes)[:-1]] = one.said.probabilities
        likely.append(wide)
    said = Said(
        tuple(tasks),
        _in(order, task, np.int32),
        tuple(classes.names),
        np.concatenate(likely)[order] if likely else np.zeros((0, 0)),
        _in(order, seen, np.int64),
        any(one.said.learnt for one in spoken.values()),
    )
    return Spoken(made.n, apart, _in(order, rows, np.int64).tolist(), said)


def _in(order: Any, parts: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate([np.zeros(0, dtype), *parts]).astype(dtype)[order]


def _item(kind: str, said: Sequence[Any]) -> Item:
    if kind == "problem":
        return problem(said)
    task, label, classes, probabilities, seen, version = said
    return Answer(task, label, tuple(classes), tuple(probabilities), seen, version)
