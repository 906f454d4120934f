"""Two phases: tasks share within a node, then nodes agree over a network (Zhang et al. 2018).

K tasks are learnt at each of N nodes. The tasks differ, so each needs a model of its own; but what
is learnt of one task at one node should be known at all of them. Every node i holds models W_i (K,
d) of all tasks, which ought to be close to each other, as the matrix A (Cavallanti, Cesa-Bianchi &
Gentile, JMLR 2010) and its coupling b >= 0 put it, and the same at all nodes in the end:

    min_U  sum_t sum_i loss(u_k . x, y),   |U|_A^2 = sum_k |u_k|^2 + (b / K) sum_{j<k} |u_j - u_k|^2
    A = (1 + b) I - (b / K) 1 1',   A^-1 = (I + (b / K) 1 1') / (1 + b)

Learning: phase (i). Node i meets an example of task k whose loss has the gradient g, and moves all
tasks: w_j <- w_j - eta_t [A^-1]_jk g. Written as w_k = v_k + u / sqrt(K) that is a step of
eta / (1 + b) for v_k and one of eta b / (1 + b) for u behind values x / sqrt(K): O(non-zeros), for
any number of tasks. K is counted: the tasks that have learnt at this place so far. `step="sqrt"` is
the paper's eta / sqrt(t), t the node's examples, and "constant" eta; with "coordinate" v and u take
AdaGrad's steps in those coordinates, at eta / sqrt(1 + b) and eta sqrt(b / (1 + b)).
`coupling=None` is b = K, the classic choice (own weight 2 / (K + 1), others' 1 / (K + 1)), with v
and u at one rate, which is eta / sqrt(1 + K).

Meetings: phase (ii), W_i <- sum_l P_il W_l, with P how much each place heeds each (1 / N at a hub,
Metropolis weights on a network). A task lives at one place, so a problem that several nodes hold is
a task at each: "spam@@north" and "spam@@south" are one problem, "spam", by the name before the last
`at`. Rows of one problem are mixed, and every place's u; tasks whose problem nobody else has keep
their v. Since v and u are mixed alike, W is. A node without a row of a problem is as one that
dropped out: its weight is the other's own, so a symmetric P stays doubly stochastic and the mean of
a problem's models stays (at a hub, 1 / m for m nodes of a problem). Rows of one problem at one
place, if it holds several, share its weight. Each node tells w (its model) and h (what meetings
made of it), and hears the new h; what it learnt itself, w - h, it keeps. So what was learnt between
telling and hearing is not lost, and a message or a reply may be lost, come late or twice. (Where
only some hear, the mean goes with those who did.) A row that comes later is not heeded at first,
and does not pull the others towards 0: it begins where they are, plus what it has learnt; likewise
a place without any example for u. What travels, per meeting and task 2 d floats up and d down, and
as much for u (float32); a meeting costs O(m^2 d) for a problem at m nodes and O(N^2 d) for u.

With `relations="learned"` the meeting also learns how a place's tasks are related, from their
models as they stand, Omega = (W W')^(1/2), scaled to the trace of A^-1 (K at b = 0), and puts what
phase (i) would have done by Omega in the place of a share `trust` of what it did by A^-1 since the
last meeting. So every example acts on all tasks at once, by A^-1, and new tasks, whose models say
little yet, still learn by the rest of it; the first `warmup` meetings only look on. With a meeting
after each example and a trust of 1, that is phase (i) by Omega to the letter. It is for steps that
are linear in the gradient, "sqrt" and "constant". O(K^2 d + K^3) a meeting; with more than 256
tasks and more than 256 columns, A^-1 is left as it is. A reply that is lost leaves A^-1's moves for
that time.

Guarantee: for convex losses with gradients of at most |x| <= X, constant eta, a symmetric doubly
stochastic P whose second largest singular value is s < 1, a meeting after each example and N nodes
with K tasks each, every node i has against any U

    regret of W_i  <=  N [ |U|_A^2 / (2 eta) + eta T G^2 (1/2 + 3 sqrt(N) s / (1 - s)) ]
    G^2 = X^2 (K + b) / ((1 + b) K)

on the examples of all nodes: O(sqrt(T)) with the best eta; and in A's norm nodes are at most eta G
sqrt(N) s / (1 - s) from their mean. For steps by coordinate and learnt relations nothing is proved.

Use it where several places see examples of the same tasks and no one place may see all, and where
places come and go; `shared` where each task has one place. With much data for each task, a small b
(1) gains where tasks are alike and costs little where not; a large one makes them one.

Source: Zhang, Zhao, Hao, Soh, Lee, Miao & Hoi, "Distributed multi-task classification: a
decentralized online learning approach", Machine Learning 107 (2018). **A reconstruction**: of the
paper the abstract and the introduction were to be had, not the algorithm's box. The two phases,
that every node holds all tasks, and regret of O(sqrt(T)) are the paper's; A is the usual choice of
the work it builds on; that bound was proved and checked here. Ours are: u + v (equal to A^-1), K
that is counted, problems by name, the way models travel, newcomers, AdaGrad, and the correction by
Omega, which follows Saha, Rai, Daume & Venkatasubramanian, "Online learning of multiple tasks and
their relationships", AISTATS 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners import tree
from learners.coordination.linear import RATES, Common, Experts, Own, names, run
from learners.coordination.silence import Silence
from learners.coordination.two_phase_kernels import agree, count, learner, spread
from learners.coordination.two_phase_meeting import correction, problems, weights
from learners.types import F32, I64, Bank, Block, Inbox, Rows, Scores, Shape, Strategy


class Agreed(NamedTuple):
    """What meetings made of each task's v."""

    h: Annotated[F32, "tdke"]  # part of v
    joined: Annotated[I64, "t1"]  # 1: it has heard a reply
    known: Annotated[I64, "t1"]  # 1: it is one of the place's K


class Here(NamedTuple):
    """Of the place."""

    tasks: Annotated[I64, "1"]  # K
    examples: Annotated[I64, "1"]  # t of eta / sqrt(t)


class TwoPhase(NamedTuple):
    """Both parts; the common model is common.mine + common.heard, over sqrt(K)."""

    common: Common
    own: Own
    agreed: Agreed
    here: Here


class Told(NamedTuple):
    """A node's models, and what meetings made of them."""

    v: Annotated[F32, "tdke"]
    h: Annotated[F32, "tdke"]
    joined: Annotated[I64, "t1"]
    mine: Annotated[F32, "dke"]
    heard: Annotated[F32, "dke"]
    tasks: Annotated[I64, "1"]


class Heard(NamedTuple):
    """What meetings have made of them now."""

    h: Annotated[F32, "tdke"]
    heard: Annotated[F32, "dke"]


class Before(NamedTuple):
    """What a meeting that learns relations remembers."""

    moves: Annotated[F32, "tdke"]  # what tasks had learnt themselves when they spoke last
    meetings: Annotated[I64, "1"]


def two_phase(
    rates: Sequence[float] = RATES,
    coupling: float | None = None,
    *,
    step: Literal["coordinate", "constant", "sqrt"] = "coordinate",
    loss: Literal["hinge", "logistic"] = "logistic",
    relations: Literal["fixed", "learned"] = "fixed",
    trust: float = 0.5,
    warmup: int = 10,
    at: str = "@@",
    tempered: bool = True,
) -> Strategy:
    """The strategy, for each of several rates eta.

    Parameters
    ----------
    rates
        eta, one for each expert
    coupling
        b; at 0 every task is independent, bit for bit. None: K, whatever it is
    step, loss
        AdaGrad by coordinate on the log loss; or eta or eta / sqrt(t), on that or the hinge loss
    relations, trust, warmup
        by A^-1, or by what the tasks' models say, by that share and after so many meetings
    at
        what a task's name has between its problem and its node
    tempered
        importance-invariant steps (`links.temper`), where they are by coordinate

    Raises
    ------
    ValueError
        that names what is out of its range.
    """
    if coupling is not None and not 0 <= coupling < np.inf:
        raise ValueError(f"coupling: {coupling!r} is not a number from 0 on")
    if coupling is None and step != "coordinate":
        raise ValueError("coupling: None is for steps by coordinate")
    if step == "coordinate" and (loss == "hinge" or relations == "learned"):
        raise ValueError("step: by coordinate, the loss is logistic and relations are fixed")
    if not 0 <= trust <= 1:
        raise ValueError(f"trust: {trust!r} is not from 0 to 1")
    if not at:
        raise ValueError("at: nothing stands between problem and node")
    e = len(rates)
    eta = np.array(rates, np.float32)
    b = 0.0 if coupling is None else coupling
    by_v, by_u = 1 / (1 + b), b / (1 + b)  # shares of a step
    if coupling is None:
        experts = Experts(e, own=tuple(rates), common=tuple(rates), both=e, tempered=tempered)
    else:
        slow, fast = (tuple(rate * float(np.sqrt(by)) for rate in rates) for by in (by_v, by_u))
        experts = Experts(e, slow, fast, both=e, alone=e, tempered=tempered)

    def init(seeds: I64, shape: Shape) -> TwoPhase:
        rows = shape._replace(tasks=len(seeds))
        own, agreed = tree.zeros(Own, rows, e), tree.zeros(Agreed, rows, e)
        return TwoPhase(tree.zeros(Common, shape, e), own, agreed, tree.zeros(Here, shape))

    def work(bank: TwoPhase, block: Block, teach: bool) -> Scores:
        known, tasks = bank.agreed.known, bank.here.tasks
        if coupling is None:
            if teach:
                count(block.rows, known, tasks)
            return run(experts, block, teach, own=bank.own, common=bank.common)
        less = spread(block.rows, block.indptr, block.values, known, tasks, teach)
        if step == "coordinate":
            common, own = block._replace(values=less), block.values
            return run(experts, common, teach, own=bank.own, common=bank.common, apart=own)
        k, classes = bank.common.mine.shape[1], block.first.shape[1]
        scores = np.zeros((len(block.rows), classes, e))
        learner(k == 1, e, loss == "hinge", step == "sqrt")(
            block.rows, block.indptr, block.columns, block.slots, block.runs, block.values, less,
            block.labels, block.weights, block.first, block.start, bank.own.v.reshape(-1),
            bank.common.mine.reshape(-1), bank.common.heard.reshape(-1), bank.here.examples, eta,
            by_v, by_u, scores.reshape(-1), teach,
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

    def score(bank: TwoPhase, block: Block) -> Scores:
        return work(bank, block, teach=False)

    def learn(bank: TwoPhase, block: Block) -> Scores:
        return work(bank, block, teach=True)

    def message(bank: TwoPhase, rows: Rows) -> Told:
        common, agreed, here = bank.common, bank.agreed, bank.here
        v, h, joined = bank.own.v[rows], agreed.h[rows], agreed.joined[rows]
        return Told(v, h, joined, common.mine, common.heard, here.tasks)

    def merge(bank: TwoPhase, rows: Rows, reply: Heard) -> None:
        bank.own.v[rows] += reply.h - bank.agreed.h[rows]
        bank.agreed.h[rows] = reply.h
        bank.agreed.joined[rows] = 1
        if reply.heard is not None:
            bank.common.heard[:] = reply.heard

    def meet(shape: Shape, seed: int) -> Bank:
        return Silence() if relations == "fixed" else tree.zeros(Before, shape, e)

    def mix(memory: Bank, inbox: Inbox) -> Heard:
        told: Told = inbox.message
        alike = bool((inbox.mixing == inbox.mixing[0, 0]).all())  # as at a hub
        heard = _flat(told.heard)
        speaks = told.tasks[:, 0] > 0
        u = agree(inbox.mixing, alike, _flat(told.mine) + heard, heard, speaks, speaks)
        v, h = told.v.copy(), told.h.copy()
        if relations == "learned":
            _relate(memory, inbox, v, h)
        w, made = _flat(v), _flat(h)
        for rows in problems(inbox.tasks, at):
            P = weights(inbox.mixing, inbox.senders[rows])
            joined = told.joined[rows, 0] > 0
            everyone = np.ones(len(rows), bool)
            made[rows] = agree(P, alike, w[rows], made[rows], everyone, joined)
        return Heard(made.reshape(h.shape), u.reshape(told.heard.shape))

    def _relate(memory: Before, inbox: Inbox, v: F32, h: F32) -> None:
        """Add to v and h what relations make of the moves since the last meeting, by place."""
        told: Told = inbox.message
        own = v - h
        moves = np.asarray(own - memory.moves, np.float64)
        memory.moves[:] = own
        memory.meetings[:] += 1
        if memory.meetings[0] <= warmup:
            return
        for place in range(len(told.mine)):
            rows = np.flatnonzero(inbox.senders == place)
            K = max(1, int(told.tasks[place, 0]))
            u = np.asarray(told.mine[place] + told.heard[place], np.float64) / np.sqrt(K)
            for q in range(h.shape[2]):
                for s in range(e):
                    W = np.ascontiguousarray(told.v[rows, :, q, s] + u[:, q, s])
                    moved = np.ascontiguousarray(moves[rows, :, q, s])
                    by = correction(W, moved, b, trust)
                    if by is not None:
                        v[rows, :, q, s] += by.astype(np.float32)
                        h[rows, :, q, s] += by.astype(np.float32)

    def model(bank: TwoPhase, rows: Rows) -> F32:
        u = bank.common.mine + bank.common.heard
        if coupling is not None:
            u = u * np.float32(1 / np.sqrt(max(1, int(bank.here.tasks[0]))))
        return u[None] + bank.own.v[rows]

    return Strategy(init, score, learn, message, merge, meet, mix, model, names("two_phase", rates))


def _flat(leaf: NDArray[Any]) -> NDArray[Any]:
    """Of a leaf, a vector for each task or place."""
    return np.ascontiguousarray(leaf).reshape(len(leaf), prod(leaf.shape[1:]))
