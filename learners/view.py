"""What there is to see of a place's tasks: progress, benefit, weights of the experts, relations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np

from learners import cost, tree
from learners.exchange import Parcel, reclass
from learners.names import Classes
from learners.types import F32, Label, Shape

if TYPE_CHECKING:
    from learners.place import Place

ALONE = "independent"  # the family whose experts a task would have by itself


class Measures(NamedTuple):
    """How well an expert predicted a task's labels, each before it was learnt."""

    error: float
    log_loss: float  # nats an example
    brier: float
    recent_error: float  # over about the last 100 examples
    recent_log_loss: float


class Benefit(NamedTuple):
    """What the others brought a task: its own learner's total less the strategy's."""

    nats: float
    errors: float


class Models(NamedTuple):
    """What tasks believe, as one linear model each."""

    w: Annotated[F32, "tdk"]


class TaskView(NamedTuple):
    """A task as it stands."""

    task: str
    seen: int
    classes: list[tuple[Label, int]]  # how often each label came
    progress: dict[str, Measures]  # by expert; the first is the strategy's own answer
    weights: dict[str, float]  # of the experts mixed; empty where none are
    benefit: Benefit | None  # None where the strategy has no own family to compare with
    nearest: list[tuple[str, float]]  # most alike tasks, by cosine of the models
    bytes: int  # of memory that it takes up


def view(place: Place, task: str, nearest: int = 5) -> TaskView:
    """Everything about a task; KeyError when there is none of that name."""
    if task not in place:
        raise KeyError(task)
    row = int(place.rows([task])[0])
    p = place.progress
    seen = int(p.counts[row, 0])
    n, recent = max(seen, 1), max(float(p.recent[row, 0]), 1e-12)
    progress = {
        name: Measures(
            float(p.errors[row, e]) / n,
            float(p.nats[row, e]) / n,
            float(p.brier[row, e]) / n,
            float(p.recent_errors[row, e]) / recent,
            float(p.recent_nats[row, e]) / recent,
        )
        for e, name in enumerate(place.experts)
    }
    benefit = None
    if ALONE in place.experts[1:]:
        own = place.experts.index(ALONE)
        benefit = Benefit(
            float(p.nats[row, own] - p.nats[row, 0]), float(p.errors[row, own] - p.errors[row, 0])
        )
    weights = {}
    if place.strategy.weigh is not None:
        names, w = place.strategy.weigh(place.bank, np.array([row]))
        weights = dict(zip(names, w[0].tolist(), strict=True))
    counts = place._labels[row].tolist()
    classes = [(c, n) for c, n in zip(place.classes, counts, strict=True) if n]
    return TaskView(
        task, seen, classes, progress, weights, benefit,
        near(place, task, nearest) if nearest else [], cost.of_task(place, task),
    )  # fmt: skip


def near(place: Place, task: str, top: int = 5) -> list[tuple[str, float]]:
    """The tasks in memory whose models are most alike that task's, with their cosines."""
    names = sorted({*place._tasks.row, task})
    unit = _directions(place, names)
    at = names.index(task)
    cosine = unit @ unit[at]
    order = [i for i in np.argsort(-cosine, kind="stable") if i != at][:top]
    return [(names[i], round(float(cosine[i]), 6)) for i in order]


def relations(place: Place, tasks: Sequence[str] | None = None) -> tuple[list[str], F32]:
    """Names and the cosines of their models, (T, T): how alike the tasks in memory, or those, are.

    Raises
    ------
    KeyError
        when a task of that name does not live here.
    """
    names = list(place._tasks.sorted() if tasks is None else tasks)
    unit = _directions(place, names)
    return names, np.clip(unit @ unit.T, -1.0, 1.0)


def _directions(place: Place, names: Sequence[str]) -> F32:
    """Each task's effective model, of length 1 and without the constant, (T, d * k)."""
    return directions([models(place, names)])


def models(place: Place, tasks: Sequence[str] | None = None) -> Parcel:
    """The effective models, by expert 0, of the tasks in memory, or of those; without the constant.

    Raises
    ------
    KeyError
        when a task of that name does not live here.
    """
    names = place._tasks.sorted() if tasks is None else tuple(tasks)
    rows = place.rows(names)
    if not rows.all():
        raise KeyError(names[int(np.flatnonzero(rows == 0)[0])])
    used = place._columns.first()
    used = used[place._columns.ids[used] != 0]
    weights = place._layout.model(rows, used)[..., 0]
    return Parcel(
        place.name, 0, names, place._births[rows], place.progress.counts[rows, 0],
        place._columns.ids[used], place.classes, Models(weights),
    )  # fmt: skip


def directions(parcels: Sequence[Parcel]) -> F32:
    """Models of several places, of length 1, end to end: (T, d * k), whatever each has met."""
    if len(parcels) > 1:
        classes = Classes()
        for p in parcels:
            classes.add(p.classes)
        ids = np.unique(np.concatenate([p.ids for p in parcels]))
        wide = []
        for p in parcels:
            part = reclass(p.tree, p.classes, classes.names)
            room = Shape(len(p.tasks), len(ids), len(classes.names))
            wide.append(tree.spread(part, room, d=np.searchsorted(ids, p.ids)).w)
    else:
        wide = [parcels[0].tree.w]
    flat = np.concatenate([w.reshape(len(w), math.prod(w.shape[1:])) for w in wide])
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    unit: F32 = np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)
    return unit
