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

Learning: AdaGrad logistic regression of each task, exactly as without any neighbours. Besides, the
neighbours' models are scored on each example before it is learnt from, and so is the own model: all
are judged on what they have not learnt. O(n non-zeros) an example for n neighbours.

Meetings: each task tells its model, 4 d k bytes, and hears those of its n neighbours, n (4 d k + 8)
bytes: all the other tasks while there are at most n, else n that are drawn by their names on a
ring, so that tasks that come and go change few of them; on a network, tasks of neighbouring places
alone. A task keeps n models besides its own. What is combined when a reply is heard are the models
heard the last time, which were judged since: none is used on trust. A model with a weight that is
not a number, or beyond 10**18, is dropped, and its sender has to start anew.

Guarantee: with phi the true risks, convex losses and any number of liars, r_k(theta_k) <= sum_l
a_kl r_k(psi_l) <= r_k(psi_k): a combination is a mean of models that are no worse than the own one
(by convexity; at most the harmonic mean |N| / sum of 1 / r_k). So one can move a task only by
sending it something better, and with nobody in N but itself its trajectory is that of no
coordination, bit for bit. With the moving averages it holds up to their error.

Use it where tasks may be unrelated or hostile and each has examples enough to judge by: some 1 / nu
of them before a neighbour's standing is known. Where all are known to be related and honest,
`shared` or `drom` use fewer examples.

Source: Li, Abbas & Koutsoukos, "Byzantine resilient distributed multi-task learning", NeurIPS 2020.
Its are the rules (`byzantine_rules`), phi_0 = 1 and nu = .05. Ours: steps by AdaGrad; combining
once a meeting and not once an example, for the neighbours' models are news only then, and a
combination with old ones at every example would take back what was learnt since; judging before the
step and not after it, which with a step an example would flatter the own model; choosing n
neighbours; a column that no neighbour tells of keeps its own weight. A neighbour's loss is that of
the model as received, not of the model its sender has, as in the code published with the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.byzantine_meeting import choose, copy, hear, judge, keys
from learners.coordination.byzantine_rules import DISTANCE, LOSS, RULES, Rule, accumulate
from learners.coordination.drom_kernels import squares
from learners.coordination.independent import independent
from learners.coordination.linear import RATES, Experts, Own, names, run
from learners.types import F32, F64, I64, Bank, Block, Inbox, Reply, Rows, Scores, Shape, Strategy


class Near(NamedTuple):
    """The models that a task judges: its own as it told it, the first, and its neighbours'."""

    models: Annotated[F32, "tdkne"]  # psi, all told for the same meeting
    name: Annotated[I64, "tn"]  # the key of whose it is; 0: nobody's
    phi: Annotated[F64, "tne"]
    tried: Annotated[I64, "t1"]  # 0: there is nothing to judge; else 1 + examples judged on
    turn: Annotated[I64, "t1"]  # combinations so far


class Byzantine(NamedTuple):
    """State of the tasks."""

    own: Own
    near: Near


class Told(NamedTuple):
    """A task's model as it stands."""

    v: Annotated[F32, "tdke"]
    turn: Annotated[I64, "t1"]  # which combination it has behind it


class Drawn(NamedTuple):
    """What a meeting remembers."""

    seed: Annotated[I64, "1"]  # of who is drawn: so nobody can choose a name to be everyone's


class Heard(NamedTuple):
    """A task's own model, as it told it, and its neighbours'."""

    models: Annotated[F32, "tdkne"]
    name: Annotated[I64, "tn"]
    turn: Annotated[I64, "t1"]


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
    e, n, which = len(rates), 1 + neighbours, RULES[rule]
    alone = independent(rates, tempered=tempered)  # what it is between meetings
    crowd = Experts(own=tuple(rates) * n)  # models to be judged, scored as experts side by side

    def init(seeds: I64, shape: Shape) -> Byzantine:
        near: Near = tree.zeros(Near, shape._replace(tasks=len(seeds)), e, n=n)
        near.phi[:] = phi0
        return Byzantine(alone.init(seeds, shape), near)

    def score(bank: Byzantine, block: Block) -> Scores:
        return alone.score(bank.own, block)

    def learn(bank: Byzantine, block: Block) -> Scores:
        near = bank.near
        if which == LOSS and near.tried[block.rows].any():
            models = near.models.reshape(*near.models.shape[:-2], n * e)
            said = run(crowd, block, teach=False, own=Own(models, models)).transpose(0, 2, 1)
            judge(
                block.rows, block.labels, block.weights, said, nu, near.name, near.phi, near.tried
            )
        elif which != LOSS:
            near.tried[block.rows] += near.tried[block.rows] > 0
        return alone.learn(bank.own, block)

    def message(bank: Byzantine, rows: Rows) -> Told:
        return Told(bank.own.v[rows], bank.near.turn[rows])

    def merge(bank: Byzantine, rows: Rows, reply: Heard) -> None:
        own, near = bank
        if which == DISTANCE:
            measure(own.v, near, rows[near.tried[rows, 0] > 1])
        hear(
            rows, own.v, near.models, near.name, near.phi, near.tried, near.turn, which, phi0,
            *reply,
        )  # fmt: skip

    def measure(v: F32, near: Near, rows: Rows) -> None:
        """Take in the squared distances from the own model as told, and of that to itself now."""
        started, phi = near.models[rows, :, :, 0], near.phi[rows]
        for m in range(n):
            to = near.models[rows, :, :, m] if m else v[rows]
            phi[:, m] = accumulate(phi[:, m], squares(to - started), nu)
        near.phi[rows] = phi

    def meet(shape: Shape, seed: int) -> Bank:
        return Drawn(np.array([seed], np.int64))

    def mix(memory: Drawn, inbox: Inbox) -> Reply:
        v, turn = inbox.message
        known = keys(inbox.tasks)
        chosen = choose(known, inbox.senders, inbox.mixing, int(memory.seed[0]), neighbours)
        models = np.zeros((*v.shape[:3], n, e), np.float32)
        copy(v, chosen, models)
        name = np.where(chosen >= 0, np.append(known, 0)[chosen], 0)
        return Heard(models, np.concatenate([known[:, None], name], 1), turn)

    def model(bank: Byzantine, rows: Rows) -> F32:
        return alone.model(bank.own, rows)

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("byzantine", rates))
