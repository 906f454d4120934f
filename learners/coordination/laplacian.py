"""Tasks joined by a graph pull each other; mean-regularised learning is the complete graph.

Evgeniou & Pontil, "Regularized multi-task learning", KDD 2004 (the mean); Evgeniou, Micchelli &
Pontil, "Learning multiple tasks with kernel methods", JMLR 2005 (graphs):

    min_W  sum_t sum_i log loss(w_t . x_i, y_i)  +  (rho / 2) tr(W L W')

with L the graph's normalised Laplacian. Between meetings each task takes AdaGrad steps on its own
loss; a meeting takes one gradient step on the penalty, w_t <- w_t - rho (w_t - mean of neighbours).
What travels per meeting and task: one vector up, one down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import numpy as np

from learners.coordination.independent import independent
from learners.coordination.linear import RATES, Own, names
from learners.kernels import compiled
from learners.types import F32, I64, Bank, Inbox, Rows, Strategy


class Told(NamedTuple):
    """A task's model as it stands."""

    v: Annotated[F32, "tdke"]


class Shift(NamedTuple):
    """What a meeting adds to a task's model."""

    by: Annotated[F32, "tdke"]


@compiled
def _to_all(v: F32, coupling: float) -> F32:
    """The way of each row to the mean of all, and of it that part."""
    middle = np.zeros(v.shape[1])
    by = np.empty_like(v)
    for t in range(len(v)):
        for j in range(len(middle)):
            middle[j] += v[t, j]
    for j in range(len(middle)):
        middle[j] /= len(v)
    for t in range(len(v)):
        for j in range(len(middle)):
            by[t, j] = np.float32(coupling * (middle[j] - v[t, j]))
    return by


@compiled
def _to_neighbours(v: F32, ends: I64, near: I64, coupling: float) -> F32:
    """The same to the mean of its neighbours, `near` from one end to the next; none: stay."""
    by = np.zeros_like(v)
    middle = np.empty(v.shape[1])
    for t in range(len(v)):
        lo, hi = ends[t], ends[t + 1]
        middle[:] = 0.0
        for other in near[lo:hi]:
            for j in range(len(middle)):
                middle[j] += v[other, j]
        if lo < hi:
            for j in range(len(middle)):
                by[t, j] = np.float32(coupling * (middle[j] / (hi - lo) - v[t, j]))
    return by


def laplacian(
    rates: Sequence[float] = RATES,
    coupling: float = 0.1,
    graph: Mapping[str, Sequence[str]] | None = None,
    *,
    tempered: bool = True,
) -> Strategy:
    """AdaGrad logistic regression for each task, tied along a graph.

    Parameters
    ----------
    rates
        of the tasks' own steps, one for each expert
    coupling
        rho, from 0 (every task is independent, bit for bit) to 1 (a meeting sets each task to its
        neighbours' mean)
    graph
        task -> its neighbours, by name; tasks that are not here are passed over. None: complete

    Raises
    ------
    ValueError
        when coupling is not from 0 to 1.
    """
    if not 0 <= coupling <= 1:
        raise ValueError(f"coupling: {coupling!r} is not from 0 to 1")

    alone = independent(rates, tempered=tempered)  # what it is between meetings

    def message(bank: Own, rows: Rows) -> Told:
        return Told(bank.v[rows])

    def merge(bank: Own, rows: Rows, reply: Shift) -> None:
        bank.v[rows] += reply.by

    def mix(memory: Bank, inbox: Inbox) -> Shift:
        v: F32 = inbox.message.v
        if not coupling or not len(v):
            return Shift(np.zeros_like(v))
        flat = v.reshape(len(v), -1)
        if graph is None:
            by = _to_all(flat, coupling)
        else:
            at = {name: row for row, name in enumerate(inbox.tasks)}
            near = [sorted({at[o] for o in graph.get(name, ()) if o in at}) for name in inbox.tasks]
            ends = np.cumsum([0, *map(len, near)])
            by = _to_neighbours(flat, ends, np.array(sum(near, []), np.int64), coupling)
        return Shift(by.reshape(v.shape))

    return alone._replace(message=message, merge=merge, mix=mix, experts=names("laplacian", rates))
