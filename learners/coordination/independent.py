"""Each task learns alone: the baseline, and what no coordinated task may be worse than for long.

    min over v_t  sum_i l(v_t . x_i, y_i)       for each task t by itself, l the log loss

Learning: AdaGrad, O(non-zeros) an example. With g the gradient at the task's next example, for each
feature j that it holds,

    G_j <- G_j + g_j^2        v_j <- v_j - rate s g_j / sqrt(G_j + .01)

s <= 1 shortens the step to where endless small steps along the example would have led (importance
invariance, `links.temper`), so that no rate jumps past an example; `tempered=False` is s = 1. Of
more than two classes each has a column of the softmax, at half the rate.

Meetings: none. Nothing is told, and nothing heard.

Guarantee: for s = 1, on any examples in any order, against any v from which no weight is ever
further than D in any feature,

    sum_i l(v_i . x_i, y_i) - l(v . x_i, y_i)  <=  (D^2 / (2 rate) + rate) sum_j sqrt(G_j + .01)

with G_j the last sums: O(sqrt(n)) for bounded features. D is that of the run, for nothing is
projected. For s < 1 nothing is proved. Behind a scale of its own (`scaled`, by task) nothing that
another task does changes a bit of what it says.

Use it for tasks with nothing in common, or with plenty of examples each; and to see what the
others' company brings.

Source: Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic
optimization", JMLR 2011; Karampatziakis & Langford, "Online importance weight aware updates", UAI
2011. Ours: the .01 that sums start from, in the proof as in the code.
"""

from __future__ import annotations

from collections.abc import Sequence

from learners import tree
from learners.coordination.linear import RATES, Experts, Own, names, run
from learners.coordination.silence import silent
from learners.types import F32, I64, Block, Rows, Scores, Shape, Strategy


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

    def model(bank: Own, rows: Rows) -> F32:
        return bank.v[rows]

    return silent(init, score, learn, model, names("independent", rates))
