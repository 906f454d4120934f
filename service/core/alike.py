"""Who is alike, found out piece by piece: a look at some tasks at a time, the arithmetic elsewhere.

Between two looks the writer learns and predicts, so nobody waits for more than one of them, however
many tasks there are; what is seen of two tasks may lie some examples apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import numpy as np

from learners import view as views
from learners.exchange import Parcel
from learners.place import Place
from learners.types import F32

Look = Callable[[Callable[[Place], Any]], Awaitable[Any]]  # `Engine.look`
CELLS = 1 << 15  # tasks times columns looked at at once: some milliseconds


async def relations(look: Look) -> tuple[list[str], F32]:
    """Names of the tasks and the cosines of their models, (T, T)."""
    return await asyncio.to_thread(cosines, await models(look))


async def models(look: Look) -> list[Parcel]:
    """The models of all tasks in memory, some in each parcel."""
    return [await look(partial(_models, names=some)) for some in await look(_pieces)]


async def nearest(look: Look, task: str, top: int = 5) -> list[tuple[str, float]]:
    """The tasks whose models are most alike that task's, with their cosines; KeyError: no such."""
    return await nearest_to(look, await look(partial(views.models, tasks=[task])), top)


async def nearest_to(look: Look, one: Parcel, top: int) -> list[tuple[str, float]]:
    """The same of a model that may come from another place."""
    [task] = one.tasks
    found: list[tuple[str, float]] = []
    for some in await look(_pieces):
        parcel = await look(partial(_models, names=[name for name in some if name != task]))
        found += await asyncio.to_thread(_beside, one, parcel)
        found = sorted(found, key=lambda pair: (-pair[1], pair[0]))[:top]
    return found


def _pieces(place: Place) -> list[list[str]]:
    """The tasks in memory by name, some at a time."""
    names, step = place.warm_tasks, max(1, CELLS // place.width)
    return [names[lo : lo + step] for lo in range(0, len(names), step)]


def _models(place: Place, names: list[str]) -> Parcel:
    """Models of those that are still here."""
    return views.models(place, [name for name in names if name in place])


def cosines(there: list[Parcel]) -> tuple[list[str], F32]:
    """Names of the tasks of parcels, sorted, and the cosines of their models."""
    names = [name for parcel in there for name in parcel.tasks]
    order = sorted(range(len(names)), key=names.__getitem__)
    unit = views.directions(there)[order] if there else np.zeros((0, 0), np.float32)
    cosine: F32 = np.clip(unit @ unit.T, -1.0, 1.0)
    return [names[i] for i in order], cosine


def _beside(one: Parcel, others: Parcel) -> list[tuple[str, float]]:
    unit = views.directions([one, others])
    cosine = np.clip(unit[1:] @ unit[0], -1.0, 1.0)
    return [(n, round(float(c), 6)) for n, c in zip(others.tasks, cosine, strict=True)]
