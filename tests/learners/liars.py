"""Tasks at places of their own that share a hub, and places that lie to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from learners import tree
from learners.exchange import Hub, Parcel
from learners.features import Batch, take
from learners.place import Place
from learners.tree import Array
from learners.types import F64, Strategy

ATTACKS = ("constant", "random", "flipped", "scaled", "inner", "nan")


def lie(attack: str, told: Array, honest: Array, random: np.random.Generator) -> Array:
    """What a liar tells in the place of a leaf: numbers of weights, never counts."""
    if told.dtype.kind != "f":
        return told
    made: dict[str, Array] = {
        "constant": np.full_like(told, 5.0),
        "random": 5.0 * random.normal(size=told.shape),
        "flipped": -told,
        "scaled": 100.0 * told,
        "inner": -3.0 * honest,  # Xie, Koyejo & Gupta 2019: against the honest mean
        "nan": np.where(random.random(told.shape) < 0.5, np.nan, np.inf),
    }
    return made[attack].astype(told.dtype)


def spoil(attack: str, parcel: Parcel, honest: Sequence[Parcel], seed: int) -> Parcel:
    """The parcel of a liar, who has seen all that the honest tell."""
    random = np.random.default_rng(seed)
    means: list[Array] = []
    for leaves in zip(*([leaf for *_, leaf in tree.leaves(p.tree)] for p in honest), strict=True):
        alike = [leaf for leaf in leaves if leaf.shape == leaves[0].shape]
        means.append(np.mean(alike, axis=0))
    mean = iter(means)

    def change(_: str, leaf: Array) -> Array:
        middle = next(mean)
        return lie(attack, leaf, middle if middle.shape == leaf.shape else leaf, random)

    return parcel._replace(tree=tree.map(change, parcel.tree))


def company(
    make: Callable[[], Strategy],
    batch: Batch,
    liars: int = 0,
    attack: str = "",
    period: int = 10,
    bend: Callable[[str, Parcel], Parcel] | None = None,
) -> tuple[F64, dict[str, Place]]:
    """Errors of the honest tasks, in per cent by task, and the places, one for each task.

    The first `liars` tasks by name learn as all do and lie when they tell. All meet after `period`
    examples of each; `bend` changes what a place is told.
    """
    strategy = make()
    hub, names = Hub(strategy), sorted(batch.tasks)
    places = {n: Place(make(), period=0, name=n, hub=hub) for n in names}
    mine = {n: np.flatnonzero(batch.task == batch.tasks.index(n)) for n in names}
    rounds = max(len(rows) for rows in mine.values())
    for step, lo in enumerate(range(0, rounds, period)):
        told = {}
        for name in names:
            rows = mine[name][lo : lo + period]
            if len(rows):
                places[name].learn(take(batch, rows))
            told[name] = places[name].tell()
        honest = [told[name] for name in names[liars:]]
        for i, name in enumerate(names):
            parcel = told[name]
            if i < liars and attack:
                parcel = spoil(attack, parcel, honest or list(told.values()), 1000 * step + i)
            hub.post(parcel)
        with np.errstate(all="ignore"):  # lies that are no numbers
            replies = hub.meet()
        for name, reply in replies.items():
            places[name].hear(bend(name, reply) if bend else reply)
    found = []
    for name in names[liars:]:
        p = places[name].progress
        row = places[name].rows([name])
        found.append(100 * float(p.errors[row, 0].sum() / p.counts[row].sum()))
    return np.array(found), places
