"""One model for all tasks, as if they were one.

    min over u  sum_t sum_i l(u . x_ti, y_ti)       l the log loss

Learning: the steps of `independent`, on one u, from every task's examples; O(non-zeros) each. In
one place every example is learnt from at once.

Meetings: with several places u = mine + heard at each. A place tells what its own examples made of
u, and their sums of squares, and hears the sums of what the others told: 2 d float32 a class each
way. Tasks tell nothing.

Guarantee: in one place, that of `independent`, over all tasks' examples as they came, against any
one u. So it is good where one u is good for all, and nowhere else. Over several places the steps
between two meetings are taken from an u that lacks the others' newest; nothing is proved of these.
On a network that is not complete a place hears its neighbours alone, and these in part (`shared`).

Use it where tasks are one in truth, or have hardly any examples each; and as the other end of the
scale from `independent`.

Source: Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic
optimization", JMLR 2011. The sum over places is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learners import tree
from learners.coordination.linear import (
    RATES,
    Common,
    Experts,
    Told,
    add,
    hear,
    names,
    run,
    tell,
)
from learners.coordination.silence import Silence
from learners.types import F32, I64, Bank, Block, Inbox, Rows, Scores, Shape, Strategy


def pooled(rates: Sequence[float] = RATES, *, tempered: bool = True) -> Strategy:
    """One AdaGrad logistic regression for all tasks.

    min over u of sum_t sum_i log loss(u . x_i, y_i). In one place every example is learnt from at
    once; over several, each tells the part that its own examples made and hears the others' sum.
    """

    experts = Experts(len(rates), common=tuple(rates), tempered=tempered)

    def init(seeds: I64, shape: Shape) -> Common:
        return tree.zeros(Common, shape, len(rates))  # type: ignore[no-any-return]

    def score(bank: Common, block: Block) -> Scores:
        return run(experts, block, teach=False, common=bank)

    def learn(bank: Common, block: Block) -> Scores:
        return run(experts, block, teach=True, common=bank)

    def message(bank: Common, rows: Rows) -> Told:
        return tell(bank)

    def merge(bank: Common, rows: Rows, reply: Told) -> None:
        hear(bank, reply)

    def meet(shape: Shape, seed: int) -> Bank:
        return Silence()

    def mix(memory: Bank, inbox: Inbox) -> Told:
        return add(inbox.message, inbox.adding)

    def model(bank: Common, rows: Rows) -> F32:
        return np.repeat((bank.mine + bank.heard)[None], len(rows), 0)

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("pooled", rates))
