"""AMTL: asynchronous multi-task learning; nobody waits for anybody (Baytas et al., ICDM 2016).

Synchronous proximal methods wait at every meeting for the slowest task. Here a task that hears what
the meeting made of all the others' newest words, however old these are, goes on at once:

    min_W sum_t l_t(w_t) + lambda g(W)
    v_t <- v_t + eta_k (p_t - eta grad l_t(p_t) - v_t),      P = prox_{eta lambda g}(V)

This is backward-forward splitting by one column, relaxed (Krasnosel'skii-Mann). The meeting keeps
V, never P: it does not write the prox back, or tasks that are silent would be shrunk again and
again. A task predicts with p_t, never with v_t. g is the trace norm (few common directions), L2,1
(few features), the distance from the mean, and any other of `prox`.

Learning: the paper takes one whole gradient an activation, and leaves stochastic ones to future
work: **the form per example is an extension of ours**. An activation is what lies between two
replies. The model played is p_t + (v_t - v_t as told), that is p_t and all that was learnt since,
so an example is heard at once, and the relaxation, which is dense, is done once a reply: an example
costs O(non-zeros). Steps are AdaGrad's. With `common`, w_t = u + that, g not seeing u (`shared`).
With step="constant" and whole=True it is the paper's: gradients at p_t, in sum the activation's.

Meetings: P by closed forms (`prox`; for the trace norm as in `trace`). Each task and class is a
column. What travels per activation and task is v_t, d float32 numbers a class and 8 bytes (replies
heard so far), up, and p_t - v_t, as many and 24 bytes (which v_t that is, eta_k), down; per place
with `common`, 2 d numbers a class each way (`shared`). A task has one request under way.

eta_k = min(1, 0.9 / (2 tau / sqrt(T) + 1)) for replies that are at most `tau` activations of others
old. `dynamic` multiplies it by log(max(nu, 10)), nu the mean of the task's last five delays, and at
most to 1 (beyond, the iteration diverges): a task that hears seldom goes further. The paper
measures delays in seconds; here they are in examples that the task learnt from telling to hearing,
which a journal repeats. It is a heuristic, there as here. A task's delays are in its state.

Guarantee: for convex l_t with L-Lipschitz gradients, eta < 2 / L, delays of at most tau and tasks
that speak by Poisson processes of the same rate, V converges almost surely to a fixed point, and
prox(V) to an optimum (Theorem 1), in the paper's form; delays change the speed, not the limit. The
form per example has no such guarantee.

Use it for tasks at many places of very different speed, or on a network with delays; in one place,
where all meet at once, `trace` and `mean` are the same with eta_k = 1.

Source: Baytas, Yan, Jain & Zhou, "Asynchronous multi-task learning", ICDM 2016; Peng, Xu, Yan &
Yin, "ARock", SIAM J. Sci. Comput. 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from learners.coordination import prox
from learners.coordination.linear import RATES
from learners.coordination.proximal import proximal
from learners.types import Strategy

PENALTIES: dict[str, prox.Prox] = {
    "trace": prox.trace,
    "l21": prox.l21,
    "l1": prox.l1,
    "mean": prox.mean,
    "relation": prox.relation,
    "clustered": prox.clustered,
    "ridge": prox.ridge,
}


def amtl(
    rates: Sequence[float] = RATES,
    coupling: float = 0.05,
    penalty: str | prox.Prox = "trace",
    tau: float = 4.0,
    *,
    dynamic: bool = False,
    common: bool = True,
    step: Literal["coordinate", "constant"] = "coordinate",
    whole: bool = False,
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates eta; other options as in `proximal`.

    Parameters
    ----------
    coupling
        lambda; at 0 every task is independent
    penalty
        g: a name of PENALTIES, or the prox itself
    tau
        how many activations of other tasks a reply may be old

    Raises
    ------
    ValueError
        for a penalty that is not known, and a tau that is no number from 0 on.
    """
    if isinstance(penalty, str) and penalty not in PENALTIES:
        raise ValueError(f"penalty: {penalty!r} is none of {', '.join(PENALTIES)}")
    if not 0 <= tau < np.inf:
        raise ValueError(f"tau: {tau!r} is not a number from 0 on")

    operator = PENALTIES[penalty] if isinstance(penalty, str) else penalty

    def relax(tasks: int) -> float:
        return min(1.0, 0.9 / (2.0 * tau / float(np.sqrt(max(1, tasks))) + 1.0))

    return proximal(
        "amtl", rates, coupling, lambda _: operator, common=common, relax=relax, dynamic=dynamic,
        step=step, whole=whole, tempered=tempered,
    )  # fmt: skip
