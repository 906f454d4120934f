"""One model for all tasks, as if they were one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learners import tree
from learners.coordination.linear import (
    RATES,
    Common,
    Experts,
    Silence,
    Told,
    add,
    hear,
    names,
    run,
    tell,
)
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
        return add(inbox.message)

    def model(bank: Common, rows: Rows) -> F32:
        return np.repeat((bank.mine + bank.heard)[None], len(rows), 0)

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("pooled", rates))
