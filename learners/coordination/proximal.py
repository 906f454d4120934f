"""Distributed proximal methods: tasks take gradient steps, meetings take the proximal operator.

    min_W sum_t l_t(w_t) + lambda g(W)

Forward-backward splitting, W <- prox(W - eta grad) with the prox of eta lambda g, is separable but
for the prox: tasks do the first half as their examples come, a meeting the second (`trace`, `mean`,
`clustered`, `laplacian`). Backward-forward splitting iterates what is told, V, instead,

    v_t <- v_t + eta_k (p_t - eta grad l_t(p_t) - v_t),     P = prox(V),

so that a task may do it whenever it hears its p_t, however old (`amtl`); with eta_k = 1 it is the
same sequence. Here a task keeps its model w, and b, what a relaxed step has left of the way from v
to p: v = w - b. It tells v; the reply is p - v, as told; when it comes, v goes eta_k of that way, b
is the rest and w = v + b. So w = p + (v - v as told): what was learnt since is in it, however late
the reply; an example costs O(non-zeros); and at eta_k = 1, where b is 0, nothing else is kept.
A relaxed task has one request under way: replies to what it told before it heard another are void.

Steps of AdaGrad have their own length in every coordinate. Tasks' sums of 1 / sqrt(i) over the
examples since they last told, in the mean of those that learnt any, stand for the eta of the prox.

A task that learnt nothing is not shrunk again: its model stays, or (`amtl`) its v does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.independent import independent
from learners.coordination.linear import Own, names
from learners.coordination.prox import Prox
from learners.coordination.proximal_kernels import learner
from learners.coordination.shared import Shared, shared
from learners.losses import log
from learners.types import (
    F32,
    F64,
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

DELAYS = 5  # that the dynamic step takes the mean of


class Mark(NamedTuple):
    """How a task stands that is relaxed."""

    heard: Annotated[I64, "t1"]  # replies it had heard when it told


class Told(NamedTuple):
    """What a task is without the prox: v."""

    v: Annotated[F32, "tdke"]
    mark: Mark | tuple[()]


class Answer(NamedTuple):
    """What a relaxed task must know of a reply."""

    heard: Annotated[I64, "t1"]  # replies it had heard when it told v
    n: Annotated[I64, "t1"]  # examples it had learnt
    relax: Annotated[F64, "t1"]  # eta_k


class Heard(NamedTuple):
    """The way from what was told to its prox."""

    by: Annotated[F32, "tdke"]  # p - v
    answer: Answer | tuple[()]


class Met(NamedTuple):
    """What a meeting remembers."""

    n: Annotated[I64, "t1"]  # examples learnt at the last
    steps: Annotated[F64, "1"]  # sum of 1 / sqrt(i) since, the last time that anybody had learnt


class Relaxed(NamedTuple):
    """What steps with eta_k < 1 take."""

    b: Annotated[F32, "tdke"]  # w - v
    n: Annotated[I64, "t1"]  # examples learnt
    told: Annotated[I64, "t1"]  # examples learnt when that was told which the last reply was to
    pace: Annotated[F64, "t1"]  # eta_k, or c eta_k; 0: nothing heard yet
    delays: Annotated[I64, "tb"]  # how many were learnt from telling to hearing, of late
    heard: Annotated[I64, "t1"]  # replies


class Whole(NamedTuple):
    """A whole activation's step, not taken before it is over."""

    step: Annotated[F32, "tdke"]


class Proximal(NamedTuple):
    """State of the tasks."""

    base: Own | Shared  # own v: the model w, less the common one if there is any
    relaxed: Relaxed | tuple[()]
    whole: Whole | tuple[()]


def own(bank: Proximal) -> Own:
    """The part that meetings move."""
    return bank.base if isinstance(bank.base, Own) else bank.base.own


def root_steps(n: I64, before: I64) -> float:
    """Sum of 1 / sqrt(i) over examples since (as an integral), in the mean of who learnt any."""
    active = n > before
    if not active.any():
        return 0.0
    now, then = (np.sqrt(x[active].astype(np.float64)) for x in (n, before))
    return float(np.cumsum(2.0 * (now - then))[-1]) / int(active.sum())


def proximal(
    family: str,
    rates: Sequence[float],
    coupling: float,
    prox: Callable[[tuple[str, ...]], Prox],
    *,
    common: bool = False,
    relax: Callable[[int], float] | None = None,
    dynamic: bool = False,
    step: Literal["coordinate", "constant"] = "coordinate",
    whole: bool = False,
    tempered: bool = True,
) -> Strategy:
    """The strategy whose meetings take that operator.

    Parameters
    ----------
    rates
        eta, one for each expert
    coupling
        lambda; 0: meetings change nothing, to the bit
    prox
        makes the operator, given the names of the tasks that meet
    common
        whether w_t = u + v_t with a common model u (`shared`) that the penalty does not see
    relax
        eta_k for so many tasks; None: 1
    dynamic
        eta_k longer for tasks whose replies are late, with `relax` and constant steps
    step
        AdaGrad by coordinate, or eta
    whole
        gradients are those at the model last heard, and take effect when the next is: what is
        learnt between two meetings is one step of the papers'

    Raises
    ------
    ValueError
        for a coupling that is no number from 0 on, and for steps that do not go together.
    """
    if not 0 <= coupling < np.inf:
        raise ValueError(f"coupling: {coupling!r} is not a number from 0 on")
    if step == "coordinate" and (whole or dynamic):
        raise ValueError("whole, dynamic: go with constant steps")
    if step == "constant" and common:
        raise ValueError("common: goes with steps by coordinate")
    e, eta = len(rates), np.array(rates, np.float32)
    base = (shared if common else independent)(rates, tempered=tempered)

    def init(seeds: I64, shape: Shape) -> Proximal:
        rows = shape._replace(tasks=len(seeds))
        return Proximal(
            base.init(seeds, shape),
            tree.zeros(Relaxed, rows, e, b=DELAYS) if relax else (),
            tree.zeros(Whole, rows, e) if whole else (),
        )

    def work(bank: Proximal, block: Block, teach: bool) -> Scores:
        if step == "coordinate":
            return (base.learn if teach else base.score)(bank.base, block)
        v = own(bank).v
        into = bank.whole.step if isinstance(bank.whole, Whole) else v
        pace = np.zeros((len(block.first), 1))
        if isinstance(bank.relaxed, Relaxed):
            pace = bank.relaxed.pace
        scores = np.zeros((len(block.rows), block.first.shape[1], e))
        learner(v.shape[-2] == 1, e)(
            block.rows, block.indptr, block.slots, block.runs, block.values, block.labels,
            block.weights, block.first, block.start, v.reshape(-1), into.reshape(-1), pace, eta,
            scores.reshape(-1), teach,
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

    def score(bank: Proximal, block: Block) -> Scores:
        return work(bank, block, teach=False)

    def learn(bank: Proximal, block: Block) -> Scores:
        scores = work(bank, block, teach=True)
        if isinstance(bank.relaxed, Relaxed):
            np.add.at(bank.relaxed.n[:, 0], block.rows, 1)
        return scores

    def message(bank: Proximal, rows: Rows) -> Message:
        v = own(bank).v[rows]
        if isinstance(bank.whole, Whole):
            v += bank.whole.step[rows]
        mark: Mark | tuple[()] = ()
        if isinstance(bank.relaxed, Relaxed):
            v -= bank.relaxed.b[rows]
            mark = Mark(bank.relaxed.heard[rows])
        return Told(v, mark), base.message(bank.base, rows)

    def merge(bank: Proximal, rows: Rows, reply: Reply) -> None:
        heard: Heard = reply[0]
        base.merge(bank.base, rows, reply[1])
        by = heard.by
        if isinstance(bank.relaxed, Relaxed):
            assert isinstance(heard.answer, Answer)
            # A node has one request under way: what was told before another reply came is void.
            fit = heard.answer.heard[:, 0] == bank.relaxed.heard[rows, 0]
            rows, by = rows[fit], by[fit]
            part = rest(bank.relaxed, rows, Answer(*(leaf[fit] for leaf in heard.answer)))
        w = own(bank).v[rows]
        if isinstance(bank.whole, Whole):
            w += bank.whole.step[rows]
            bank.whole.step[rows] = 0
        if isinstance(bank.relaxed, Relaxed):
            w -= bank.relaxed.b[rows]
            bank.relaxed.b[rows] = part[..., None, None] * by
        own(bank).v[rows] = w + by

    def rest(state: Relaxed, rows: Rows, answer: Answer) -> F32:
        """What remains of the way to p: all of it, for those that learnt nothing since the last."""
        at = state.heard[rows, 0]
        state.heard[rows, 0] = at + 1
        state.delays[rows, at % DELAYS] = np.maximum(state.n[rows] - answer.n, 0)[:, 0]
        pace = answer.relax
        if dynamic:
            mean = state.delays[rows].sum(1) / np.minimum(at + 1, DELAYS)
            pace = np.minimum(1.0, pace * np.array([log(max(x, 10.0)) for x in mean])[:, None])
        state.pace[rows] = pace
        active = answer.n > state.told[rows]
        state.told[rows] = answer.n
        return (1.0 - active * pace).astype(np.float32)

    def meet(shape: Shape, seed: int) -> Bank:
        return tree.zeros(Met, shape)

    def mix(memory: Met, inbox: Inbox) -> Reply:
        told, others = inbox.message
        v: F32 = told.v
        by, n, before = np.zeros_like(v), inbox.seen, memory.n[:, 0].copy()
        share = relax(len(v)) if relax else 1.0
        memory.n[:, 0] = n
        steps = root_steps(n, before)
        if steps:
            memory.steps[0] = steps
        # Of the whole way v goes eta_k, but whole steps forward: so must the way be longer.
        much = coupling * (memory.steps[0] / share if step == "coordinate" else 1.0)
        if coupling and len(v):
            operator = prox(inbox.tasks)
            for s, rate in enumerate(rates):
                V = np.ascontiguousarray(v[..., s].transpose(0, 2, 1), np.float64)
                by[..., s] = (operator(V, much * rate) - V).transpose(0, 2, 1)
        if relax is None:
            by[n <= before] = 0
        answer: Answer | tuple[()] = ()
        if isinstance(told.mark, Mark):
            answer = Answer(told.mark.heard, n[:, None].copy(), np.full((len(v), 1), share))
        return Heard(by, answer), base.mix((), inbox._replace(message=others))

    def model(bank: Proximal, rows: Rows) -> F32:
        return base.model(bank.base, rows)

    return Strategy(init, score, learn, message, merge, meet, mix, model, names(family, rates))
