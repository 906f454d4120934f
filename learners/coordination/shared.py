"""A common model and each task's deviation from it: w_t = u + v_t.

Tasks that are alike have something in common, u, which all examples tell of, and each a little of
its own:

    min over u, V  sum_t sum_i l((u + v_t) . x_ti, y_ti)  +  (lambda_1 / T) sum_t |v_t|^2
                   + lambda_2 |u|^2                                  l the log loss

with the penalties' work left to the rates here: there are none, and v_t learns at half the rate of
u, so that what u can explain it mostly does.

Learning: the steps of `independent`, by every example on both parts, each with its own sums of
squares; O(non-zeros).

Meetings: with several places u = mine + heard at each. A place tells what its own examples made of
u, and their sums of squares, and hears the sums of what the others told: 2 d float32 a class each
way. Tasks tell nothing, and v_t never leaves its place.

Guarantee: in one place the loss is convex in (u, V) together and the steps are AdaGrad's on it, so
for s = 1 the bound of `independent` holds, summed over the features of both, each at its rate:
against one u for all (V = 0) and against each task's own (u = 0) alike. Over several places nothing
is proved of the steps between two meetings. At a hub and on the complete graph all hear one sum. On
any other network a place hears its neighbours, and of what each made counts the share 1 / a, with
-a the least eigenvalue of the adjacency matrix A (`Inbox.adding`): the u_i are M = I + A / a times
what places made. No eigenvalue of M is negative, so the flow u' = -M grad never raises the sum of
the losses. Of I + A some are, unless the graph is complete, and along these small steps on one
quadratic loss grow without bound. M is a kernel over places: on an even ring a neighbour's steps
count half, and those of places further away not at all. 16 tasks around one direction, 100 examples
each, have 30.4 % error in 8 places at a hub, 32.4 on a ring, 32.9 on a grid, 32.8 on a star, and
37.8 alone; one task a place, 31.3 at a hub, 36.1 on a ring, 37.9 alone. The same is true of all
that has such a sum: `pooled`, and the common part of `mean`, `trace`, `clustered` and `amtl`.
`two_phase` is what agrees on one u over any network, 31.9 and 34.6 on these rings.

Use it by default where tasks are one population: it costs one model more, meets never in one place,
and is seldom worse than alone. Where tasks are opposites, or groups, u is of no use: `dmtrl`,
`drom`, `fedem`.

Source: Evgeniou & Pontil, "Regularized multi-task learning", KDD 2004: the problem. The rates in
the place of penalties, and the sum over places, are ours. Kernels over learners: Cavallanti,
Cesa-Bianchi & Gentile, "Linear algorithms for online multitask classification", JMLR 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from learners import tree
from learners.coordination.linear import (
    RATES,
    Common,
    Experts,
    Own,
    Told,
    add,
    hear,
    names,
    run,
    tell,
)
from learners.coordination.silence import Silence
from learners.types import F32, I64, Bank, Block, Inbox, Rows, Scores, Shape, Strategy


class Shared(NamedTuple):
    """Both parts."""

    common: Common
    own: Own


def shared_rates(
    rates: Sequence[float], common_rate: float = 1.0, own_rate: float = 0.5
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Rates of v_t, which one task alone moves, and of u."""
    return tuple(rate * own_rate for rate in rates), tuple(rate * common_rate for rate in rates)


def shared(
    rates: Sequence[float] = RATES,
    common_rate: float = 1.0,
    own_rate: float = 0.5,
    *,
    tempered: bool = True,
) -> Strategy:
    """AdaGrad logistic regression of w_t = u + v_t, every example moving both parts.

    Evgeniou & Pontil, "Regularized multi-task learning", KDD 2004, with the regulariser's work done
    by the rates: u learns at `common_rate` times each rate, v_t at `own_rate` times.
    """
    slow, fast = shared_rates(rates, common_rate, own_rate)
    experts = Experts(len(rates), slow, fast, len(rates), tempered=tempered)

    def init(seeds: I64, shape: Shape) -> Shared:
        rows = shape._replace(tasks=len(seeds))
        return Shared(tree.zeros(Common, shape, len(rates)), tree.zeros(Own, rows, len(rates)))

    def score(bank: Shared, block: Block) -> Scores:
        return run(experts, block, teach=False, own=bank.own, common=bank.common)

    def learn(bank: Shared, block: Block) -> Scores:
        return run(experts, block, teach=True, own=bank.own, common=bank.common)

    def message(bank: Shared, rows: Rows) -> Told:
        return tell(bank.common)

    def merge(bank: Shared, rows: Rows, reply: Told) -> None:
        hear(bank.common, reply)

    def meet(shape: Shape, seed: int) -> Bank:
        return Silence()

    def mix(memory: Bank, inbox: Inbox) -> Told:
        return add(inbox.message, inbox.adding)

    def model(bank: Shared, rows: Rows) -> F32:
        return (bank.common.mine + bank.common.heard)[None] + bank.own.v[rows]

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("shared", rates))
