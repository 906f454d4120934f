"""Neighbours weighed by their loss on a task's own examples; whoever is worse than it is dropped.

Each task learns its own model and may use its neighbours' models, of which some are of the same
task, some of others, and some lies, made for it alone; it does not know which. Task k wants a small
risk r_k(theta) = E loss(theta; example of k), whatever they send. Of each neighbour it keeps an
average of the losses that the neighbour's model has on its own examples, and weighs by that:

    adapt        psi_k = theta_k - mu grad loss(theta_k; x, y)
    accumulate   phi_kl <- (1 - nu) phi_kl + nu loss(psi_l; x, y)         for l = k and neighbours
    filter       N = {l: phi_kl <= phi_kk}, in which k itself always is
    combine      theta_k = sum over N of a_kl psi_l,  a_kl = phi_kl**-1 / sum over N of phi_kp**-1

1 / phi minimises sum_l a_l**2 phi_l over weights of sum 1; the filter makes it resilient.

Learning: psi_k is AdaGrad logistic regression of the task's own examples, whatever others send. An
example is answered by theta_k with the weights that earlier examples gave; then all models are
judged on it, the own one too, before it is learnt from. theta_k is never formed: its margins are
the mean of the models' margins, O(n non-zeros) an example for n neighbours.

Meetings: each task tells psi_k, 4 d k bytes, and hears those of its n neighbours, n (4 d k + 8)
bytes: all the other tasks while there are at most n, else n that are drawn by their names on a
ring, so that tasks that come and go change few of them; on a network, tasks of neighbouring places
alone. A task keeps n models besides its own. A model is used once its sender has been judged on
1 / nu examples; one with a weight that is not a number, or beyond 10**18, is dropped, and its
sender has to prove itself anew. Behind a scale of each task (`scaled`, by task) nothing else that
others send has any effect; a scale of the place may be lied to.

Guarantee: with phi the true risks, convex losses and any number of liars, r_k(theta_k) <= sum_l
a_kl r_k(psi_l) <= r_k(psi_k): a combination is a mean of models that are no worse than the own one
(by convexity; at most the harmonic mean |N| / sum of 1 / r_k). So one can move a task's answers
only by sending it something better, and with nobody in N but itself they are those of no
coordination, bit for bit. With the moving averages it holds up to their error.

Use it where tasks may be unrelated or hostile and each has examples enough to judge by, several
times 1 / nu. Where all are known to be related and honest, `shared` or `drom` make more of them: a
mean of models that learnt apart has less noise, but has not learnt from more examples.

Source: Li, Abbas & Koutsoukos, "Byzantine resilient distributed multi-task learning", NeurIPS 2020.
Its are the rules (`byzantine_rules`), phi_0 = 1 and nu = .05. Ours: steps by AdaGrad; judging
before the step and not after it, which with a step an example would flatter the own model; choosing
n neighbours, and proving oneself first; and that the next step starts from psi_k, where in the
paper it starts from theta_k. There models are exchanged at every step; with the neighbours' models
of the last meeting, each combination would take back what was learnt since, and in one pass over a
stream averaging costs more than its noise (measured on activities of 12 people: 25.7 % error alone,
24.2 so, 30.0 with combinations learnt on from). A neighbour's loss is that of the model as
received, not of the model its sender has, as in the code published with the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.byzantine_meeting import choose, combined, consult, copy, hear, keys
from learners.coordination.byzantine_rules import DISTANCE, NONE, RULES, Rule, accumulate
from learners.coordination.drom_kernels import squares
from learners.coordination.independent import independent
from learners.coordination.linear import RATES, Experts, Own, names, run
from learners.types import F32, F64, I64, Bank, Block, Inbox, Reply, Rows, Scores, Shape, Strategy


class Near(NamedTuple):
    """A task's neighbours as it knows them."""

    models: Annotated[F32, "tdkne"]  # psi_l, as last heard
    name: Annotated[I64, "tn"]  # the key of whose it is; 0: nobody's
    age: Annotated[I64, "tl"]  # examples judged on; first the task itself; -1: there is nobody
    phi: Annotated[F64, "tle"]  # first the task's own


class Before(NamedTuple):
    """What distances are measured from."""

    v: Annotated[F32, "tdke"]  # the own model when a reply was last heard


class Byzantine(NamedTuple):
    """State of the tasks."""

    own: Own
    near: Near
    before: Before | tuple[()]


class Told(NamedTuple):
    """A task's own model as it stands."""

    v: Annotated[F32, "tdke"]


class Drawn(NamedTuple):
    """What a meeting remembers."""

    seed: Annotated[I64, "1"]  # of who is drawn: so nobody can choose a name to be everyone's


class Heard(NamedTuple):
    """The models of a task's neighbours."""

    models: Annotated[F32, "tdkne"]
    name: Annotated[I64, "tn"]


def byzantine(
    rates: Sequence[float] = RATES,
    neighbours: int = 8,
    nu: float = 0.05,
    phi0: float = 1.0,
    *,
    rule: Rule = "loss",
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates.

    Parameters
    ----------
    rates
        of the tasks' own steps, one for each expert
    neighbours
        n, how many a task hears at most; it keeps that many models besides its own
    nu
        weight of the newest example in phi, above 0 and at most 1
    phi0
        phi of everyone at first
    rule
        "loss", the paper's; or one of those that it compares with: "average" (all alike),
        "distance" (1 / phi of squared distances, without a filter), "none" (each by itself)

    Raises
    ------
    ValueError
        when one of them is out of its range.
    """
    if neighbours < 1:
        raise ValueError(f"neighbours: {neighbours!r} is less than 1")
    if not 0 < nu <= 1:
        raise ValueError(f"nu: {nu!r} is not above 0 and at most 1")
    if not 0 < phi0 < np.inf:
        raise ValueError(f"phi0: {phi0!r} is not a number above 0")
    if rule not in RULES:
        raise ValueError(f"rule: {rule!r} is none of {', '.join(RULES)}")
    e, n, which, proved = len(rates), neighbours, RULES[rule], round(1 / nu)
    alone = independent(rates, tempered=tempered)  # what psi is
    crowd = Experts(e, own=tuple(rates) * n)  # neighbours' models, scored side by side

    def init(seeds: I64, shape: Shape) -> Byzantine:
        rows = shape._replace(tasks=len(seeds))
        near: Near = tree.zeros(Near, rows, e, n=n, l=1 + n)
        near.phi[:], near.age[:, 1:] = phi0, -1
        before = tree.zeros(Before, rows, e) if which == DISTANCE else ()
        return Byzantine(alone.init(seeds, shape), near, before)

    def answer(bank: Byzantine, block: Block, teach: bool) -> Scores:
        near, others = bank.near, np.zeros((len(block.rows), n * e, block.first.shape[1]))
        if which != NONE and near.name[block.rows].any():
            models = near.models.reshape(*near.models.shape[:-2], n * e)
            others = run(crowd, block, teach=False, own=Own(models, models))
        said = (alone.learn if teach else alone.score)(bank.own, block)
        consult(
            block.rows, block.labels, block.weights, said.transpose(0, 2, 1),
            others.transpose(0, 2, 1), nu, proved, which, near.age, near.phi,
            teach and which < DISTANCE,
        )  # fmt: skip
        return said

    def score(bank: Byzantine, block: Block) -> Scores:
        return answer(bank, block, teach=False)

    def learn(bank: Byzantine, block: Block) -> Scores:
        return answer(bank, block, teach=True)

    def message(bank: Byzantine, rows: Rows) -> Told:
        return Told(bank.own.v[rows])

    def merge(bank: Byzantine, rows: Rows, reply: Heard) -> None:
        own, near, before = bank
        hear(rows, near.models, near.name, near.age, near.phi, phi0, *reply)
        if isinstance(before, Before):
            phi, started = near.phi[rows], before.v[rows]
            for m in range(1 + n):
                to = near.models[rows, :, :, m - 1] if m else own.v[rows]
                phi[:, m] = accumulate(phi[:, m], squares(to - started), nu)
            near.phi[rows], before.v[rows] = phi, own.v[rows]

    def meet(shape: Shape, seed: int) -> Bank:
        return Drawn(np.array([seed], np.int64))

    def mix(memory: Drawn, inbox: Inbox) -> Reply:
        v: F32 = inbox.message.v
        known = keys(inbox.tasks)
        chosen = choose(known, inbox.senders, inbox.mixing, int(memory.seed[0]), n)
        models: Any = np.zeros((*v.shape[:3], n, e), np.float32)
        copy(v, chosen, models)
        return Heard(models, np.where(chosen >= 0, np.append(known, 0)[chosen], 0))

    def model(bank: Byzantine, rows: Rows) -> F32:
        near = bank.near
        out: F32 = combined(rows, bank.own.v, near.models, near.age, near.phi, which, proved)
        return out

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("byzantine", rates))
