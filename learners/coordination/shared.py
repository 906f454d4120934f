"""A common model and each task's deviation from it: w_t = u + v_t."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from learners import tree
from learners.coordination.linear import (
    RATES,
    Common,
    Experts,
    Own,
    Silence,
    Told,
    add,
    hear,
    names,
    run,
    tell,
)
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
        return add(inbox.message)

    def model(bank: Shared, rows: Rows) -> F32:
        return (bank.common.mine + bank.common.heard)[None] + bank.own.v[rows]

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("shared", rates))
