"""Consensus ADMM with learned relations (Li et al. 2025): a hub, or neighbours only.

Tasks k = 1..K in different places are alike in two ways: all have something in common, u, and what
each has besides, v_k, is related to the others' by a matrix Omega that is learnt. No place shows
its examples, so each has a copy w_k of its model that has to agree with the rest:

    min  sum_k sum_i loss(w_k . x_i, y_i) + (lambda_2 / 2) |u|^2 + (lambda_1 / 2) |V|^2
         + (lambda_3 / 2) tr(V Omega^-1 V')            so that  w_k = u + v_k  for all k

Learning: for each example, with its loss's gradient g, the proximal step of the augmented
Lagrangian (z: multipliers of w_k = u + v_k; rho: penalty; eta: weight of the way from the last w)

    w_k <- (eta w_k + rho m_k - g) / (rho + eta),     m_k = u + v_k - z_k / rho

m_k is the same for all examples between two meetings, so w_k = m_k + q a with a scalar q that
shrinks by eta / (rho + eta), and an example costs O(non-zeros). `rates` are 1 / eta; `step` is
"constant", "sqrt" (eta grows as the root of the task's examples, without which no step ever
settles) or "coordinate": AdaGrad's own steps on the log loss, and all the pulls, q = exp(-rho rate)
for each example, at once at the meeting: by a tenth of the way at most, since where meetings are
rare m_k is of long ago, and only for features that the task has seen and heard of.

Meetings: what travels, per meeting and task, is w up and m down, d floats each (float32). The
meeting keeps z and V, and takes, with S = Z + rho W,

    (u, V) <- the least of the Lagrangian, both at once:  B = (lambda_1 + rho) I + lambda_3 Omega^-1
              u = (S 1 - rho S B^-1 1) / (lambda_2 + rho K - rho^2 1' B^-1 1)
              V = (S - rho u 1') B^-1
    Omega  <- (V' V)^(1/2) of trace K, a tenth of it the identity, lest new tasks stay out
    z_k    <- z_k + rho (w_k - u - v_k)

in O(K^2 d + K^3). With more than 256 tasks and more than 256 columns Omega stays the identity. At a
hub all tasks meet. Over a network every place does that step for its tasks with those of places
that it heeds (`Inbox.mixing` above 0), all counting alike; on the complete graph that is the hub's.
Neighbours' z and V do not travel: with a meeting at each place, they are what it makes of those it
hears. A task that says nothing new still takes part with what it said last.

Guarantee: with all examples at hand, Omega fixed and every w_k made least in each round, this is
ADMM of two blocks on a convex problem, which converges to the least (Boyd, Parikh, Chu, Peleato &
Eckstein, 2011); and while tasks are silent, meetings bring u + v_k to w_k. For one proximal step an
example, a learnt Omega and neighbours only, nothing is proved.

Use it where places may tell models but neither gradients nor examples, and meet often. It has more
settings than the others, and they matter: on the generator that ships with it the script's own errs
half as much again as each task alone, ours as much as each task alone. Where meetings are rare it
is each task alone, nearly.

Source: Li, Zhao et al., on decentralised online multi-task learning by ADMM, Neurocomputing 2025
(arXiv 2411.06135), and the code that ships with it. **A reconstruction** from that code: w_k = u +
v_k, the steps of w and z, and relations by (V' V)^(1/2) are the code's. `form="script"` takes u and
V as the code does, whose V is the exact one along the mean only and whose term of relations,
lambda_4 V Omega^+, is added where a penalty would be subtracted (it grows without bound once
lambda_4 K > 1); its loss is `loss="sign"`, the hinge at the sign of the margin. Ours are the exact
step of u and V (`form="joint"`), Omega's floor, meetings less often than examples, the closed form
between them, "sqrt" and "coordinate", and neighbourhoods as sets of tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.admm_kernels import fade, learner, left
from learners.coordination.admm_meeting import joint, script
from learners.coordination.linear import Experts, Own, names, run
from learners.types import F32, F64, I64, Block, Inbox, Rows, Scores, Shape, Strategy


class Way(NamedTuple):
    """The way from the centre: w = m + exp(-H) a."""

    a: Annotated[F32, "tdke"]


class Pull(NamedTuple):
    """What w is pulled to."""

    m: Annotated[F32, "tdke"]  # centre, as last heard
    H: Annotated[F64, "te"]  # sum of the pulls since
    n: Annotated[I64, "t1"]  # examples learnt


class Admm(NamedTuple):
    """State of the tasks: own weights by coordinate, else the way from the centre."""

    w: Own | Way
    pull: Pull


class Told(NamedTuple):
    """A task's model."""

    w: Annotated[F32, "tdke"]


class Heard(NamedTuple):
    """What it is pulled to."""

    m: Annotated[F32, "tdke"]


class Consensus(NamedTuple):
    """What the meeting remembers."""

    z: Annotated[F64, "tdke"]
    v: Annotated[F64, "tdke"]


def admm(
    rates: Sequence[float] = (2.0,),
    rho: float = 0.001,
    penalties: Sequence[float] = (1e-4, 1e-4, 1e-4),
    *,
    step: Literal["coordinate", "constant", "sqrt"] = "coordinate",
    loss: Literal["logistic", "hinge", "sign"] = "logistic",
    form: Literal["joint", "script"] = "joint",
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates.

    Parameters
    ----------
    rates
        1 / eta, one for each expert; by coordinate, AdaGrad's
    rho
        penalty of disagreement
    penalties
        lambda_1 of V, lambda_2 of u, lambda_3 of V by relations; for the script, lambda_4 too
    step, loss
        see above; by coordinate the loss is logistic
    form
        of the meeting's step: the exact one, or the script's
    tempered
        importance-invariant steps (`links.temper`), where they are by coordinate

    Raises
    ------
    ValueError
        that names what is out of its range.
    """
    if not 0 < rho < np.inf:
        raise ValueError(f"rho: {rho!r} is not a number above 0")
    if len(penalties) != (3 if form == "joint" else 4) or not all(0 < one for one in penalties):
        raise ValueError(f"penalties: {tuple(penalties)!r} are not 3 numbers above 0 (script: 4)")
    if not all(rate > 0 for rate in rates):
        raise ValueError(f"rates: {tuple(rates)!r} are not all above 0")
    if step == "coordinate" and loss != "logistic":
        raise ValueError("step: by coordinate, the loss is logistic")
    e = len(rates)
    eta = 1 / np.array(rates, np.float64)
    pulls = rho * np.array(rates, np.float64)
    experts = Experts(e, own=tuple(rates), tempered=tempered)
    least = joint if form == "joint" else script

    def init(seeds: I64, shape: Shape) -> Admm:
        rows = shape._replace(tasks=len(seeds))
        kind = Own if step == "coordinate" else Way
        return Admm(tree.zeros(kind, rows, e), tree.zeros(Pull, rows, e))

    def work(bank: Admm, block: Block, teach: bool) -> Scores:
        if isinstance(bank.w, Own):
            if teach:
                fade(block.rows, bank.pull.H, pulls)
            return run(experts, block, teach, own=bank.w)
        k, classes = bank.w.a.shape[-2], block.first.shape[1]
        scores = np.zeros((len(block.rows), classes, e))
        learner(k == 1, e, loss, step == "sqrt")(
            block.rows, block.indptr, block.slots, block.runs, block.values, block.labels,
            block.weights, block.first, block.start, bank.pull.m.reshape(-1),
            bank.w.a.reshape(-1), bank.pull.H, bank.pull.n, eta, rho, scores.reshape(-1), teach,
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

    def score(bank: Admm, block: Block) -> Scores:
        return work(bank, block, teach=False)

    def learn(bank: Admm, block: Block) -> Scores:
        return work(bank, block, teach=True)

    def pulled(bank: Admm, rows: Rows) -> F32:
        """Models with all pulls so far."""
        m = bank.pull.m[rows]
        by = left(bank.pull.H[rows]).astype(np.float32)[:, None, None]
        if isinstance(bank.w, Own):
            w = bank.w.v[rows]
            return np.where(m != 0, m + by * (w - m), w)  # what is not heard of pulls nobody
        return m + by * bank.w.a[rows]

    def message(bank: Admm, rows: Rows) -> Told:
        return Told(pulled(bank, rows))

    def merge(bank: Admm, rows: Rows, reply: Heard) -> None:
        w, m = pulled(bank, rows), reply.m
        if isinstance(bank.w, Own):
            # What a task keeps follows the features that it has seen, however many others have.
            m = np.where(bank.w.g[rows] > 0, m, np.float32(0))
            bank.w.v[rows] = w
        else:
            bank.w.a[rows] = w - m
        bank.pull.m[rows] = m
        bank.pull.H[rows] = 0.0

    def meet(shape: Shape, seed: int) -> Consensus:
        return tree.zeros(Consensus, shape, e)  # type: ignore[no-any-return]

    def mix(memory: Consensus, inbox: Inbox) -> Heard:
        w = np.asarray(inbox.message.w, np.float64)
        m = np.zeros_like(inbox.message.w)
        linked = inbox.mixing > 0.0
        z, v = memory.z.copy(), memory.v.copy()  # as they were, for all places
        if linked.all():
            groups = [(np.arange(len(w)), np.ones(len(w), bool))]
        else:
            heeded = (linked | np.eye(len(linked), dtype=bool))[:, inbox.senders]
            groups = [(np.flatnonzero(h), inbox.senders[h] == i) for i, h in enumerate(heeded)]
        for rows, own in groups:
            if not own.any():
                continue
            mine = rows[own]
            for q in range(w.shape[2]):
                for s in range(e):
                    S = z[rows, :, q, s] + rho * w[rows, :, q, s]
                    u, V = least(S, np.ascontiguousarray(v[rows, :, q, s]), rho, penalties)
                    centre = u + V[own]
                    step_z = z[mine, :, q, s] + rho * (w[mine, :, q, s] - centre)
                    memory.z[mine, :, q, s], memory.v[mine, :, q, s] = step_z, V[own]
                    m[mine, :, q, s] = centre - step_z / rho
        return Heard(m)

    def model(bank: Admm, rows: Rows) -> F32:
        return bank.w.v[rows] if isinstance(bank.w, Own) else pulled(bank, rows)

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("admm", rates))
