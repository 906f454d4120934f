"""Dual coordinate ascent at tasks whose covariance is learnt where they meet: DMTRL and MOCHA.

The state and the eight functions behind `dmtrl` and `mocha`, which say what is solved and why. A
message is a state, b_t; so is the reply, which says what the others add to w_t, and of which b_t
it is that the meeting knew, so that nothing is counted twice or lost, however late it comes. What
all have in common lies beside the tasks, and is known to all of a place at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np

from learners import tree
from learners.coordination.sdca_kernels import LOSSES, hearing, learner, telling
from learners.coordination.sigma import MOST, Related, drawn, most_apart, nearer, safe_rho, seated
from learners.types import F32, F64, I64, U32, Block, Inbox, Rows, Scores, Shape, Strategy

WINDOW = 200  # examples kept: 800 bytes a task and column, and 160 kB a task for their products
RIDGES = (0.0005, 0.0015, 0.005, 0.015)
TOIL = 20.0  # an entry's, by these: 6 of long examples, 40 of short ones
COMMON = 0.7  # share of Sigma that is the same for all tasks, where the rest is learnt
EVERY = 100  # examples of all tasks between Sigma-steps
REPLAYS = 20  # steps an example on those kept; 40 gained .1 points or none, 10 lost .3
Loss = Literal["hinge", "smooth", "logistic", "squared"]


class Seen(NamedTuple):
    """A task's window, by column."""

    x: Annotated[F32, "tdc"]  # of the examples kept, by their place in the ring
    last: Annotated[I64, "td"]  # number of the example that held the column last
    named: Annotated[U32, "td"]  # the column's feature id


class Heard(NamedTuple):
    """What a meeting says to a task, as its columns are stored."""

    others: Annotated[F64, "tdke"]  # what the others add to w_t besides what all have in common
    told: Annotated[F64, "tdke"]  # the b_t that the meeting knew
    sigma: Annotated[F64, "te"]  # sigma_tt
    part: Annotated[F64, "te"]  # c
    rho: Annotated[F64, "te"]
    blind: Annotated[F64, "te"]  # rho on occasions: nobody is shown then what a task does


class Live(NamedTuple):
    """A task's share in what all here have in common."""

    shown: Annotated[F64, "tdke"]  # its b_t, as the sum of them has it
    drawn: Annotated[F64, "tdke"]  # what the others' sum added to w_t, as `Duals.theirs` has it


class Common(NamedTuple):
    """What all tasks have in common: the sum of their b."""

    mine: Annotated[F64, "dke"]  # of this place's, as they showed it
    heard: Annotated[F64, "dke"]  # and of the others'


class Elsewhere(NamedTuple):
    """What a meeting says to a place."""

    heard: Annotated[F64, "dke"]  # sum of b of all tasks at other places


class Duals(NamedTuple):
    """The window's examples, by their place in the ring."""

    y: Annotated[F32, "tck"]  # its sign says the class; 0: one that was not known then
    weight: Annotated[F32, "tc"]
    beta: Annotated[F64, "tcKe"]  # alpha = weight y beta
    theirs: Annotated[F64, "tcke"]  # x . (others + drawn)
    base: Annotated[F64, "tcke"]  # x . told
    G: Annotated[F32, "tcc"]  # x . x'
    n: Annotated[I64, "t2"]  # examples kept so far, and those that came
    seed: Annotated[I64, "t1"]


class Sdca(NamedTuple):
    """State of the tasks: w_t = (sigma_tt b_t + c (sum of b - b_t)) / lambda + others."""

    seen: Seen
    heard: Heard
    live: Live
    duals: Duals
    common: Common


class Told(NamedTuple):
    """A task's b: the mean of alpha x over its window."""

    b: Annotated[F64, "tdke"]


def whole(common: Common) -> F64:
    """The sum over all tasks, here and elsewhere."""
    return common.mine + common.heard


def sdca(
    family: str,
    ridges: Sequence[float],
    loss: Loss,
    work: tuple[int, int],
    window: int,
    coupling: float | None,
    common: float,
    at_once: int | None,
    every: int,
    floor: float,
    pace: float,
) -> Strategy:
    """The strategy; what it is made of is said where it is used.

    Raises
    ------
    ValueError
        when a ridge is not positive, the loss is unknown, or another number is out of range.
    """
    least, most = work
    if loss not in LOSSES:
        raise ValueError(f"loss: {loss!r} is none of {', '.join(LOSSES)}")
    if not ridges or not all(0 < ridge < np.inf for ridge in ridges):
        raise ValueError(f"ridges: {ridges!r} are not positive numbers")
    if not 0 <= least <= most or window < 1:
        raise ValueError(f"work: {work!r}, window: {window!r}: not from 0 on, or no window")
    shares = {"coupling": coupling or 0.0, "common": common, "floor": floor, "pace": pace}
    for name, value in shares.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name}: {value!r} is not from 0 to 1")
    if at_once is not None and at_once < 1:
        raise ValueError(f"at_once: {at_once!r} is not a number of tasks")
    learnt, c = coupling is None, common if coupling is None else float(coupling)
    e, which = len(ridges), LOSSES.index(loss)
    ridge = np.array(ridges, np.float64)

    def init(seeds: I64, shape: Shape) -> Sdca:
        rows = shape._replace(tasks=len(seeds))
        bank = Sdca(
            tree.zeros(Seen, rows, c=window),
            tree.zeros(Heard, rows, e),
            tree.zeros(Live, rows, e),
            tree.zeros(Duals, rows, e, c=window),
            tree.zeros(Common, shape, e),
        )
        for leaf in bank.heard[2:]:
            leaf[:] = 1.0
        bank.heard.part[:] = c
        bank.duals.seed[:, 0] = seeds
        return bank

    def run(bank: Sdca, block: Block, teach: bool) -> Scores:
        (x, last, named), (others, told, *said), live, duals, common = bank
        k, classes, n = others.shape[-2], block.first.shape[1], len(block.rows)
        scores = np.zeros((n, classes, e))
        by_column = (x.reshape(-1, window), last.reshape(-1), named.reshape(-1))
        learner(k == 1, which, block.runs, teach)(
            block.rows, block.indptr, block.columns, block.slots, block.ids, block.values,
            block.labels, block.weights, block.first, block.start, *by_column,
            *(leaf.reshape(-1, k, e) for leaf in (others, told, *live)), *duals, *common, *said,
            ridge, least, most, np.empty((1 + 2 * k * e, window)), np.empty((2, k * e)),
            np.empty((2, k * e), np.float32), scores.reshape(-1),
        )  # fmt: skip
        return scores.transpose(0, 2, 1)

    def score(bank: Sdca, block: Block) -> Scores:
        return run(bank, block, teach=False)

    def learn(bank: Sdca, block: Block) -> Scores:
        return run(bank, block, teach=True)

    def message(bank: Sdca, rows: Rows) -> Told:
        (x, last, _), d = bank.seen, bank.duals
        b = np.zeros((len(rows), *bank.heard.others.shape[1:]))
        telling(rows, x, last, d.y, d.weight, d.beta, d.n, b)
        return Told(b)

    def merge(bank: Sdca, rows: Rows, reply: tuple[Heard, Elsewhere]) -> None:
        said, elsewhere = reply
        if elsewhere.heard is not None:
            bank.common.heard[:] = elsewhere.heard
        d, shown = bank.duals, bank.live.shown
        b = message(bank, rows).b
        for row, now in zip(rows, b, strict=True):
            bank.common.mine[:] += now - shown[row]
            shown[row] = now
        drawn = (said.part / ridge)[:, None, None] * (whole(bank.common) - b)
        hearing(
            rows, *bank.seen, bank.heard.others, bank.heard.told, bank.live.drawn, d.theirs, d.base,
            d.n, said.others, said.told, drawn,
        )  # fmt: skip
        for into, leaf in zip(bank.heard[2:], said[2:], strict=True):
            into[rows] = leaf

    def meet(shape: Shape, seed: int) -> Related:
        memory: Related = tree.zeros(Related, shape, e, q=MOST)
        memory.part[:] = c
        return memory

    def mix(memory: Related, inbox: Inbox) -> tuple[Heard, Elsewhere]:
        b: F64 = inbox.message.b
        ones = np.ones((len(b), e))
        reply = Heard(
            np.zeros_like(b), b.copy(), ones, memory.part * ones, ones.copy(), ones.copy()
        )
        here = np.zeros((len(inbox.mixing), *b.shape[1:]))
        np.add.at(here, inbox.senders, b)
        elsewhere = Elsewhere(here.sum(0) - here)
        if coupling == 0:
            return reply, elsewhere
        rows = seated(memory, inbox.seen)
        seats = memory.seat[rows, 0] - 1
        seen = int(inbox.seen.sum())
        due = learnt and abs(seen - int(memory.step[0])) >= every
        if due:
            memory.step[0] = seen
        for s in range(e):
            B = np.ascontiguousarray(b[rows, :, :, s]).reshape(len(rows), b.shape[1] * b.shape[2])
            S = memory.S[rows[:, None], seats, s]
            if not learnt:
                S = np.eye(len(rows))
            elif due and len(rows):
                # W by the Sigma of before, and by the new one from then on: W = B Sigma / lambda.
                S, memory.part[s] = nearer(S, memory.part[s], B, floor, pace)
            memory.S[rows[:, None], seats, s] = S
            part = float(memory.part[s])
            own = np.ones(len(b))
            own[rows] = np.diag(S) + part * (1.0 - np.diag(S))
            theirs = (1.0 - part) * drawn(S, B, own=False) / ridge[s]
            reply.others[rows, :, :, s] = theirs.reshape(len(rows), *b.shape[1:3])
            reply.sigma[:, s], reply.part[:, s] = own, part
            rho = np.full(len(b), 1.0 - part)
            rho[rows] = safe_rho((1.0 - part) * S, own[rows], at_once)
            rho += part / own
            for into, places in ((reply.rho, inbox.senders), (reply.blind, np.arange(len(b)))):
                together = part * most_apart(own, places, at_once)
                into[:, s] = np.maximum(1.0, rho + together)
        return reply, elsewhere

    def model(bank: Sdca, rows: Rows) -> F32:
        b, theirs = message(bank, rows).b, whole(bank.common) - bank.live.shown[rows]
        own, part = (leaf[rows, None, None] for leaf in bank.heard[2:4])
        w = (own * b + part * theirs) / ridge + bank.heard.others[rows]
        return w.astype(np.float32)

    named = tuple(f"{family}:{value:g}" for value in ridges)
    return Strategy(init, score, learn, message, merge, meet, mix, model, named, toil=TOIL)
