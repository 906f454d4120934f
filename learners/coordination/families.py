"""What `auto` mixes: five families of experts.

The own family sits behind each task's own scale, so that nothing another task sends changes its
scores; the coordinated ones behind the scale of the place. Four of them learn in one pass over each
example: their own weights lie together, lane by lane, and so do the common ones
(`learners.kernels`); each keeps its own meeting. The same strategy, slower, is

    own = scaled(independent(), by="task")
    together(own, scaled(together(drom(), shared(), pooled(), newton())))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from learners import tree
from learners.coordination.drom import Drom, drom
from learners.coordination.linear import (
    RATES,
    Common,
    Dual,
    Experts,
    Own,
    add,
    hear,
    names,
    run,
    tell,
)
from learners.coordination.newton import PACES, Newton, newton
from learners.coordination.newton import run as run_newton
from learners.coordination.scaled import hear_scale, others, place_scale
from learners.coordination.shared import shared_rates
from learners.scale import PlaceScale, TaskScale, passed
from learners.types import (
    F32,
    I64,
    Bank,
    Block,
    Inbox,
    Message,
    Reply,
    Rows,
    Scores,
    Shape,
    Strategy,
)

COUPLING = 0.1  # of drom


class Families(NamedTuple):
    """Both scales, and the parts that experts' weights are sums of."""

    alone: TaskScale  # what the own family sees through
    scale: PlaceScale  # and the others
    own: Own  # of independent, drom, shared
    dual: Dual  # of drom
    common: Common  # of shared, pooled
    newton: Newton


def families(
    rates: Sequence[float] = RATES, paces: Sequence[tuple[float, float]] = PACES
) -> Strategy:
    """The families `independent`, `drom`, `shared` and `pooled` at all the rates, and `newton`."""
    e, rates = len(rates), tuple(rates)
    slow, fast = shared_rates(rates)
    experts = Experts(
        e,
        own=rates + rates + slow,
        common=fast + rates,
        both=e,
        dual=rates,
        coupling=COUPLING,
        alone=e,
    )
    relations, metric = drom(rates, COUPLING), newton(paces)

    def init(seeds: I64, shape: Shape) -> Families:
        rows = shape._replace(tasks=len(seeds))
        return Families(
            tree.zeros(TaskScale, rows),
            place_scale(shape),
            tree.zeros(Own, rows, 3 * e, families=3),
            tree.zeros(Dual, rows, e),
            tree.zeros(Common, shape, 2 * e, families=2),
            metric.init(seeds, shape),
        )

    def work(bank: Families, block: Block, teach: bool) -> Scores:
        apart = passed(bank.alone, block, teach)
        block = block._replace(values=passed(bank.scale, block, teach))
        said = np.zeros((len(block.rows), block.first.shape[1], experts.number + len(paces)))
        run(experts, block, teach, bank.own, bank.common, bank.dual, apart, said)
        return run_newton(paces, bank.newton, block, teach, into=said)

    def score(bank: Families, block: Block) -> Scores:
        return work(bank, block, teach=False)

    def learn(bank: Families, block: Block) -> Scores:
        return work(bank, block, teach=True)

    def related(bank: Families) -> Drom:
        """The part of the bank that is drom's; what is written there is written in the bank."""
        return Drom(Own(bank.own.v[..., e : 2 * e], bank.own.g[..., 1:2]), bank.dual, (), ())

    def message(bank: Families, rows: Rows) -> Message:
        return relations.message(related(bank), rows), tell(bank.common), bank.scale.mine

    def merge(bank: Families, rows: Rows, reply: Reply) -> None:
        relations.merge(related(bank), rows, reply[0])
        hear(bank.common, reply[1])
        hear_scale(bank.scale, reply[2])

    def meet(shape: Shape, seed: int) -> Bank:
        return (relations.meet(shape, seed),)

    def mix(memory: Bank, inbox: Inbox) -> Reply:
        duals, told, seen = inbox.message
        return (
            relations.mix(memory[0], inbox._replace(message=duals)),
            add(told, inbox.adding),
            others(seen),
        )

    def model(bank: Families, rows: Rows) -> F32:
        v, u = bank.own.v[rows], (bank.common.mine + bank.common.heard)[None]
        pulled = relations.model(related(bank), rows)
        common = np.repeat(u[..., e:], len(rows), 0)
        curved = metric.model(bank.newton, rows)
        both = v[..., 2 * e :] + u[..., :e]
        return np.concatenate([v[..., :e], pulled, both, common, curved], -1)

    named = sum((names(f, rates) for f in ("independent", "drom", "shared", "pooled")), ())
    return Strategy(init, score, learn, message, merge, meet, mix, model, named + metric.experts)
