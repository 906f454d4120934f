"""All tasks near their mean: mean-regularised learning, w_t = u + v_t with small v_t.

Tasks that are one population, each a little different from the others:

    min_{u, V} sum_t l_t(u + v_t) + (lambda / 2) sum_t |v_t - mean of V|**2

which, with u eliminated, is a penalty on the distance of each w_t from the mean of all: the graph
penalty of `laplacian` on the complete graph.

Learning: AdaGrad steps on the log loss of w_t, every example moving both parts (`shared`),
O(non-zeros). The penalty says nothing of the mean, so u is a direction that may have its own rate:
without it the mean would move by the mean of the tasks' steps, T times as slowly.

Meetings: v_t <- mean + (v_t - mean) / (1 + eta lambda), O(T d) for any number of tasks. Each class
by itself. What travels per meeting and task is v_t, d float32 numbers a class, up, and as many
down; per place 2 d (u, sums of squares) each way (`shared`).

Guarantee: that of `laplacian`. Per example, none.

Use it for one population with small deviations, as a default among these methods; `shared` is the
same with the penalty's work left to the rates, and needs no meetings in one place.

Source: Evgeniou & Pontil, "Regularized multi-task learning", KDD 2004. The form per example, with
AdaGrad, is an extension of ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from learners.coordination.laplacian import laplacian
from learners.coordination.linear import RATES
from learners.types import Strategy


def mean(
    rates: Sequence[float] = RATES,
    coupling: float = 0.01,
    *,
    common: bool = True,
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates: `laplacian` on the complete graph."""
    return laplacian(rates, coupling, family="mean", common=common, tempered=tempered)
