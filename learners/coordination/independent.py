"""Each task learns alone: the baseline, and what no coordinated task may be worse than for long."""

from __future__ import annotations

from collections.abc import Sequence

from learners import tree
from learners.coordination.linear import RATES, Experts, Own, Silence, names, run
from learners.types import F32, I64, Bank, Block, Inbox, Reply, Rows, Scores, Shape, Strategy


def independent(rates: Sequence[float] = RATES, *, tempered: bool = True) -> Strategy:
    """One AdaGrad logistic regression for each task.

    min over v_t of sum_i log loss(v_t . x_i, y_i), for each t by itself; a (t, d) weight and sum
    for each rate. Tells nothing.
    """

    experts = Experts(len(rates), own=tuple(rates), tempered=tempered)

    def init(seeds: I64, shape: Shape) -> Own:
        return tree.zeros(Own, shape._replace(tasks=len(seeds)), len(rates))  # type: ignore[no-any-return]

    def score(bank: Own, block: Block) -> Scores:
        return run(experts, block, teach=False, own=bank)

    def learn(bank: Own, block: Block) -> Scores:
        return run(experts, block, teach=True, own=bank)

    def message(bank: Own, rows: Rows) -> Silence:
        return Silence()

    def merge(bank: Own, rows: Rows, reply: Reply) -> None:
        return None

    def meet(shape: Shape, seed: int) -> Bank:
        return Silence()

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        return Silence()

    def model(bank: Own, rows: Rows) -> F32:
        return bank.v[rows]

    return Strategy(
        init, score, learn, message, merge, meet, mix, model, names("independent", rates)
    )
