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
from learners.types import F32, Bank, Inbox, Rows, Strategy


class Told(NamedTuple):
    """A task's model as it stands."""

    v: Annotated[F32, "tdke"]


class Shift(NamedTuple):
    """What a meeting adds to a task's model."""

    by: Annotated[F32, "tdke"]


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
        if graph is None:
            middle = np.repeat(v.sum(0, dtype=np.float64, keepdims=True) / len(v), len(v), 0)
        else:
            at = {name: row for row, name in enumerate(inbox.tasks)}
            middle = v.astype(np.float64)  # a task without neighbours stays where it is
            for name, row in at.items():
                near = sorted(at[other] for other in graph.get(name, ()) if other in at)
                if near:
                    middle[row] = v[near].sum(0, dtype=np.float64) / len(near)
        return Shift((coupling * (middle - v)).astype(np.float32))

    return alone._replace(message=message, merge=merge, mix=mix, experts=names("laplacian", rates))
