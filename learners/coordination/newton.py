"""Newton steps for every task, in one metric that all tasks of a place share: w_t = u + v_t.

On correlated numbers AdaGrad's steps, which know of each column by itself, need many examples to
learn what a second-order step finds in few. But that step needs the inverse P of the examples'
second moments, and one task has too few to know it. Tasks whose inputs are alike have it in common,
whatever their labels say:

    min over u, V  sum_t sum_i l((u + v_t) . x_ti, y_ti)        l the log loss

Learning: P is learnt from the examples of all tasks, u and v_t from their labels, r the residual,

    P <- P - h P x x' P / (1 + h x'P x)         h = 1/4: the log loss curves no more (Boehning)
    u <- u - a P x r / (1 + h x'P x)            a: how much is moved at once
    v_t <- v_t - b f P x r / (1 + h f x'P x)    f = N / (n_t + kappa)

for P is about 1 / (h N) times the inverse of the moments of one example after N of them, and f P is
what the same metric comes to after n_t examples, with kappa more that say 0. Steps are tempered as
those of the other learners are (`links.temper`). Several classes have a residual each and one P.
The first D columns that come have a place in the metric; what comes later is not seen by it. An
example costs O(D' m + D'^2), m its entries and D' <= D the columns that have a place.

Meetings: none. Nothing is told, for P after one example is that example, and so is u. Each place
has a metric of its own, and one with a single task learns that task by itself.

Guarantee: none for u and v_t together. With b = 0, a = 1 and plain steps it is online logistic
regression by Boehning's bound, a form of the online Newton step, whose regret against a bounded
comparator is O(D' log N) where steps are as large as there (Hazan, Agarwal & Kale, "Logarithmic
regret algorithms for online convex optimization", Machine Learning 2007).

How much is common differs from set to set, so by name it is four paces, which each task weighs for
itself (`mixture`; what it tells and hears is of that, and of the scale).

Use it for dense, correlated numbers of up to D columns: sensors, measurements. Words are not: they
are too many, and most come too late for a place.

Source: D. Boehning, "Multinomial logistic regression algorithm", Annals of the Institute of
Statistical Mathematics 1992, is the bound; Cavallanti, Cesa-Bianchi & Gentile, "Linear algorithms
for online multitask classification", JMLR 2010, has second-order steps for several tasks in one
common kernel. That u and v_t take their steps in one metric, each scaled to its own number of
examples, is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.linear import steps
from learners.coordination.newton_kernels import WIDE, learner
from learners.coordination.silence import silent
from learners.kernels import longest
from learners.types import F32, F64, I64, Block, Rows, Scores, Shape, Strategy

PACES = ((6.0, 0.0), (3.0, 1.0), (6.0, 2.0), (12.0, 5.0))  # of u and of v_t
D = 128  # columns that the metric knows, at most: a place's P is 131 kB
KAPPA = 30.0  # examples that say that a task is as all are
RIDGE = 0.3  # what P is the inverse of before the first example


class Metric(NamedTuple):
    """The inverse second moments of the place's examples, and which column is which of its rows."""

    at: Annotated[I64, "d"]  # 1 + a column's place; 0: none
    used: Annotated[I64, "1"]  # places that are taken
    P: Annotated[F64, "bc"]
    N: Annotated[I64, "1"]  # examples


class Weights(NamedTuple):
    """Both parts."""

    u: Annotated[F32, "bke"]  # of all tasks, by place in the metric
    v: Annotated[F32, "tdke"]
    n: Annotated[I64, "t1"]  # examples of each task


class Newton(NamedTuple):
    """The metric, and what was learnt in it."""

    metric: Metric
    weights: Weights


def run(
    paces: Sequence[tuple[float, float]],
    bank: Newton,
    block: Block,
    teach: bool,
    *,
    D: int = D,
    kappa: float = KAPPA,
    into: F64 | None = None,
) -> Scores:
    """Score, and with `teach` learn, a block; scores are the last of `into`, where it is given."""
    k, classes, n, e = bank.weights.u.shape[1], block.first.shape[1], len(block.rows), len(paces)
    scores = np.zeros((n, classes, e)) if into is None else into
    across = scores.shape[2]
    common, own = (tuple(float(pace[part]) for pace in paces) for part in (0, 1))
    metric, weights = bank
    most = longest(block.indptr)
    learner(k == 1, e, block.runs)(
        block.rows, block.indptr, block.columns, block.slots, block.values, block.labels,
        block.weights, block.first, block.start, metric.at, metric.used, metric.P.reshape(-1),
        metric.N, weights.u.reshape(-1), steps(common, k), weights.v.reshape(-1),
        weights.n.reshape(-1), steps(own, k), kappa, D, np.zeros(most), np.zeros(D),
        *np.zeros((2, most), np.int64), *np.zeros((2, k * across), np.float32),
        scores.reshape(-1)[across - e :], across, teach,
    )  # fmt: skip
    return scores.transpose(0, 2, 1)


def newton(
    paces: Sequence[tuple[float, float]] = PACES,
    *,
    D: int = D,
    kappa: float = KAPPA,
    ridge: float = RIDGE,
) -> Strategy:
    """The strategy, for each of several paces (a, b) of u and v_t.

    Parameters
    ----------
    D
        columns that the metric has a place for
    kappa
        how many examples a task's own count must be to weigh as much as what all have in common
    ridge
        second moments that every direction has from the start

    Raises
    ------
    ValueError
        when a number is out of range.
    """
    if not paces or not all(a >= 0 and b >= 0 for a, b in paces):
        raise ValueError(f"paces: {paces!r} are not pairs of numbers from 0 on")
    if D < WIDE or D % WIDE:
        raise ValueError(f"D: {D!r} is not a multiple of {WIDE}")
    if not (kappa > 0 and ridge > 0):
        raise ValueError(f"kappa: {kappa!r}, ridge: {ridge!r}: both must be above 0")
    e = len(paces)

    def init(seeds: I64, shape: Shape) -> Newton:
        rows = shape._replace(tasks=len(seeds))
        metric = tree.zeros(Metric, shape, b=D, c=D)
        metric.P[:] = np.eye(D) / ridge
        return Newton(metric, tree.zeros(Weights, rows, e, b=D))

    def score(bank: Newton, block: Block) -> Scores:
        return run(paces, bank, block, teach=False, D=D, kappa=kappa)

    def learn(bank: Newton, block: Block) -> Scores:
        return run(paces, bank, block, teach=True, D=D, kappa=kappa)

    def model(bank: Newton, rows: Rows) -> F32:
        placed = np.flatnonzero(bank.metric.at)
        w = bank.weights.v[rows]
        w[:, placed] += bank.weights.u[bank.metric.at[placed] - 1]
        return w

    named = tuple(f"newton:{a:g}/{b:g}" for a, b in paces)
    return silent(init, score, learn, model, named)
